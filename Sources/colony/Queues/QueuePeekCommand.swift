import ArgumentParser
import ColonyCore
import ColonyQueues

struct QueuePeekCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peek",
        abstract: "Show messages without taking them.",
        discussion: """
            Example: colony queue peek mail --count 5

            Shows them in the order of publishing, with where each stands: ready, waiting behind an earlier one of its key, delayed, \
            or leased to a consumer. Looking does not count as a delivery. Dead letters: colony queue dead list.
            """
    )

    @OptionGroup var queue: QueueNameArgument

    @Option(
        help: ArgumentHelp("How many at most, up to 1000. (default: 20)", valueName: "number"),
        transform: { try QueueArguments.count($0) })
    var count = 20

    @Option(
        help: ArgumentHelp("Only messages after this one.", valueName: "id"),
        transform: { try QueueArguments.id($0) })
    var after: MessageID?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let messages = try await self.stores.queues()
            .messages(of: self.queue.name, after: self.after, limit: self.count)
        if self.output.json {
            let next = messages.count == self.count ? messages.last?.id.rawValue : nil
            StandardOutput.write(
                try JSONText.of(MessagePageDocument(messages: messages.map { MessageDocument($0) }, next: next)))
        } else if messages.isEmpty {
            StandardError.write("No message is there.")
        } else {
            StandardOutput.write(QueuePresentation.table(messages, now: SystemWallClock().now))
        }
    }
}
