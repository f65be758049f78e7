#if ZooKeeper
import ColonyCoordination
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite(
    "Pitfalls of coordination, on ZooKeeper", .enabled(if: ZooKeeperProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct ZooKeeperPitfallTests {
    /// A session that the ensemble has ended while its process was cut off.
    private struct CutOff {
        let server: ZooKeeperProcess
        let relay: Relay
        let engine: ZooKeeperLeaseEngine
        let other: ZooKeeperLeaseEngine

        init() async throws {
            self.server = try await ZooKeeperProcess()
            self.relay = try Relay(to: self.server.port)
            self.engine = try ZooKeeperLeaseEngine(
                url: try self.server.url("/colony?session_timeout_ms=2000&timeout_ms=20000", at: self.relay.port))
            self.other = try self.server.engine()
        }

        func end() async {
            self.relay.close()
            await self.engine.close()
            await self.other.close()
        }
    }

    @Test func `sessionExpiryEndsEveryLease: all leases of a session end at once, and a new session is made`()
        async throws
    {
        let scene = try await CutOff()
        var leases: [Lease] = []
        for number in 1...10 {
            let name = try LeaseName("job-\(number)")
            leases.append(try #require(try await scene.engine.tryAcquire(name, owner: "a", for: .seconds(1)).lease))
        }
        let clock = HostClock()
        let waiters = leases.map { lease in
            Task { () -> (Lease?, MonotonicInstant) in
                let answer = try await scene.other.acquire(lease.name, owner: "b", for: .seconds(5), upTo: .seconds(40))
                return (answer.lease, clock.now)
            }
        }
        scene.relay.pause()
        for (lease, waiter) in zip(leases, waiters) {
            let (next, granted) = try await waiter.value
            #expect(try #require(next).token > lease.token)
            // leaderStopsFirst: the holder's view ends before anybody else is granted.
            #expect(granted >= lease.expiry)
        }
        scene.relay.resume()
        for lease in leases { #expect(try await scene.engine.renew(lease, for: .seconds(1)) == nil) }
        let held = try await scene.engine.tryAcquire("job-1", owner: "a", for: .seconds(1))
        #expect(held.lease == nil)
        #expect(try await scene.engine.tryAcquire("another", owner: "a", for: .seconds(1)).lease != nil)
        await scene.end()
    }

    @Test func `waiterChecksOwnLease: a waiter whose session ended while it queued is not granted its old place`()
        async throws
    {
        let scene = try await CutOff()
        let first = try #require(try await scene.other.tryAcquire("job", owner: "a", for: .seconds(7)).lease)
        let waiter = Task { try await scene.engine.acquire("job", owner: "b", for: .seconds(1), upTo: .seconds(40)) }
        try await eventually("b waits") { try await scene.other.inspect("job")?.waiters.map(\.owner) == ["b"] }
        scene.relay.pause()
        try await eventually("b's session ends") {
            _ = try await scene.other.renew(first, for: .seconds(7))
            return try await scene.other.inspect("job")?.waiters.isEmpty == true
        }
        // Whoever comes now stands before the waiter that comes back.
        let second = Task { try await scene.other.acquire("job", owner: "c", for: .seconds(5), upTo: .seconds(40)) }
        try await eventually("c waits") { try await scene.other.inspect("job")?.waiters.map(\.owner) == ["c"] }
        scene.relay.resume()
        try await eventually("b waits again, behind") {
            _ = try await scene.other.renew(first, for: .seconds(7))
            return try await scene.other.inspect("job")?.waiters.map(\.owner) == ["c", "b"]
        }
        #expect(try await scene.other.release("job", owner: "a", token: first.token))
        let served = try #require(try await second.value.lease)
        #expect(try await scene.other.inspect("job")?.owner == "c")
        #expect(try await scene.other.release("job", owner: "c", token: served.token))
        let last = try #require(try await waiter.value.lease)
        #expect(last.token > served.token)
        await scene.end()
    }

    @Test func `tokenMonotonicForever: tokens rise across a kill of the server and after the lock's node was deleted`()
        async throws
    {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine()
        var last = FencingToken(rawValue: 0)
        for _ in 1...3 {
            let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(6)).lease)
            #expect(lease.token > last)
            last = lease.token
            server.kill()
            try server.start()
            // The session is in the log of transactions, so the lease is still held.
            let renewed = try await engine.renew(lease, for: .seconds(6))
            #expect(renewed?.token == lease.token)
            #expect(try await engine.release("job", owner: "a", token: lease.token))
        }
        await engine.close()
    }

    @Test func `deadWaiterBounded: a waiter that dies with its session lets the next one pass`() async throws {
        let scene = try await CutOff()
        let first = try #require(try await scene.other.tryAcquire("job", owner: "a", for: .seconds(7)).lease)
        let dead = Task { try await scene.engine.acquire("job", owner: "b", for: .seconds(1), upTo: .seconds(40)) }
        try await eventually("b waits") { try await scene.other.inspect("job")?.waiters.count == 1 }
        let next = Task { try await scene.other.acquire("job", owner: "c", for: .seconds(5), upTo: .seconds(40)) }
        try await eventually("c waits") { try await scene.other.inspect("job")?.waiters.count == 2 }
        scene.relay.pause()
        let clock = HostClock()
        let start = clock.now
        #expect(try await scene.other.release("job", owner: "a", token: first.token))
        #expect(try await next.value.lease?.owner == "c")
        // The bound, and as much again for a machine that is busy.
        #expect(start.duration(to: clock.now) < scene.engine.deadWaiterBound * 2 + .seconds(5))
        dead.cancel()
        _ = await dead.result
        await scene.end()
    }

    @Test func `onlyOwnerReleases: a release goes on when its task is cancelled`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine()
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(6)).lease)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await engine.release("job", owner: "a", token: lease.token)
        }
        #expect(try await task.value)
        #expect(try await engine.inspect("job") == nil)
        await engine.close()
    }

    @Test func `no herd: one release among 500 waiters is one event`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine("/colony?session_timeout_ms=30000&timeout_ms=30000")
        let first = try #require(try await engine.tryAcquire("job", owner: "first", for: .seconds(25)).lease)
        let count = 500
        let served = SharedValue<[FencingToken]>([])
        let waiters = try (1...count).map { number in
            let owner = try OwnerID("waiter-\(number)")
            return Task { () -> Lease? in
                let lease = try await engine.acquire("job", owner: owner, for: .seconds(25), upTo: .seconds(120)).lease
                if let lease { served.change { $0.append(lease.token) } }
                return lease
            }
        }
        try await eventually("all wait, each for the one before it") {
            _ = try await engine.renew(first, for: .seconds(25))
            return server.figure("zk_watch_count") == count
        }
        let before = try #require(server.figure("zk_packets_sent"))
        #expect(try await engine.release("job", owner: "first", token: first.token))
        try await eventually("one is served") { served.value.count == 1 }
        let after = try #require(server.figure("zk_packets_sent"))
        // The deletion, one event, a sync and a list, some pings, and the questions of this test.
        #expect(after - before < 40, "one release cost \(after - before) packets")
        #expect(server.figure("zk_watch_count") == count - 1)
        for waiter in waiters { waiter.cancel() }
        for waiter in waiters { _ = await waiter.result }
        await engine.close()
    }

    @Test func `reconnectStormOneLeader: while connections break all the time, one holds at a time and tokens rise`()
        async throws
    {
        let server = try await ZooKeeperProcess()
        let relays = [try Relay(to: server.port), try Relay(to: server.port)]
        let engines = try relays.map { relay in
            try ZooKeeperLeaseEngine(
                url: try server.url("/colony?session_timeout_ms=20000&timeout_ms=20000", at: relay.port))
        }
        let tokens = SharedValue<[FencingToken]>([])
        let inside = SharedValue(0)
        let storm = Task {
            let clock = HostClock()
            for round in 0... {
                try await clock.sleep(for: .milliseconds(60))
                relays[round % 2].cut()
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                let engine = engines[number % 2]
                let owner = try OwnerID("owner-\(number)")
                group.addTask {
                    for _ in 1...10 {
                        let answer = try await engine.acquire(
                            "job", owner: owner, for: .seconds(15), upTo: .seconds(120))
                        let lease = try #require(answer.lease)
                        let entered = inside.change { count -> Int in
                            count += 1
                            return count
                        }
                        #expect(entered == 1)
                        tokens.change { $0.append(lease.token) }
                        inside.change { $0 -= 1 }
                        #expect(try await engine.release("job", owner: owner, token: lease.token))
                    }
                }
            }
            try await group.waitForAll()
        }
        storm.cancel()
        let seen = tokens.value
        #expect(seen.count == 60)
        for (earlier, later) in zip(seen, seen.dropFirst()) { #expect(earlier < later) }
        try await eventually("no node is left") { try await engines[0].inspect("job") == nil }
        for engine in engines { await engine.close() }
        for relay in relays { relay.close() }
    }

    @Test func `a lock keeps its lease for many sessions' time`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine("/colony?session_timeout_ms=2000&timeout_ms=2000")
        let other = try server.engine()
        let lock = DistributedLock("job", on: engine)
        try await lock.withLock { held in
            let clock = HostClock()
            let end = clock.now.advanced(by: .seconds(7))
            while clock.now < end {
                #expect(try await other.tryAcquire("job", owner: "b", for: .seconds(1)).lease == nil)
                try await clock.sleep(for: .milliseconds(200))
            }
            // A lost lease would have cancelled this task.
            #expect(!Task.isCancelled && held.duration == .milliseconds(1_800))
        }
        #expect(try await other.tryAcquire("job", owner: "b", for: .seconds(1)).lease != nil)
        await engine.close()
        await other.close()
    }
}
#endif
