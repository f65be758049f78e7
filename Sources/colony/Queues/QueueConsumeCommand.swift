import ArgumentParser
import ColonyCore
import ColonyQueues

struct QueueConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume",
        abstract: "Run a command for each message, or print messages.",
        discussion: """
            Example: colony queue consume mail --concurrency 4 -- ./send-mail.sh

            The command finds the body on its standard input, and in its environment COLONY_QUEUE_NAME, COLONY_MESSAGE_ID, \
            COLONY_MESSAGE_ATTEMPT (1 at first), COLONY_MESSAGE_KEY (empty for none), COLONY_MESSAGE_PRIORITY, \
            COLONY_MESSAGE_PUBLISHED_AT, and COLONY_MESSAGE_HEADERS (a JSON object). Its exit code says what becomes of the message: 0 is \
            done, 65 makes it a dead letter at once, and any other has it tried again after a rest, until its deliveries are used up.

            The lease is extended while the command runs. If it is lost all the same, the command and all it has started get SIGTERM, \
            and SIGKILL after --grace, because another consumer may have the message. If this program is killed, the command is \
            killed too, and the message is delivered again when its lease has run out.

            SIGTERM and Ctrl-C begin no more messages and let running commands end, for up to --drain; a second one stops them at once.

            Without a command, bodies are printed one a line, or as JSON objects with --json, and each is done once it is written. What \
            is written to a pipe may never be read: use --count with head.

            Exit codes: 0 done, 1 failed, 64 wrong usage, 75 nothing received within --wait, 126 and 127 the command cannot be run \
            or was not found.
            """
    )

    @OptionGroup var queue: QueueNameArgument

    @Option(
        help: ArgumentHelp("How many commands run at a time, up to 1000.", valueName: "number"),
        transform: { try QueueArguments.count($0) })
    var concurrency = 1

    @Option(
        help: ArgumentHelp("End after so many deliveries. (default: never)", valueName: "number"),
        transform: { try QueueArguments.count($0) })
    var count: Int?

    @Option(
        help: .duration("End when there was nothing to do for so long; 0s takes what is there. (default: never)"),
        transform: { try DurationArgument($0) })
    var wait: DurationArgument?

    @Option(
        help: .duration("For how long messages are leased at a time. (default: that of the queue)"),
        transform: { try DurationArgument($0) })
    var lease: DurationArgument?

    @Option(
        help: .duration("How long running commands may go on after SIGTERM. (default: 30s)"),
        transform: { try DurationArgument($0) })
    var drain = DurationArgument(.seconds(30))

    @Option(
        help: .duration("How long after its SIGTERM a command is killed. (default: 10s)"),
        transform: { try DurationArgument($0) })
    var grace = DurationArgument(.seconds(10))

    @Option(help: ArgumentHelp("The exit code that makes a message a dead letter.", valueName: "code"))
    var deadLetterExit: CInt = 65

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
    var command: [String] = []

    mutating func validate() throws {
        if !(1...255).contains(self.deadLetterExit) {
            throw ValidationError("An exit code of \(self.deadLetterExit) is not possible: it lies between 1 and 255.")
        }
        do {
            try self.settings.validate(concurrency: self.concurrency)
        } catch {
            throw ValidationError("\(error.message).")
        }
    }

    private var settings: ConsumerSettings {
        var settings = ConsumerSettings()
        // A command may take long, so what it does not handle now is better left to others; printing is fast.
        settings.prefetch = self.command.isEmpty ? 100 : 0
        settings.lease = self.lease?.value
        settings.drainLimit = self.drain.value
        settings.cancellationLimit = self.grace.value + .seconds(2)
        settings.messageLimit = self.count
        settings.idleLimit = self.wait?.value
        return settings
    }

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        let settings = try await engine.settings(makingIfAbsent: self.queue.name, isJSON: self.output.json)
        let queue = MessageQueue<[UInt8]>(
            self.queue.name, on: DeclaredQueueEngine(engine), settings: settings, codec: .bytes)
        let session = ConsumeSession(
            queue: queue, words: try CommandLineWords.ofThisProcess().command, grace: self.grace.value,
            deadLetterExit: self.deadLetterExit, isJSON: self.output.json)
        try await session.run(concurrency: self.concurrency, settings: self.settings)
    }
}
