import ArgumentParser
import ColonyCore
import ColonyRemote
import ColonyResilience

struct LimitListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the limits that are not full, with what is left of them.",
        discussion: "Example: colony limit list --prefix tenant/ --json"
    )

    @Option(help: ArgumentHelp("Only names that start with this.", valueName: "text"))
    var prefix = ""

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    /// The same shape as that of the HTTP interface.
    private struct Document: Encodable {
        let limits: [LimitDocument]
    }

    mutating func run() async throws {
        let engine = try self.stores.place().makeLimitEngine()
        var records: [RateLimitRecord] = []
        repeat {
            let page = try await engine.limits(
                withPrefix: self.prefix, after: records.last?.name, limit: RateLimitLimits.batch)
            records += page
            if page.count < RateLimitLimits.batch { break }
        } while true
        if self.output.json {
            StandardOutput.write(try JSONText.of(Document(limits: records.map { LimitDocument($0) })))
        } else if records.isEmpty {
            StandardError.write(
                self.prefix.isEmpty
                    ? "All limits are full." : "All limits whose names start with \"\(self.prefix)\" are full.")
        } else {
            StandardOutput.write(Self.table(records))
        }
    }

    private static func table(_ records: [RateLimitRecord]) -> String {
        var table = TextTable([
            .init("NAME"), .init("RATE"), .init("BURST", isNumeric: true), .init("LEFT", isNumeric: true),
            .init("FULL IN", isNumeric: true),
        ])
        table.rows = records.map { record in
            let standing = record.standing
            return [
                record.name.rawValue, "\(record.rule.permits) in \(record.rule.period.text)", "\(record.rule.burst)",
                "\(standing.remaining)", standing.resetAfter.text,
            ]
        }
        return table.lines.joined(separator: "\n")
    }
}
