import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Foundation
import GRDB
import Testing

@Suite("Outbox and inbox, with everything killed everywhere", .timeLimit(.minutes(4)), .serialized)
struct OutboxChaosTests {
    private enum Role: Hashable { case producer(Int), relay(Int), consumer(Int) }

    private static let producers = 3
    private static let each = 1_000

    private struct Files {
        let folder: TemporaryFolder
        /// Where the producers write, and whether the queue lies there as well.
        let shop: String
        let store: String
        let effects: String

        init(isOneFile: Bool) throws {
            self.folder = try TemporaryFolder()
            self.shop = self.folder.path(of: "shop.db")
            self.store = isOneFile ? self.shop : self.folder.store
            self.effects = self.folder.path(of: "effects.db")
        }

        func start(_ role: Role) throws -> Probe {
            let arguments =
                switch role {
                case .producer(let number): ["produce", self.shop, "p\(number)", "\(OutboxChaosTests.each)"]
                case .relay: ["relay", self.shop, self.store]
                case .consumer: ["consume", self.effects, self.store]
                }
            return try Probe(program: "colony-outbox-probe", arguments)
        }
    }

    /// The second case moves messages within one file, by the store's own writer.
    @Test("each message has its effect once, and those of a key in their order", arguments: [false, true])
    func effectivelyOnce(isOneFile: Bool) async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("outbox chaos: seed \(seed), one file: \(isOneFile)")
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        let files = try Files(isOneFile: isOneFile)
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        let shop = try DatabasePool(path: files.shop, configuration: configuration)
        try await shop.write { db in
            try SQLiteOutbox.install(in: db)
            try db.execute(sql: "CREATE TABLE fact (name TEXT, number INTEGER, PRIMARY KEY (name, number))")
        }
        let effects = try DatabasePool(path: files.effects, configuration: configuration)
        try await effects.write { db in
            try SQLiteInbox.install(in: db)
            // Nothing here keeps an effect from being there twice.
            try db.execute(sql: "CREATE TABLE effect (place INTEGER PRIMARY KEY, key TEXT, text TEXT)")
        }
        let engine = SQLiteQueueEngine(
            path: files.store, configuration: SQLiteStoreConfiguration(sharesDatabase: true))
        var settings = QueueSettings()
        (settings.lease, settings.deliveryLimit) = (.milliseconds(500), 1_000)
        settings.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        // Without a window the queue drops no second copy: the inbox alone has to know them.
        settings.deduplicationWindow = .zero
        try await engine.declare("work", settings)

        if !isOneFile {
            // One relay dies at the worst moment for sure, and not only if chance wants it.
            let producer = try files.start(.producer(0))
            let loser = try Probe(program: "colony-outbox-probe", ["lose", files.shop, files.store])
            try await eventually("a relay has died between publishing and removing") { !loser.isRunning }
            try await producer.killNow()
        }
        var roles: [Role] = (0..<Self.producers).map { .producer($0) }
        roles += [.relay(0), .relay(1), .consumer(0), .consumer(1)]
        var probes: [(role: Role, probe: Probe)] = []
        for role in roles { probes.append((role, try files.start(role))) }
        let clock = HostClock()
        let begun = clock.now
        var kills = 0
        // About ten seconds, and three times as long on a busy machine.
        while kills < 40, begun.duration(to: clock.now) < .seconds(90) {
            try await clock.sleep(for: .milliseconds(Int64.random(in: 20...150, using: &random)))
            let index = Int.random(in: 0..<probes.count, using: &random)
            try await probes[index].probe.killNow()
            probes[index].probe = try files.start(probes[index].role)
            kills += 1
        }
        // From here on nothing goes wrong, and everything comes to its end.
        try await eventually("all was written", within: .seconds(60)) {
            try await shop.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM fact") }
                == Self.producers * Self.each
        }
        try await eventually("all was sent", within: .seconds(60)) {
            try await shop.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM colony_outbox") } == 0
        }
        try await eventually("all was handled", within: .seconds(60)) {
            try await engine.inspect("work")?.statistics.count == 0
        }
        for entry in probes { try await entry.probe.killNow() }
        let published = try #require(try await engine.inspect("work")?.totals.published)
        await engine.close()

        let found = try await effects.read { db in
            try Row.fetchAll(db, sql: "SELECT key, text FROM effect ORDER BY place").map { row -> [String] in
                [row[0], row[1]]
            }
        }
        for number in 0..<Self.producers {
            let texts = found.filter { $0[0] == "p\(number)" }.map { $0[1] }
            #expect(texts == (0..<Self.each).map { "p\(number)/\($0)" }, "seed \(seed), producer \(number)")
        }
        #expect(found.count == Self.producers * Self.each, "seed \(seed)")
        print("outbox chaos: \(kills) kills, \(found.count) effects, \(published) published")
        // Within one file a message comes once; between two the inbox must have had something to do.
        let all = Self.producers * Self.each
        #expect(isOneFile ? published == all : published > all, "seed \(seed): \(published) published")
        #expect(kills == 40, "seed \(seed)")
    }
}
