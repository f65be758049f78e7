import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Foundation
import Testing

/// Runs against files as they are after a power cut or a kill at every place of a publish to several queues.
@Suite("Exchanges after a power cut", .timeLimit(.minutes(3)), .serialized)
struct RoutedPowerCutTests {
    private static let queues: [QueueName] = ["a", "b", "c", "d"]
    private static let publishes = 12

    private static func engine(_ folder: TemporaryFolder, boot: String) -> SQLiteQueueEngine {
        var configuration = SQLiteStoreConfiguration()
        // So that the log is copied and started anew.
        configuration.maximumLogBytes = 1 << 20
        return SQLiteQueueEngine(
            path: folder.store, configuration: configuration, boot: BootIdentity(boot), registry: StoreRegistry())
    }

    @Test(
        "a publish through an exchange is in all of its queues or in none, whenever the power fails or the process dies"
    )
    func allOrNone() async throws {
        let folder = try TemporaryFolder(inMemory: true)
        let trace = try TracedDisk.trace(folder)
        let engine = Self.engine(folder, boot: "boot-1")
        try await engine.declareExchange("news", .fanout, alternate: nil)
        for queue in Self.queues {
            try await engine.declare(queue, QueueSettings())
            try await engine.bind("news", Binding(to: .queue(queue), where: .always))
        }
        trace.mark("begin")
        for number in 0..<Self.publishes {
            // From one page to fifteen of them, so that a copy is torn at many places.
            let body = [UInt8(number)] + [UInt8](repeating: 1, count: (number * 7_919) % 60_000)
            let outcomes = try await engine.publish([RoutedMessage(OutgoingMessage(body))], through: "news")
            guard case .stored(let copies) = outcomes[0] else { throw Disappointment() }
            #expect(copies.map(\.queue) == Self.queues)
            trace.mark("confirmed \(number)")
        }
        await engine.close()
        TracedDisk.forget(trace)

        let events = trace.events
        let first = try #require(events.firstIndex { if case .mark("begin") = $0 { true } else { false } })
        var replay = DiskReplay(seed: 3)
        var (confirmed, states, partial) = (0, 0, 0)
        for (index, event) in events.enumerated() {
            if index > first, index % 7 == 0 || Self.isSync(event) {
                for files in [replay.written, replay.afterPowerCut(keeping: [0, 0.5, 0.9][index % 3])] {
                    let found = try await Self.found(files)
                    #expect(Set(found.values).count == 1, "event \(index) of \(events.count): \(found)")
                    let numbers = found["a"] ?? []
                    #expect(numbers == Array(0..<numbers.count), "event \(index)")
                    #expect(numbers.count >= confirmed, "event \(index): \(numbers.count) of \(confirmed) are there")
                    states += 1
                    if numbers.count > confirmed { partial += 1 }
                }
            }
            replay.follow(event)
            if case .mark(let mark) = event, mark.hasPrefix("confirmed") { confirmed += 1 }
        }
        #expect(confirmed == Self.publishes && states > 100)
        #expect(partial > 0, "no cut fell between a commit and its answer")
    }

    private struct Disappointment: Error {}

    private static func isSync(_ event: DiskTrace.Event) -> Bool {
        if case .sync = event { true } else { false }
    }

    /// Which publishes each queue has, in their order.
    private static func found(_ files: DiskFiles) async throws -> [QueueName: [Int]] {
        let folder = try TemporaryFolder(inMemory: true)
        try files.store(in: folder)
        let engine = Self.engine(folder, boot: "boot-2")
        var found: [QueueName: [Int]] = [:]
        for queue in Self.queues {
            found[queue] = try await engine.messages(of: queue, after: nil, limit: 100).map { Int($0.message.body[0]) }
        }
        await engine.close()
        return found
    }
}
