import ColonyCore
import ColonyQueues
import ColonySQLite

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A process for the tests of queues to stop and to kill.
///
/// - `publish FILE QUEUE NAME KEYS FIRST END`: publishes the numbers from FIRST to END in small batches, in the order of the numbers,
///   and prints `id number key` for each once it is confirmed. A number that was published before, by a process that was killed, is found
///   again by its deduplication identifier.
/// - `consume FILE QUEUE JOURNAL MILLISECONDS CONCURRENCY`: handles messages for so long each, and every two hundredth for 500 times as long, and
///   writes into its journal what it begins (`B`), ends (`E`), and gives up by cancellation (`C`). Never ends by itself.
/// - `poison FILE QUEUE JOURNAL`: the same, with a handler that kills its process.
///
/// The settings of the queue are in the file already.
@main
struct QueueProbe {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 5 else {
            say("usage: colony-queue-probe publish|consume|poison FILE QUEUE …", to: STDERR_FILENO)
            exit(64)
        }
        let engine = SQLiteQueueEngine.sqlite(path: arguments[2])
        let queue = try QueueName(arguments[3])
        switch arguments[1] {
        case "publish":
            guard arguments.count == 8, let keys = Int(arguments[5]), let first = Int(arguments[6]),
                let end = Int(arguments[7])
            else { exit(64) }
            try await Self.publish(
                engine, queue, Numbers(publisher: arguments[4], keys: keys, range: first..<max(first, end)))
        case "consume":
            guard arguments.count == 7, let milliseconds = Int(arguments[5]), let concurrency = Int(arguments[6]) else {
                exit(64)
            }
            let journal = open(arguments[4], O_WRONLY | O_CREAT | O_APPEND, 0o644)
            try await Self.consume(engine, queue, concurrency: concurrency) { message in
                let name = String(decoding: message.payload, as: UTF8.self)
                let entry = "\(message.id) \(message.attempt) \(message.key ?? "-") \(name)"
                let end = message.delivery.leaseEnd.nanoseconds
                say("B \(entry) \(HostClock().now.nanoseconds) \(end)", to: journal)
                do {
                    let factor = message.id.rawValue % 200 == 0 ? 500 : 1
                    try await HostClock().sleep(for: .milliseconds(milliseconds * factor))
                } catch {
                    say("C \(entry) \(HostClock().now.nanoseconds) \(end)", to: journal)
                    throw error
                }
                // Before it is acknowledged, so that no message is done without an end in the journal.
                say("E \(entry) \(HostClock().now.nanoseconds) \(end)", to: journal)
            }
        case "poison":
            let journal = open(arguments[4], O_WRONLY | O_CREAT | O_APPEND, 0o644)
            try await Self.consume(engine, queue, concurrency: 1) { message in
                say("B \(message.id) \(message.attempt)", to: journal)
                kill(getpid(), SIGKILL)
            }
        default: exit(64)
        }
        await engine.close()
    }

    private struct Numbers {
        let publisher: String
        let keys: Int
        let range: Range<Int>
    }

    private static func publish(_ engine: SQLiteQueueEngine, _ queue: QueueName, _ numbers: Numbers) async throws {
        var next = numbers.range.lowerBound
        while next < numbers.range.upperBound {
            let batch = next..<min(numbers.range.upperBound, next + 1 + next % 7)
            let messages = batch.map { number in
                OutgoingMessage(
                    Array("\(number)".utf8), key: "\(numbers.publisher)-\(number % numbers.keys)",
                    deduplicationID: "\(numbers.publisher)/\(number)")
            }
            do throws(QueueError) {
                let outcomes = try await engine.publish(messages, to: queue)
                var text = ""
                for (number, outcome) in zip(batch, outcomes) {
                    switch outcome {
                    case .stored(let id), .duplicate(let id):
                        text += "\(id) \(number) \(numbers.publisher)-\(number % numbers.keys)\n"
                    case .full: exit(75)
                    }
                }
                say(String(text.dropLast()), to: STDOUT_FILENO)
                next = batch.upperBound
                // So that there is something to kill for a while.
                try? await HostClock().sleep(for: .milliseconds(8))
            } catch {
                // Another process was stopped while it wrote: the same batch again, as any publisher would.
                guard error.code == .unavailable else { throw error }
            }
        }
    }

    private static func consume(
        _ engine: SQLiteQueueEngine, _ queue: QueueName, concurrency: Int,
        _ handler: @escaping @Sendable (ReceivedMessage<[UInt8]>) async throws -> Void
    ) async throws {
        guard let settings = try await engine.inspect(queue)?.settings else { exit(66) }
        try await MessageQueue(queue, on: engine, settings: settings, codec: .bytes)
            .consume(concurrency: concurrency, handler: handler)
    }
}

/// Writes a line at once and in one piece.
private func say(_ line: String, to file: Int32) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
}
