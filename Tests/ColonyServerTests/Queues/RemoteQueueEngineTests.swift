import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonyRemote
import ColonySQLite
import Foundation
import Synchronization
import Testing

@testable import ColonyServer

/// The port of queues over HTTP: every promise of the port through a daemon, and what becomes of what goes wrong on the way.
@Suite("Queues of a daemon, in Swift", .timeLimit(.minutes(5)))
struct RemoteQueueEngineTests {
    /// One after the other: beside each other they would be too slow for leases of half a second.
    @Test func `the promises of the port of queues hold through a daemon`() async throws {
        try await withQueueFile { queues in
            try await withServer(queues: queues) { server in
                let url = try EngineURL(server.url)
                let harness = LiveQueueHarness(timeScale: 0.1, effort: 0.1) {
                    try await RemoteQueueEngine.connect(to: url)
                }
                for check in QueueConformance.cases {
                    let outcome = await check.run(on: harness)
                    #expect(outcome == .passed, "\(check)")
                }
            }
        }
    }

    @Test func `the promises of the port of exchanges hold through a daemon`() async throws {
        try await withQueueFile { queues in
            try await withServer(queues: queues) { server in
                let url = try EngineURL(server.url)
                let harness = LiveQueueHarness(timeScale: 0.1, effort: 0.1) {
                    try await RemoteQueueEngine.connect(to: url)
                }
                for check in ExchangeConformance.cases {
                    let outcome = await check.run(on: harness)
                    #expect(outcome == .passed, "\(check)")
                }
            }
        }
    }

    @Test func `the durability is known after asking, and the least is assumed before`() async throws {
        try await withQueueFile { queues in
            try await withServer(queues: queues) { server in
                let engine = try await RemoteQueueEngine.connect(to: try EngineURL(server.url))
                #expect(engine.durability == .synced)
                let unasked: RemoteQueueEngine = try .colony(server.url)
                #expect(unasked.durability == .memory)
            }
        }
    }

    @Test func `typed queues and their consumers work through a daemon`() async throws {
        try await withServer { server in
            let engine: RemoteQueueEngine = try .colony(server.url)
            let queue = MessageQueue<[Int]>("numbers", on: engine)
            for number in 0..<20 { try await queue.publish([number], key: "\(number % 3)") }
            let sum = Mutex(0)
            let consumer = queue.consumer(concurrency: 4) { message in
                sum.withLock { $0 += message.payload[0] }
            }
            let running = Task { try await consumer.run() }
            try await eventually("all are handled and acknowledged") {
                try await engine.inspect("numbers")?.totals.acknowledged == 20
            }
            running.cancel()
            _ = try? await running.value
            #expect(sum.withLock { $0 } == 190)
        }
    }

    @Test func `a daemon that is not there is unavailable, with its address and the reason`() async throws {
        let engine: RemoteQueueEngine = try .colony("http://127.0.0.1:1")
        let error = await #expect(throws: QueueError.self) {
            _ = try await engine.publish([OutgoingMessage([1])], to: "q")
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message == "the daemon at http://127.0.0.1:1 cannot be reached: Connection refused")
    }

    @Test func `a daemon without a store of queues says so`() async throws {
        try await withServer(queues: nil) { server in
            let error = await #expect(throws: QueueError.self) {
                _ = try await RemoteQueueEngine.connect(to: try EngineURL(server.url))
            }
            #expect(error?.message.contains("was given no store of queues") == true)
        }
    }

    @Test(arguments: ["..", ".", "a/b", "a?b#c", "100 %", "é", "messages", "\\", "a+b=c&d"])
    func `names with a meaning in URLs are names`(text: String) async throws {
        try await withServer { server in
            let engine: RemoteQueueEngine = try .colony(server.url)
            let name = try QueueName(text)
            #expect(try await engine.declare(name, QueueSettings()))
            #expect(try await engine.queues(after: nil, limit: 10).map(\.name) == [name])
            #expect(try await engine.delete(name))
        }
    }

    @Test func `settings come back as they were declared, and a back-off that does not double is refused`() async throws
    {
        try await withServer { server in
            let engine: RemoteQueueEngine = try .colony(server.url)
            var settings = QueueSettings()
            settings.capacity = 7
            settings.capacityBytes = 4_096
            settings.overflow = .dropOldest
            settings.order = .priority
            settings.deliveryLimit = 3
            settings.lease = .milliseconds(1_500)
            settings.backoff = Backoff(initial: .milliseconds(7), maximum: .seconds(9))
            settings.retention = .seconds(60)
            settings.deduplicationWindow = .zero
            settings.deadLetterQueue = "dead"
            try await engine.declare("q", settings)
            #expect(try await engine.inspect("q")?.settings == settings)
            settings.backoff = Backoff(initial: .milliseconds(7), maximum: .seconds(9), multiplier: 3)
            let error = await #expect(throws: QueueError.self) { try await engine.declare("other", settings) }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test func `a batch that the daemon does not take in one request is too large, and nothing is stored`() async throws
    {
        try await withServer {
            $0.queues.requestBytes = 4_096
        } _: { server in
            let engine: RemoteQueueEngine = try .colony(server.url)
            try await engine.declare("q", QueueSettings())
            let error = await #expect(throws: QueueError.self) {
                _ = try await engine.publish(
                    Array(repeating: OutgoingMessage(Array(repeating: 65, count: 1_000)), count: 5), to: "q")
            }
            #expect(error?.code == .tooLarge)
            #expect(try await engine.inspect("q")?.statistics.count == 0)
        }
    }

    @Test func `a daemon that stops in the middle of a wait is unavailable`() async throws {
        try await withServer { server in
            let engine: RemoteQueueEngine = try .colony(server.url)
            try await engine.declare("q", QueueSettings())
            let seen = try await engine.waitForChange(of: "q", since: 0, upTo: .zero)
            let wait = Task { try await engine.waitForChange(of: "q", since: seen, upTo: .seconds(30)) }
            try await eventually("the request waits") {
                try await server.send(.GET, "/metrics").text.contains("colony_queue_waiters 1\n")
            }
            await server.stop()
            let error = await #expect(throws: QueueError.self) { _ = try await wait.value }
            #expect(error?.code == .unavailable)
        }
    }
}

/// Runs `body` with queues in a file of their own.
func withQueueFile(_ body: (SQLiteQueueEngine) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-queues-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let queues = SQLiteQueueEngine(path: folder.appendingPathComponent("colony.db").path)
    let outcome: Result<Void, any Error>
    do {
        try await body(queues)
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    await queues.close()
    try outcome.get()
}
