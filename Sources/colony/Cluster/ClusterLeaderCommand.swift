import ArgumentParser
import ColonyCore
import ColonyRemote

struct ClusterLeaderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leader",
        abstract: "Show which daemon of a cluster leads, and which led before it, or have another one lead.",
        discussion: """
            Example: colony cluster leader --hand-over b

            There is a leader if the daemons were started with --voter. Exits with 75 if nobody leads at present, as far as the daemon \
            knows that is asked.
            """
    )

    @Option(
        name: .customLong("hand-over"),
        help: ArgumentHelp("Have this one lead. The leader is asked, wherever it is.", valueName: "node"))
    var successor: String?

    @OptionGroup var place: ClusterOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        if let successor {
            return try await self.place.change { leader throws(LeaseError) in
                try await leader.handOver(to: successor)
            }
        }
        let cluster = try await self.place.cluster().read()
        let election = try self.place.election(of: cluster)
        if self.output.json {
            StandardOutput.write(try JSONText.of(election))
        } else if let leader = election.leader {
            var lines = ["leader   \(leader)", "term     \(election.term)"]
            if let term = election.terms.first, term.term == election.term { lines.append("since    \(term.since)") }
            if let url = election.leader_url { lines.append("serves   at \(url)") }
            let before = election.terms.drop { $0.term == election.term }.prefix(5)
            lines += before.map { term in
                "before   \(term.leader) in term \(term.term), \(term.since) to \(term.until ?? "?")"
                    + (term.reason.map { ": \($0.replacing("_", with: " "))" } ?? "")
            }
            StandardOutput.write(lines.joined(separator: "\n"))
        }
        guard election.leader != nil else { throw ClusterOptions.leaderless(cluster) }
    }
}
