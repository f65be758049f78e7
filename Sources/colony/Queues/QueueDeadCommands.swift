import ArgumentParser
import ColonyCore
import ColonyQueues

struct QueueDeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "Look at messages that were given up, deliver them again, or drop them.",
        discussion: """
            Example: colony queue dead list mail
            """,
        subcommands: [QueueDeadListCommand.self, QueueDeadRedriveCommand.self, QueueDeadDropCommand.self]
    )
}

struct QueueDeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show dead letters with their reasons and what every delivery came to.",
        discussion: """
            Example: colony queue dead list mail --count 5

            Of a queue that names another as its dead-letter queue, look there.
            """
    )

    @OptionGroup var queue: QueueNameArgument

    @Option(
        help: ArgumentHelp("How many at most, up to 1000. (default: 20)", valueName: "number"),
        transform: { try QueueArguments.count($0) })
    var count = 20

    @Option(
        help: ArgumentHelp("Only those after this one.", valueName: "id"), transform: { try QueueArguments.id($0) })
    var after: MessageID?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        let dead = DeadLetterQueue(of: self.queue.name, on: engine)
        var letters: [DeadLetter] = []
        var next = self.after
        // A page may have few of them, because messages that are alive stand between.
        repeat {
            let page = try await dead.letters(after: next, limit: self.count)
            letters += page.letters
            next = page.next
        } while next != nil && letters.count < self.count
        if letters.count > self.count {
            letters.removeLast(letters.count - self.count)
            next = letters.last?.id
        }
        if self.output.json {
            let document = DeadLetterPageDocument(
                dead_letters: letters.map { MessageDocument($0) }, next: next?.rawValue)
            return StandardOutput.write(try JSONText.of(document))
        }
        let now = SystemWallClock().now
        for letter in letters { StandardOutput.write(QueuePresentation.details(letter, now: now)) }
        if letters.isEmpty { StandardError.write("There is no dead letter.") }
        if let next { StandardError.write("There may be more: --after \(next)") }
        if let target = try await engine.inspect(self.queue.name)?.settings.deadLetterQueue {
            StandardError.write("Dead letters of \(self.queue.name) go to \(target): colony queue dead list \(target)")
        }
    }
}

struct QueueDeadRedriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Deliver dead letters again, with no attempt counted.",
        discussion: """
            Example: colony queue dead redrive mail --all --rate 50/s

            Each goes to where it came from, or to --to. A rate keeps consumers that have just recovered from being overrun. \
            Ctrl-C leaves the rest where it is. Exits with 1 if there was none to redrive.
            """
    )

    @OptionGroup var queue: QueueNameArgument
    @OptionGroup var selection: DeadLetterSelection

    @Option(
        help: ArgumentHelp("Another queue to deliver them to.", valueName: "name"), transform: { try QueueName($0) })
    var to: QueueName?

    @Option(
        help: ArgumentHelp("How many at most in a time, such as 50/s or 30/m. (default: no limit)", valueName: "rate"),
        transform: { try QueueArguments.rate($0) })
    var rate: Double?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let dead = DeadLetterQueue(of: self.queue.name, on: try await self.stores.queues())
        let progress = ProgressLine()
        let show: (Int) -> Void = { progress.show("\($0) moved") }
        let moved =
            self.selection.all
            ? try await dead.redriveAll(to: self.to, rate: self.rate, reporting: show)
            : try await dead.redrive(self.selection.ids, to: self.to, rate: self.rate, reporting: show)
        progress.clear()
        guard moved > 0 else { throw Failure("not_found", "none of \(self.queue.name) could be redriven.") }
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(MessageCountDocument(moved: moved))
                : "Redrove \(moved) message\(moved == 1 ? "" : "s").")
    }
}

struct QueueDeadDropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Remove dead letters for good.",
        discussion: """
            Example: colony queue dead drop mail 4711 4712

            Exits with 1 if there was none to drop.
            """
    )

    @OptionGroup var queue: QueueNameArgument
    @OptionGroup var selection: DeadLetterSelection

    @Flag(name: [.short, .long], help: "Do not ask, with --all.")
    var yes = false

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        let dead = DeadLetterQueue(of: self.queue.name, on: engine)
        if self.selection.all {
            _ = try await engine.existing(self.queue.name)
            try Confirmation.ask(
                "Remove all dead letters of \(self.queue.name) for good?", isGiven: self.yes,
                "drop all dead letters of \(self.queue.name)")
        }
        let removed =
            self.selection.all ? try await dead.dropAll() : try await dead.drop(self.selection.ids)
        guard removed > 0 else { throw Failure("not_found", "there was no such dead letter in \(self.queue.name).") }
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(MessageCountDocument(removed: removed))
                : "Dropped \(removed) dead letter\(removed == 1 ? "" : "s").")
    }
}
