import ArgumentParser
import ColonyCore
import ColonyQueues

struct QueuePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Have a queue deliver nothing until it is resumed.",
        discussion: """
            Example: colony queue pause mail

            Also after a restart. Publishing goes on, and consumers end what they have.
            """
    )

    @OptionGroup var queue: QueueNameArgument
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        try await QueuePausing.set(true, self.queue.name, self.stores, isJSON: self.output.json)
    }
}

struct QueueResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Have a paused queue deliver again.",
        discussion: "Example: colony queue resume mail"
    )

    @OptionGroup var queue: QueueNameArgument
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        try await QueuePausing.set(false, self.queue.name, self.stores, isJSON: self.output.json)
    }
}

private enum QueuePausing {
    private struct Document: Encodable {
        var changed: Bool
        var is_paused: Bool
    }

    static func set(_ isPaused: Bool, _ queue: QueueName, _ stores: StoreOptions, isJSON: Bool) async throws {
        let isChanged = try await stores.queues().pause(queue, isPaused)
        if isJSON {
            return StandardOutput.write(try JSONText.of(Document(changed: isChanged, is_paused: isPaused)))
        }
        switch (isPaused, isChanged) {
        case (true, true): StandardOutput.write("Paused \(queue).")
        case (true, false): StandardOutput.write("\(queue) is paused already.")
        case (false, true): StandardOutput.write("Resumed \(queue).")
        case (false, false): StandardOutput.write("\(queue) is not paused.")
        }
    }
}

struct QueueDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a queue that has no messages.",
        discussion: """
            Example: colony queue delete mail

            Exits with 1 if it still has messages, or if there is no such queue. See purge and dead drop.
            """
    )

    @OptionGroup var queue: QueueNameArgument
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    private struct Document: Encodable {
        var deleted: Bool
    }

    mutating func run() async throws {
        guard try await self.stores.queues().delete(self.queue.name) else { throw Failure.noQueue(self.queue.name) }
        StandardOutput.write(
            self.output.json ? try JSONText.of(Document(deleted: true)) : "Deleted \(self.queue.name).")
    }
}

struct QueueCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Take messages back that no consumer has, such as delayed ones.",
        discussion: """
            Example: colony queue cancel mail 4711

            Exits with 1 if none of them was there any more.
            """
    )

    @OptionGroup var queue: QueueNameArgument

    @Argument(
        help: ArgumentHelp("The numbers of the messages.", valueName: "id"), transform: { try QueueArguments.id($0) })
    var ids: [MessageID]

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    private struct Document: Encodable {
        var cancelled: [Bool]
    }

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        var cancelled: [Bool] = []
        for start in stride(from: 0, to: self.ids.count, by: MessageLimits.batch) {
            cancelled += try await engine.cancel(
                Array(self.ids[start...].prefix(MessageLimits.batch)), in: self.queue.name)
        }
        let count = cancelled.count { $0 }
        guard count > 0 else {
            throw Failure("not_found", "none of these messages is in \(self.queue.name) and without a consumer.")
        }
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(Document(cancelled: cancelled)) : "Took back \(count) of \(cancelled.count).")
    }
}

struct QueuePurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Remove all messages that no consumer has.",
        discussion: """
            Example: colony queue purge mail --yes

            Dead letters stay; see dead drop. What is published while it runs may be removed as well.
            """
    )

    @OptionGroup var queue: QueueNameArgument

    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let engine = try await self.stores.queues()
        let standing = try await engine.existing(self.queue.name).statistics
        let count = standing.ready + standing.waiting + standing.delayed
        try Confirmation.ask(
            "Remove \(count) messages of \(self.queue.name) for good?", isGiven: self.yes,
            "purge \(self.queue.name)")
        var removed = 0
        // As many as there were, so that a publisher does not keep this going for ever.
        while removed < count {
            let part = try await engine.purge(self.queue.name)
            if part == 0 { break }
            removed += part
        }
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(MessageCountDocument(removed: removed))
                : "Removed \(removed) message\(removed == 1 ? "" : "s").")
    }
}

/// What cannot be undone is asked for.
enum Confirmation {
    /// - Parameter purpose: What happens without asking when --yes is given, for the error.
    static func ask(_ question: String, isGiven: Bool, _ purpose: String) throws {
        if isGiven { return }
        guard StandardInput.isTerminal else {
            throw Failure(
                "invalid_request", "there is no terminal to ask at. Give --yes to \(purpose) without asking.",
                exitCode: .usage)
        }
        guard StandardInput.confirm(question) else { throw Failure("refused", "nothing was removed.") }
    }
}
