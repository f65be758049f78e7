import ArgumentParser
import ColonyCore

struct LockListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the locks that are held, with their holders.",
        discussion: "Example: colony lock list --prefix orders/ --json"
    )

    @Option(help: ArgumentHelp("Only names that start with this.", valueName: "text"))
    var prefix = ""

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let engine = try self.stores.administration()
        var records: [LeaseRecord] = []
        repeat {
            let page = try await engine.records(
                withPrefix: self.prefix, after: records.last?.name, limit: LeaseLimits.batch)
            records += page
            if page.count < LeaseLimits.batch { break }
        } while true
        if self.output.json {
            StandardOutput.write(try JSONText.of(LockListDocument(records)))
        } else if records.isEmpty {
            StandardError.write(
                self.prefix.isEmpty ? "No lock is held." : "No lock whose name starts with \"\(self.prefix)\" is held.")
        } else {
            StandardOutput.write(LockPresentation.table(records))
        }
    }
}
