import ArgumentParser
import ColonyCoordination
import ColonyCore

struct ElectStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show who leads an election, since when, and in which term.",
        discussion: """
            Example: colony elect status scheduler

            Exits with 1 if nobody leads.
            """
    )

    @OptionGroup var election: ElectionNameArgument
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    private struct Document: Encodable {
        let name: String
        let leader: String
        let term: UInt64
        let metadata: String?
        let age_ms: Int64
        let remaining_ms: Int64
    }

    mutating func run() async throws {
        let engine = try self.stores.engine()
        let name = self.election.name
        // Two looks, at the lease and at what the leader says; what is said of another term is no news of this one.
        guard let record = try await engine.inspect(name) else {
            throw Failure("not_found", "nobody leads \(name).")
        }
        let leader = try await Election(name, on: engine).leader()
        let said = leader.flatMap { $0.term == record.token ? $0 : nil }
        let document = Document(
            name: name.rawValue, leader: said?.name ?? record.owner.rawValue, term: record.token.rawValue,
            metadata: said?.metadata, age_ms: record.age.clampedMilliseconds,
            remaining_ms: record.remaining.clampedMilliseconds)
        guard !self.output.json else { return StandardOutput.write(try JSONText.of(document)) }
        var lines = [
            "leader    \(document.leader)", "term      \(document.term)", "since     \(record.age.wholeSeconds)",
            "left      \(record.remaining.text)",
        ]
        if let metadata = document.metadata { lines.append("metadata  \(metadata)") }
        StandardOutput.write(lines.joined(separator: "\n"))
    }
}
