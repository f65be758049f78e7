import ArgumentParser
import ColonyCore
import ColonyQueues

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

struct QueuePublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Publish a message, a file, or every line of standard input.",
        discussion: """
            Example: colony queue publish mail '{"to": "ada@example.org"}' --key ada

            Without a body and without --file every line of standard input is a message, as it is and without its line feed. Lines that \
            are at hand are published together, and a line that is followed by a pause at once. The numbers of the messages are \
            printed one a line as they are confirmed; by a store on disk that is after fsync.

            With lines, --dedup-id has the number of the line added, as in import-1/17: the same input may be published again after \
            a failure within the window of the queue, and no line is stored twice.

            A queue that is not there is made with the default settings. Exit codes: 0 done, 1 failed, 64 wrong usage, 75 no room in \
            the queue or no answer from the store; the sentence says up to which line all was published.
            """
    )

    @OptionGroup var queue: QueueNameArgument

    @Argument(help: ArgumentHelp("What to publish. Without it and without --file, lines are read.", valueName: "body"))
    var body: String?

    @Option(
        help: ArgumentHelp("Publish all bytes of a file as one message; - for standard input.", valueName: "path"),
        completion: .file())
    var file: String?

    @Option(help: ArgumentHelp("Messages with the same key are delivered in order, one at a time.", valueName: "text"))
    var key: String?

    @Option(help: ArgumentHelp("From 0 to 9; higher ones are delivered first.", valueName: "number"))
    var priority = 4

    @Option(
        help: .duration("Deliver it so much later, up to a century."), transform: { try DurationArgument($0) })
    var delay: DurationArgument?

    @Option(
        help: ArgumentHelp("Deliver it at a time, such as 2026-12-24T18:00:00+01:00.", valueName: "time"),
        transform: { try QueueArguments.time($0) })
    var at: WallTime?

    @Option(
        help: ArgumentHelp("Store only the first message with this, within the window of the queue.", valueName: "text")
    )
    var dedupId: String?

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp(
            "A name and a value that go with the message; may be given several times.", valueName: "name=value"),
        transform: { try QueueArguments.header($0) })
    var headers: [(name: String, value: String)] = []

    @Option(
        help: .duration("How long to wait for room in a queue that is declared to wait. (default: 30s)"),
        transform: { try DurationArgument($0) })
    var wait = DurationArgument(.seconds(30))

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        if self.body != nil, self.file != nil { throw ValidationError("A body and --file exclude each other.") }
        if self.delay != nil, self.at != nil { throw ValidationError("--delay and --at exclude each other.") }
        if Set(self.headers.map(\.name)).count < self.headers.count {
            throw ValidationError("A header is given twice.")
        }
        do {
            try self.outgoing([], deduplicationID: self.dedupId).validate()
        } catch {
            throw ValidationError("\(error.message).")
        }
    }

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        let bodies = try self.single()
        let settings = try await engine.settings(makingIfAbsent: self.queue.name, isJSON: self.output.json)
        let queue = MessageQueue<[UInt8]>(
            self.queue.name, on: DeclaredQueueEngine(engine), settings: settings, codec: .bytes)
        if let bodies {
            let answers = try await queue.publish([self.message(bodies, line: nil)], waitingUpTo: self.wait.value)
            try self.show(answers, of: engine)
            if answers.contains(.full) { throw self.full(queue, "") }
        } else {
            try await self.publishLines(to: queue)
        }
    }

    /// What is published as one message, or `nil` for lines.
    private func single() throws -> [UInt8]? {
        if let body { return Array(body.utf8) }
        guard let file else { return nil }
        let bytes = try ByteSource.bytes(of: file == "-" ? nil : file, atMost: MessageLimits.bodyBytes + 1)
        guard bytes.count <= MessageLimits.bodyBytes else {
            throw QueueError(
                .tooLarge,
                "\(file == "-" ? "standard input" : NameRules.quoted(file)) has more than the \(MessageLimits.bodyBytes) "
                    + "bytes that a message may have")
        }
        return bytes
    }

    private func publishLines(to queue: MessageQueue<[UInt8]>) async throws {
        let command = self
        // The reader blocks its thread, which therefore is one of its own.
        try await Task(executorPreference: DedicatedExecutor(named: "colony-lines")) {
            var reader = LineReader(STDIN_FILENO)
            while let batch = try reader.next() {
                try await command.publish(batch, to: queue)
            }
        }.value
    }

    private func publish(_ batch: LineReader.Batch, to queue: MessageQueue<[UInt8]>) async throws {
        let messages = batch.lines.enumerated().map { self.message($0.element, line: batch.firstLine + $0.offset) }
        let answers: [PublishOutcome]
        do throws(QueueError) {
            answers = try await queue.publish(messages, waitingUpTo: self.wait.value)
        } catch {
            let last = batch.firstLine + batch.lines.count - 1
            let isUnknown = [.unavailable, .cancelled].contains(error.code)
            throw QueueError(
                error.code,
                "\(error.message). That was at line \(batch.firstLine). "
                    + "\(LineReader.publishedSentence(upTo: batch.firstLine - 1)) "
                    + (isUnknown
                        ? "It is unknown whether lines \(batch.firstLine) to \(last) were" : "Nothing from it on was"),
                cause: error.cause)
        }
        try self.show(answers, of: queue.engine)
        if let position = answers.firstIndex(of: .full) {
            let line = batch.firstLine + position
            throw self.full(queue, " for line \(line). \(LineReader.publishedSentence(upTo: line - 1))")
        }
    }

    private func full(_ queue: MessageQueue<[UInt8]>, _ place: String) -> Failure {
        let wait = queue.settings.overflow == .wait ? " within \(self.wait.value.text)" : ""
        return Failure(
            "full", "the queue \(queue.name) has no room\(wait)\(place.isEmpty ? "." : place) Try again later.",
            exitCode: .tryAgainLater)
    }

    private func show(_ answers: [PublishOutcome], of engine: any QueueEngine) throws {
        let durability = "\(engine.durability)"
        let lines = try answers.compactMap { answer -> String? in
            let (id, isDuplicate): (MessageID, Bool)
            switch answer {
            case .stored(let stored): (id, isDuplicate) = (stored, false)
            case .duplicate(let first): (id, isDuplicate) = (first, true)
            case .full: return nil
            }
            guard self.output.json else { return id.description }
            return try JSONText.of(
                PublishedDocument(id: id.rawValue, durability: durability, duplicate: isDuplicate ? true : nil))
        }
        if !lines.isEmpty { StandardOutput.write(lines.joined(separator: "\n")) }
    }

    // MARK: Messages

    private func message(_ body: [UInt8], line: Int?) -> NewMessage<[UInt8]> {
        let deduplicationID = self.dedupId.map { id in line.map { "\(id)/\($0)" } ?? id }
        let outgoing = self.outgoing(body, deduplicationID: deduplicationID)
        return NewMessage(
            body, key: outgoing.key, priority: outgoing.priority, availability: outgoing.availability,
            deduplicationID: outgoing.deduplicationID, headers: outgoing.headers)
    }

    private func outgoing(_ body: [UInt8], deduplicationID: String?) -> OutgoingMessage {
        let availability: OutgoingMessage.Availability =
            if let delay { .after(delay.value) } else if let at { .at(at) } else { .now }
        return OutgoingMessage(
            body, key: self.key, priority: self.priority, availability: availability, deduplicationID: deduplicationID,
            headers: Dictionary(self.headers.map { ($0.name, $0.value) }) { first, _ in first })
    }
}
