import ColonyCaches
import ColonyCore
import ColonyHashing
import ColonyQuorum
import Foundation
import RealServers
import Synchronization
import Testing

/// What the workers of a test have written, and whether they shall end.
private final class Work: Sendable {
    let written = Mutex<[CacheKey: UInt8]>([:])
    let isOver = Atomic(false)

    var keys: Int { self.written.withLock(\.count) }
}

@Suite("Five Redis servers", .serialized, .enabled(if: RedisServers.isAvailable))
struct RedisQuorumTests {
    private func store(
        _ servers: RedisServers, _ tiers: [NodeID: any CacheTier], journal: (any HintJournal)? = nil,
        _ change: (inout QuorumSettings) -> Void = { _ in }
    ) async throws -> QuorumStore {
        var settings = QuorumSettings()
        // Patient, because other tests keep the machine busy.
        settings.timeout = .seconds(5)
        settings.handoffInterval = .milliseconds(200)
        change(&settings)
        for tier in tiers.values {
            try await Polling.eventually("a server answers") { (try? await tier.get(["ready"])) != nil }
        }
        return try QuorumStore(
            node: "tester", placement: try HashRing(nodes: servers.nodes), tiers: tiers, settings: settings,
            journal: journal)
    }

    @Test("of which one is killed: no call of a sloppy store fails, and all is handed off within 10 s of its return")
    func oneIsKilled() async throws {
        let servers = try RedisServers(count: 5)
        let tiers = try servers.tiers()
        let folder = FileManager.default.temporaryDirectory.appending(path: "colony-quorum-hints-\(UUID().uuidString)")
        let journal = try FileHintJournal(path: folder.path)
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try await self.store(servers, tiers, journal: journal) { $0.membership = .sloppy }
        let background = Task { try await store.run() }
        defer { background.cancel() }
        let work = Work()

        try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    var calls = 0
                    while !work.isOver.load(ordering: .relaxed) {
                        let key = CacheKey(stringLiteral: "w\(worker).\(calls % 200)")
                        let value = UInt8(truncatingIfNeeded: calls)
                        // Any failure fails the test.
                        try await store.write([value], to: key)
                        work.written.withLock { $0[key] = value }
                        _ = try await store.read(key)
                        calls += 1
                    }
                    return calls
                }
            }
            try await Polling.eventually("there is something") { work.keys > 400 }
            servers.kill(2)
            try await Polling.eventually("hints were kept") { store.statistics.hintsKept > 300 }
            work.isOver.store(true, ordering: .relaxed)
            var count = 0
            for try await calls in group { count += calls }
            #expect(count > 400)
        }
        let clock = HostClock()
        let returned = clock.now
        try servers.start(2)
        try await Polling.eventually("all is handed off") { try await journal.counts().isEmpty }
        let took = returned.duration(to: clock.now)
        #expect(took < .seconds(10), "the hand-off took \(took)")
        print("hand-off of \(store.statistics.hintsDelivered) hints complete \(took) after the return of the server")
        // The server alone has the latest of everything that belongs on it.
        let returnedTier = try #require(tiers["redis-2"])
        for (key, value) in work.written.withLock({ $0 }) where store.servers(for: key).contains("redis-2") {
            let held = try #require(try await returnedTier.get([key])[0], "\(key) is missing").value
            #expect(held[held.count - 9] == value, "\(key)")
        }
        for tier in tiers.values { await tier.close() }
    }

    @Test("keep siblings, list their keys, compare, and agree after one has lost its data")
    func reconcile() async throws {
        let servers = try RedisServers(count: 5)
        let tiers = try servers.tiers()
        let store = try await self.store(servers, tiers) { $0.conflicts = .siblings }
        for number in 0..<300 {
            try await store.write([UInt8(number % 256)], to: CacheKey(stringLiteral: "k\(number)"))
        }
        try await store.write([1], to: "pair")
        try await store.write([2], to: "pair")
        let pair = try await store.read("pair", at: .strong).values
        #expect(pair == [[1], [2]])
        let lost = try #require(tiers["redis-0"])
        let page = try await (lost as? any ListingTier)?.keys(from: nil, limit: 10_000)
        let keys = try #require(page?.keys).filter { $0 != QuorumStore.markKey }
        #expect(keys.count > 100)
        try await lost.delete(keys)
        var repaired = 0
        for other in servers.nodes.dropFirst() {
            let result = try await store.reconcile("redis-0", other)
            repaired += result.repaired
        }
        #expect(repaired == keys.count)
        let back = try await lost.get(keys)
        #expect(back.allSatisfy { $0 != nil })
        let again = try await store.reconcile("redis-0", "redis-1")
        #expect(again.differingRanges == 0)
        for tier in tiers.values { await tier.close() }
    }
}
