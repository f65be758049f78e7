import ArgumentParser
import ColonyCore
import ColonyQueues

struct QueueListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the queues, with how many messages stand where.",
        discussion: "Example: colony queue list --prefix mail --json"
    )

    @Option(help: ArgumentHelp("Only names that start with this.", valueName: "text"))
    var prefix = ""

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        var records: [QueueRecord] = []
        while true {
            let page = try await engine.queues(after: records.last?.name, limit: MessageLimits.batch)
            records += page
            if page.count < MessageLimits.batch { break }
        }
        let prefix = self.prefix
        records = records.filter { $0.name.rawValue.utf8.starts(with: prefix.utf8) }
        if self.output.json {
            StandardOutput.write(try JSONText.of(QueueListDocument(queues: records.map { QueueDocument($0) })))
        } else if records.isEmpty {
            StandardError.write(
                prefix.isEmpty
                    ? "There is no queue." : "There is no queue whose name starts with \(NameRules.quoted(prefix)).")
        } else {
            StandardOutput.write(QueuePresentation.table(records))
        }
    }
}

struct QueueInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show how a queue stands, its settings, and what has happened in it.",
        discussion: """
            Example: colony queue inspect mail

            Exits with 1 if there is no such queue.
            """
    )

    @OptionGroup var queue: QueueNameArgument
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let record = try await self.stores.queues().existing(self.queue.name)
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(QueueDocument(record))
                : QueuePresentation.details(record, now: SystemWallClock().now))
    }
}
