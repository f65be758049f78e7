import ColonyCore
import ColonyQueues
import ColonySQLite
import Foundation
import Testing

/// How much of the disk a queue takes, in the long run.
@Suite("The space of a queue", .timeLimit(.minutes(3)))
struct QueueSpaceTests {
    private static let body = [UInt8](repeating: 7, count: 4_000)

    /// The bytes of a store, with its log.
    private static func size(_ folder: TemporaryFolder) -> Int {
        ["", "-wal"].reduce(0) { sum, suffix in
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder.store + suffix)
            return sum + ((attributes?[.size] as? Int) ?? 0)
        }
    }

    private static func engine(_ folder: TemporaryFolder) -> SQLiteQueueEngine {
        var configuration = SQLiteStoreConfiguration()
        configuration.maximumLogBytes = 1 << 20
        return SQLiteQueueEngine(path: folder.store, configuration: configuration)
    }

    @Test("is used again: of a hundred times what is in the queue, published and settled in every way, nothing is left")
    func reuse() async throws {
        let folder = try TemporaryFolder(inMemory: true)
        let engine = Self.engine(folder)
        var settings = QueueSettings()
        settings.order = .fair
        settings.deduplicationWindow = .milliseconds(1)
        try await engine.declare("work", settings)
        var early = 0
        for round in 0..<100 {
            _ = try await engine.publish(
                (0..<250).map {
                    OutgoingMessage(
                        Self.body, key: "\($0 % 20)", deduplicationID: "\(round)/\($0)", headers: ["n": "\($0)"])
                }, to: "work")
            while case let deliveries = try await engine.receive(100, from: "work", lease: .seconds(600)),
                !deliveries.isEmpty
            {
                let settlements = deliveries.enumerated().map { index, delivery in
                    switch index % 10 {
                    case 0 where delivery.attempt == 1:
                        Settlement(delivery.receipt, .retry(after: .zero, reason: "again"))
                    case 1: Settlement(delivery.receipt, .deadLetter(reason: "broken"))
                    default: Settlement(delivery.receipt, .acknowledge)
                    }
                }
                _ = try await engine.settle(settlements, in: "work")
            }
            while case let letters = try await engine.deadLetters(of: "work", after: nil, limit: 1_000),
                !letters.isEmpty
            {
                _ = try await engine.dropDeadLetters(letters.map(\.id), of: "work")
            }
            if round == 9 { early = Self.size(folder) }
        }
        let record = try #require(try await engine.inspect("work"))
        #expect(record.statistics.count == 0 && record.totals.published == 25_000)
        let late = Self.size(folder)
        #expect(early > 250 * Self.body.count)
        #expect(late < early + early / 2, "\(early) bytes after 10 rounds, and \(late) after 100")
        #expect(late < 25_000 * Self.body.count / 20)
        await engine.close()
    }

    @Test("is not taken by messages that come back again and again")
    func requeueing() async throws {
        let folder = try TemporaryFolder(inMemory: true)
        let engine = Self.engine(folder)
        var settings = QueueSettings()
        settings.deliveryLimit = 1_000
        try await engine.declare("work", settings)
        _ = try await engine.publish((0..<50).map { _ in OutgoingMessage(Self.body) }, to: "work")
        func goRound(_ times: Int) async throws {
            for round in 0..<times {
                let deliveries = try await engine.receive(50, from: "work", lease: .seconds(86_400))
                #expect(deliveries.count == 50)
                let kind: Settlement.Kind =
                    round.isMultiple(of: 2)
                    ? .handBack : .retry(after: .zero, reason: String(repeating: "r", count: 200))
                _ = try await engine.settle(deliveries.map { Settlement($0.receipt, kind) }, in: "work")
            }
        }
        try await goRound(100)
        let early = Self.size(folder)
        try await goRound(1_000)
        let late = Self.size(folder)
        #expect(late < early + early / 2, "\(early) bytes after 100 rounds, and \(late) after 1,100")
        #expect(try await engine.inspect("work")?.statistics.ready == 50)
        await engine.close()
    }
}
