import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Foundation
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Publishers and consumers that are stopped and killed", .timeLimit(.minutes(3)), .serialized)
struct QueueChaosTests {
    /// What one process did before it died, and what is to be started in its place.
    private struct Actor {
        enum Role: Equatable { case publisher(Int), consumer(Int) }
        let role: Role
        var probe: Probe
    }

    private static let queue: QueueName = "work"
    private static let publishers = 3
    private static let each = 4_000

    @Test("of thousands of messages under random kills and stops, every confirmed one is accounted for")
    func accounts() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("queue chaos: seed \(seed)")
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        let folder = try TemporaryFolder()
        let engine = SQLiteQueueEngine.sqlite(path: folder.store)
        var settings = QueueSettings()
        settings.lease = .milliseconds(500)
        settings.deliveryLimit = 1_000
        settings.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        try await engine.declare(Self.queue, settings)

        var ledger = ChaosLedger()
        var actors: [Actor] = []
        var generation = 0
        func start(_ role: Actor.Role) throws -> Actor {
            generation += 1
            switch role {
            case .publisher(let number):
                let first = ledger.nextNumber(of: "p\(number)")
                let probe = try Probe(
                    program: "colony-queue-probe",
                    ["publish", folder.store, Self.queue.rawValue, "p\(number)", "5", "\(first)", "\(Self.each)"])
                return Actor(role: role, probe: probe)
            case .consumer:
                let journal = folder.path(of: "journal-\(generation)")
                ledger.journals.append(journal)
                let probe = try Probe(
                    program: "colony-queue-probe", ["consume", folder.store, Self.queue.rawValue, journal, "2", "4"])
                return Actor(role: role, probe: probe)
            }
        }
        for number in 0..<Self.publishers { actors.append(try start(.publisher(number))) }
        for number in 0..<3 { actors.append(try start(.consumer(number))) }

        let clock = HostClock()
        let end = clock.now.advanced(by: .seconds(13))
        var (kills, stops) = (0, 0)
        while clock.now < end {
            try await clock.sleep(for: .milliseconds(Int64.random(in: 40...250, using: &random)))
            let index = Int.random(in: 0..<actors.count, using: &random)
            let actor = actors[index]
            if Int.random(in: 0..<3, using: &random) == 0 {
                // Longer than the lease, and shorter than others wait for a lock that it may hold.
                actor.probe.send(SIGSTOP)
                try await clock.sleep(for: .milliseconds(Int64.random(in: 600...900, using: &random)))
                actor.probe.send(SIGCONT)
                stops += 1
            } else {
                try await actor.probe.killNow()
                ledger.confirm(actor.probe.lines)
                actors[index] = try start(actor.role)
                kills += 1
            }
        }
        // From here on nothing goes wrong, and everything comes to its end.
        let publishers = actors.filter { if case .publisher = $0.role { true } else { false } }
        try await eventually("the publishers are done", within: .seconds(60)) {
            publishers.allSatisfy { !$0.probe.isRunning }
        }
        for actor in publishers {
            try await actor.probe.killNow()
            ledger.confirm(actor.probe.lines)
        }
        let deepest = try #require(try await engine.inspect(Self.queue)?.statistics)
        try await eventually("the queue is empty", within: .seconds(60)) {
            try await engine.inspect(Self.queue)?.statistics.count == 0
        }
        for actor in actors { try await actor.probe.killNow() }
        let record = try #require(try await engine.inspect(Self.queue))
        await engine.close()

        try ledger.readJournals()
        #expect(ledger.confirmed.count == Self.publishers * Self.each, "seed \(seed)")
        for defect in ledger.defects(record) { Issue.record("seed \(seed): \(defect)") }
        print(
            "queue chaos: \(kills) kills, \(stops) stops, \(ledger.confirmed.count) confirmed, \(ledger.begun) begun, "
                + "\(ledger.given) given up by cancellation, \(record.totals.leasesLost) leases lost, "
                + "depth at the end of publishing \(deepest.count)")
        // It has met what it is there for.
        #expect(kills >= 5 && stops >= 2 && record.totals.leasesLost > 0, "seed \(seed)")
    }
}
