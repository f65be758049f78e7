#if Etcd
import ColonyCoordination
import ColonyCore
import ColonyEtcd
import Foundation
import Synchronization
import Testing

/// What tasks of a test report.
private final class Ledger: Sendable {
    let served = Mutex<[OwnerID: FencingToken]>([:])
    let inside = Mutex(Inside())

    struct Inside {
        var now = 0
        var most = 0
        var last = FencingToken(rawValue: 0)
        var entries = 0
    }
}

@Suite(
    "Pitfalls of coordination, on etcd", .enabled(if: EtcdProcess.isAvailable), .serialized, .timeLimit(.minutes(10)))
struct EtcdPitfallTests {
    /// The lease at the server to which the key of an owner is tied.
    private func serverLease(of key: String, on server: EtcdProcess) async throws -> String? {
        let text = try await server.control(["get", key, "--write-out", "fields"]).text
        guard
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\"Lease\"") }),
            let number = line.split(separator: ":").last.map({ $0.trimmingCharacters(in: .whitespaces) }),
            let id = Int64(number)
        else { return nil }
        return String(id, radix: 16)
    }

    @Test("waiterChecksOwnLease: a waiter whose place is taken from it while it queues does not take the name")
    func waiterChecksOwnLease() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let lease = try #require(try await engine.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let ledger = Ledger()
        let waiting = Task {
            let answer = try await engine.acquire("job", owner: "waiter", for: .seconds(600), upTo: .seconds(120))
            if let lease = answer.lease { ledger.served.withLock { $0[lease.owner] = lease.token } }
            return answer
        }
        try await eventually("it waits") { try await engine.inspect("job")?.waiters.count == 1 }
        let id = try #require(try await self.serverLease(of: "job/waiter", on: server))
        // Somebody else stands in the queue behind it, and before the place that it can have again.
        let second = Task { try await engine.acquire("job", owner: "second", for: .seconds(600), upTo: .seconds(120)) }
        try await eventually("two wait") { try await engine.inspect("job")?.waiters.count == 2 }
        #expect(try await server.control(["lease", "revoke", id]).status == 0)
        #expect(try await engine.release("job", owner: "holder", token: lease.token))
        // The name is the second one's. The waiter whose place is gone may only have it afterwards.
        let next = try #require(try await second.value.lease)
        #expect(ledger.served.withLock { $0.isEmpty })
        #expect(try await engine.inspect("job")?.owner == "second")
        #expect(try await engine.release("job", owner: "second", token: next.token))
        #expect(try #require(try await waiting.value.lease).token > next.token)
    }

    @Test(
        "onlyOwnerReleases: a grant whose lease at the server is revoked is over, and a late release ends nobody else's"
    )
    func revokedGrant() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let lease = try #require(try await engine.tryAcquire("job", owner: "one", for: .seconds(600)).lease)
        let id = try #require(try await self.serverLease(of: "job/one", on: server))
        #expect(try await server.control(["lease", "revoke", id]).status == 0)
        #expect(try await engine.renew(lease, for: .seconds(600)) == nil)
        let next = try #require(try await other.tryAcquire("job", owner: "two", for: .seconds(600)).lease)
        #expect(next.token > lease.token)
        #expect(try await !engine.release("job", owner: "one", token: lease.token))
        #expect(try await other.inspect("job")?.token == next.token)
        // The engine goes on with another lease.
        #expect(try await engine.tryAcquire("else", owner: "one", for: .seconds(600)).lease != nil)
    }

    @Test("deadWaiterBound: who vanishes from the queue delays the next one by no more than is declared")
    func deadWaiterBound() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let lease = try #require(try await engine.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let dying = try server.engine()
        let dead = Task { try await dying.acquire("job", owner: "dead", for: .seconds(600), upTo: .seconds(600)) }
        try await eventually("it waits") { try await engine.inspect("job")?.waiters.count == 1 }
        let next = Task { try await engine.acquire("job", owner: "next", for: .seconds(600), upTo: .seconds(120)) }
        try await eventually("two wait") { try await engine.inspect("job")?.waiters.count == 2 }
        // Closing gives nothing back, as a process that dies does not.
        dying.close()
        let clock = HostClock()
        let start = clock.now
        #expect(try await engine.release("job", owner: "holder", token: lease.token))
        #expect(try await next.value.lease?.owner == "next")
        // Two seconds for a machine that runs everything at once.
        #expect(start.duration(to: clock.now) < engine.deadWaiterBound + .seconds(2))
        await #expect(throws: LeaseError.self) { try await dead.value }
    }

    @Test("tokenMonotonicForever: tokens rise over a crash of the server, and what is held survives it")
    func tokenMonotonicForever() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        var last = FencingToken(rawValue: 0)
        let held = try #require(try await engine.tryAcquire("held", owner: "me", for: .seconds(600)).lease)
        for round in 1...3 {
            let owner = try OwnerID("owner-\(round)")
            let lease = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(600)).lease)
            #expect(lease.token > last)
            last = lease.token
            #expect(try await engine.release("job", owner: owner, token: lease.token))
            server.kill()
            try server.launch()
            try await server.waitUntilReady()
            try await eventually("the engine is connected again") {
                try await failure { try await engine.inspect("job") } == nil
            }
        }
        #expect(try await engine.inspect("held")?.token == held.token)
        #expect(try await engine.renew(held, for: .seconds(600)) != nil)
    }

    @Test("expiryUsesLocalObservation: clocks that are hours apart neither shorten nor lengthen a lease")
    func expiryUsesLocalObservation() async throws {
        struct Skewed: WallClock {
            let offset: Duration
            var now: WallTime { SystemWallClock().now.advanced(by: self.offset) }
        }
        /// Nobody else's clock, as on another host.
        struct OtherHost: MonotonicClock {
            var now: MonotonicInstant { HostClock().now.advanced(by: .seconds(5_000)) }
            var minimumResolution: Duration { .nanoseconds(1) }
            func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
                try await HostClock().sleep(until: deadline.advanced(by: .seconds(-5_000)), tolerance: tolerance)
            }
        }
        let server = try await EtcdProcess()
        let engine = try server.engine()
        for hours in [-5, 5] {
            let other = try server.engine {
                $0.wallClock = Skewed(offset: .seconds(hours * 3_600))
                $0.clock = OtherHost()
            }
            let name = try LeaseName("job\(hours)")
            let before = HostClock().now
            let lease = try #require(try await engine.tryAcquire(name, owner: "one", for: .seconds(3)).lease)
            let holder = try #require(try await other.inspect(name))
            #expect(holder.remaining > .zero && holder.remaining <= .seconds(3))
            guard case .held = try await other.tryAcquire(name, owner: "two", for: .seconds(30)) else {
                throw Disappointment(description: "a held name was granted to a host with another clock")
            }
            let next = try #require(
                try await other.acquire(name, owner: "two", for: .seconds(30), upTo: .seconds(40)).lease)
            #expect(before.duration(to: HostClock().now) >= .seconds(3))
            #expect(next.token > lease.token)
        }
    }

    @Test("a grant of half a second ends in time, though etcd counts from two seconds up")
    func shortGrants() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let clock = HostClock()
        let start = clock.now
        _ = try #require(try await engine.tryAcquire("job", owner: "one", for: .milliseconds(500)).lease)
        let next = try await other.acquire("job", owner: "two", for: .seconds(30), upTo: .seconds(40))
        #expect(next.lease != nil)
        let waited = start.duration(to: clock.now)
        #expect(waited >= .milliseconds(500) && waited < .milliseconds(1_900), "\(waited)")
    }

    @Test("a grant of an engine that is gone ends with its lease at the server")
    func goneEngine() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        do {
            let dying = try server.engine { $0.clock = HostClock() }
            _ = try #require(try await dying.tryAcquire("job", owner: "one", for: .seconds(1)).lease)
            dying.close()
        }
        let clock = HostClock()
        let start = clock.now
        #expect(
            try await engine.acquire("job", owner: "two", for: .seconds(30), upTo: .seconds(40)).lease != nil)
        // A second for the grant, one for the rounding, and room for the server's looking twice a second.
        #expect(start.duration(to: clock.now) < .seconds(5))
        try await eventually("nothing is left but what is held") {
            try await server.control(["get", "--prefix", "", "--keys-only"]).text
                .split(separator: "\n").map(String.init) == ["job/two"]
        }
    }

    @Test("a refused request leaves no key")
    func refusalLeavesNothing() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        _ = try await engine.tryAcquire("job", owner: "one", for: .seconds(600))
        for _ in 1...10 { _ = try await engine.tryAcquire("job", owner: "two", for: .seconds(600)) }
        let keys = try await server.control(["get", "--prefix", "", "--keys-only"]).text
        #expect(keys.split(separator: "\n").map(String.init) == ["job/one"])
    }

    @Test("no herd: with 500 waiters one release wakes one")
    func noHerd() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let lease = try #require(try await engine.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let ledger = Ledger()
        let waiters = try (0..<500).map { number in
            let owner = try OwnerID("waiter-\(number)")
            return Task {
                let own = number.isMultiple(of: 2) ? engine : other
                let answer = try await own.acquire("job", owner: owner, for: .seconds(600), upTo: .seconds(600))
                if let lease = answer.lease { ledger.served.withLock { $0[owner] = lease.token } }
            }
        }
        try await eventually("all wait") { try await engine.inspect("job")?.waiters.count == 500 }
        try await eventually("each watches the one before it") {
            try await server.metric("etcd_debugging_mvcc_watcher_total") >= 500
        }
        let before = try await server.metric("etcd_debugging_mvcc_events_total")
        #expect(try await engine.release("job", owner: "holder", token: lease.token))
        try await eventually("one is served") { ledger.served.withLock { $0.count } == 1 }
        // The next hand-over too, so that a herd that comes late is seen.
        for (owner, token) in ledger.served.withLock({ $0 }) {
            #expect(try await engine.release("job", owner: owner, token: token))
        }
        try await eventually("two are served") { ledger.served.withLock { $0.count } == 2 }
        let events = try await server.metric("etcd_debugging_mvcc_events_total") - before
        #expect(events <= 20, "\(events) events for two releases")
        for waiter in waiters { waiter.cancel() }
        for waiter in waiters { _ = await waiter.result }
    }

    @Test("locks of many tasks exclude each other through DistributedLock, on two engines")
    func locks() async throws {
        let server = try await EtcdProcess()
        let engines = [try server.engine(), try server.engine()]
        let ledger = Ledger()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                let lock = try DistributedLock("job", on: engines[number % 2], requiring: .linearizable)
                group.addTask {
                    for _ in 1...5 {
                        try await lock.withLock(waiting: .seconds(120)) { lease in
                            ledger.inside.withLock {
                                $0.now += 1
                                $0.most = max($0.most, $0.now)
                                #expect(lease.token > $0.last)
                                $0.last = lease.token
                                $0.entries += 1
                            }
                            await Task.yield()
                            ledger.inside.withLock { $0.now -= 1 }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(ledger.inside.withLock { $0.most } == 1)
        #expect(ledger.inside.withLock { $0.entries } == 40)
    }
}
#endif
