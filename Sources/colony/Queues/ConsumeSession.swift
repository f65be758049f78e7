import ArgumentParser
import ColonyCore
import ColonyQueues
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One `colony queue consume`: runs a command for each message, or prints it, until a signal or one of its limits ends it.
final class ConsumeSession: Sendable {
    private struct State {
        var group: ServiceGroup?
        var signals = 0
        /// The commands that run, by a number of their own.
        var commands: [Int: Task<Result<CommandEnd, Executable.Failure>, Never>] = [:]
        var nextCommand = 0
        var received = 0
        /// Why nothing more can be printed.
        var broken: Failure?
    }

    private let queue: MessageQueue<[UInt8]>
    private let words: [[UInt8]]
    private let grace: Duration
    private let deadLetterExit: CInt
    private let isJSON: Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - words: The command and its arguments; empty to print.
    ///   - grace: How long after its SIGTERM a command is killed.
    init(queue: MessageQueue<[UInt8]>, words: [[UInt8]], grace: Duration, deadLetterExit: CInt, isJSON: Bool) {
        self.queue = queue
        self.words = words
        self.grace = grace
        self.deadLetterExit = deadLetterExit
        self.isJSON = isJSON
    }

    /// - Throws: ``Failure`` if the command does not exist, if nothing was received in time, or if nothing more can be printed, and
    ///   `QueueError`.
    func run(concurrency: Int, settings: ConsumerSettings) async throws {
        if !self.words.isEmpty { try self.checkCommand() }
        let consumer = self.queue.consumer(concurrency: concurrency, settings: settings) { message in
            self.state.withLock { $0.received += 1 }
            if self.words.isEmpty {
                try self.show(message)
            } else {
                try await self.handle(message)
            }
        }
        let service = ServiceGroupConfiguration.ServiceConfiguration(
            service: consumer, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .cancelGroup)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [service],
                logger: Logger(label: "colony") { _ in SwiftLogNoOpLogHandler() }))
        self.state.withLock { $0.group = group }
        SignalRelay.start { self.received($0) }
        try await group.run()
        let (received, signals, broken) = self.state.withLock { ($0.received, $0.signals, $0.broken) }
        if let broken { throw broken }
        if received == 0, signals == 0, let wait = settings.idleLimit {
            throw Failure(
                "empty", "nothing was received from \(self.queue.name) within \(wait.text). Try again later.",
                exitCode: .tryAgainLater)
        }
    }

    /// A command that does not exist should not cost messages a delivery.
    private func checkCommand() throws {
        do {
            _ = try GuardedCommand(words: self.words, grace: self.grace, usesTerminal: false) { true }.locate()
        } catch {
            throw Failure("command_not_run", "\(error)", exitCode: .init(error.exitCode))
        }
    }

    // MARK: Signals

    private func received(_ signal: CInt) {
        switch signal {
        case SIGTSTP: raise(SIGSTOP)
        case SIGUSR1, SIGUSR2: break
        default:
            let (group, commands) = self.state.withLock { state in
                state.signals += 1
                return (state.group, state.signals > 1 ? Array(state.commands.values) : [])
            }
            for command in commands { command.cancel() }
            Task { await group?.triggerGracefulShutdown() }
        }
    }

    private func shutDown() {
        let group = self.state.withLock { $0.group }
        Task { await group?.triggerGracefulShutdown() }
    }

    // MARK: Printing

    private func show(_ message: ReceivedMessage<[UInt8]>) throws {
        // Under the lock, so that a line is written in one piece.
        let broken = self.state.withLock { state -> Failure? in
            if let broken = state.broken { return broken }
            do {
                let line =
                    self.isJSON
                    ? Array(try JSONText.of(MessageDocument(message.delivery)).utf8) : message.payload
                try StandardOutput.writeOrFail(bytes: line + [UInt8(ascii: "\n")])
            } catch {
                state.broken = (error as? Failure) ?? Failure("failed", "\(error)")
            }
            return state.broken
        }
        guard broken != nil else { return }
        self.shutDown()
        throw Reject.retry(after: .zero)
    }

    // MARK: Commands

    private func handle(_ message: ReceivedMessage<[UInt8]>) async throws {
        let input = try CommandInput(message.payload)
        let command = GuardedCommand(words: self.words, grace: self.grace, usesTerminal: false) { true }
        let variables = try self.variables(of: message)
        let task = Task { await Self.run(command, variables, input) }
        let number = self.state.withLock { state in
            state.nextCommand += 1
            state.commands[state.nextCommand] = task
            return state.nextCommand
        }
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        self.state.withLock { _ = $0.commands.removeValue(forKey: number) }
        try self.settle(message, result, wasStopped: task.isCancelled)
    }

    private static func run(
        _ command: GuardedCommand, _ variables: [(name: String, value: String)], _ input: CommandInput
    ) async -> Result<CommandEnd, Executable.Failure> {
        do throws(Executable.Failure) {
            return .success(try await command.run(adding: variables, input: input))
        } catch {
            return .failure(error)
        }
    }

    /// Says what becomes of the message. A command that was told to end and still says that it is done has done it.

    private func settle(
        _ message: ReceivedMessage<[UInt8]>, _ result: Result<CommandEnd, Executable.Failure>, wasStopped: Bool
    ) throws {
        let sentence: String
        switch result {
        case .success(.exited(0)):
            self.note("done", message, .exited(0))
            return
        case .success(let end) where wasStopped:
            self.note("stopped", message, end, "it was stopped")
            // The consumer that ends, or has lost the message, knows what to do.
            if Task.isCancelled { throw CancellationError() }
            throw Reject.retry(after: .zero)
        case .success(.exited(self.deadLetterExit)):
            sentence = "the command exited with \(self.deadLetterExit)"
            self.note("dead_letter", message, .exited(self.deadLetterExit), "\(sentence) and made it a dead letter")
            throw Reject.deadLetter(sentence)
        case .success(.exited(let code)):
            sentence = "the command exited with \(code)"
            self.note("failed", message, .exited(code), sentence)
        case .success(.killed(let signal)):
            sentence = "the command was ended by signal \(signal)"
            self.note("failed", message, .killed(signal: signal), sentence)
        case .failure(let failure):
            sentence = failure.description.hasSuffix(".") ? String(failure.description.dropLast()) : failure.description
            self.note("failed", message, nil, sentence)
        }
        throw CommandFailed(description: sentence)
    }

    private func variables(of message: ReceivedMessage<[UInt8]>) throws -> [(name: String, value: String)] {
        [
            ("COLONY_QUEUE_NAME", self.queue.name.rawValue),
            ("COLONY_MESSAGE_ID", message.id.description),
            ("COLONY_MESSAGE_ATTEMPT", "\(message.attempt)"),
            ("COLONY_MESSAGE_KEY", message.key ?? ""),
            ("COLONY_MESSAGE_PRIORITY", "\(message.delivery.priority)"),
            ("COLONY_MESSAGE_PUBLISHED_AT", message.delivery.publishedAt.rfc3339),
            ("COLONY_MESSAGE_HEADERS", try JSONText.of(message.headers)),
        ]
    }

    // MARK: Reporting

    private struct Line: Encodable {
        var event: String
        var id: Int64
        var attempt: Int
        var exit_code: CInt?
        var signal: CInt?
        var detail: String?
    }

    /// Tells programs how each delivery ended, and people what has failed. Standard output belongs to the command.
    private func note(
        _ event: String, _ message: ReceivedMessage<[UInt8]>, _ end: CommandEnd?, _ detail: String? = nil
    ) {
        guard self.isJSON else {
            if let detail {
                StandardError.write("colony: message \(message.id), delivery \(message.attempt): \(detail).")
            }
            return
        }
        var line = Line(event: event, id: message.id.rawValue, attempt: message.attempt, detail: detail)
        switch end {
        case .exited(let code): line.exit_code = code
        case .killed(let signal): line.signal = signal
        case nil: break
        }
        if let text = try? JSONText.of(line) { StandardError.write(text) }
    }
}

/// A command that did not end well; what it says is the reason that is kept with the message.
private struct CommandFailed: Error, CustomStringConvertible {
    let description: String
}
