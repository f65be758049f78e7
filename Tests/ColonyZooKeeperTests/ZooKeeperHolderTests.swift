#if ZooKeeper
import ColonyCoordination
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite(
    "Pitfalls of those who hold a lock on ZooKeeper", .enabled(if: ZooKeeperProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct ZooKeeperHolderTests {
    @Test func `noRenewAfterUnlock: after a release nothing brings the lease back, nor the permits`() async throws {
        let server = try await ZooKeeperProcess()
        let suffix = "/colony?session_timeout_ms=60000&timeout_ms=30000"
        let engines = [try server.engine(suffix), try server.engine(suffix)]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<6 {
                group.addTask {
                    let name = try LeaseName("job-\(task)")
                    for round in 0..<40 {
                        let owner = try OwnerID("owner-\(task)-\(round)")
                        let (engine, other) = (engines[round % 2], engines[round / 2 % 2])
                        let lease = try #require(
                            try await engine.tryAcquire(name, owner: owner, for: .seconds(40)).lease)
                        let request = PermitRequest(1, of: name, limit: 1, owner: owner, for: .seconds(40))
                        let permit = try #require(try await engine.takePermits(request).lease)
                        let renewals = [
                            Task { try await engine.renew(lease, for: .seconds(50)) },
                            Task { try await engine.renewPermits(permit, for: .seconds(50)) },
                        ]
                        for _ in 0..<(round % 5) { await Task.yield() }
                        #expect(try await other.release(name, owner: owner, token: lease.token))
                        #expect(try await other.returnPermits(name, owner: owner, token: permit.token))
                        for renewal in renewals { _ = try await renewal.value }
                        #expect(try await engine.renew(lease, for: .seconds(50)) == nil)
                        #expect(try await engine.renewPermits(permit, for: .seconds(50)) == nil)
                        #expect(try await other.inspectPermits(name).holders.isEmpty)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await engines[0].heldCount() == 0)
        for engine in engines { await engine.close() }
    }

    @Test func `renewalSurvivesReconnect: after broken connections, and after a lease that ran out, renewal works`()
        async throws
    {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        let engine = try ZooKeeperLeaseEngine(
            url: try server.url("/colony?session_timeout_ms=20000&timeout_ms=20000", at: relay.port))
        var lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(15)).lease)
        for _ in 1...10 {
            relay.cut()
            let renewed = try #require(try await engine.renew(lease, for: .seconds(15)))
            #expect(renewed.token == lease.token && renewed.expiry > lease.expiry)
            lease = renewed
        }
        let short = try #require(try await engine.tryAcquire("other", owner: "a", for: .milliseconds(20)).lease)
        try await eventually("it runs out") { try await engine.renew(short, for: .milliseconds(20)) == nil }
        let again = try #require(try await engine.tryAcquire("other", owner: "a", for: .seconds(15)).lease)
        #expect(again.token > short.token)
        relay.cut()
        #expect(try await engine.renew(again, for: .seconds(15))?.token == again.token)
        await engine.close()
        relay.close()
    }

    @Test func `leaderStopsFirst: a holder that is cut off has stopped before another begins`() async throws {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        let engine = try ZooKeeperLeaseEngine(
            url: try server.url("/colony?session_timeout_ms=3000&timeout_ms=1000", at: relay.port))
        let other = try server.engine()
        let clock = HostClock()
        let isHeld = SharedValue(false)
        let stopped = SharedValue<MonotonicInstant?>(nil)
        let holder = Task {
            try await DistributedLock("job", on: engine).withLock { _ in
                isHeld.change { $0 = true }
                defer { stopped.change { $0 = clock.now } }
                try await clock.sleep(for: .seconds(120))
            }
        }
        try await eventually("it holds") { isHeld.value }
        relay.pause()
        let next = try await other.acquire("job", owner: "b", for: .seconds(5), upTo: .seconds(60)).lease
        let began = clock.now
        #expect(next != nil)
        let end = try #require(stopped.value, "another began while the holder was at work")
        #expect(end <= began)
        holder.cancel()
        _ = await holder.result
        await engine.close()
        await other.close()
        relay.close()
    }

    @Test func `expiryUsesLocalObservation: clocks of clients that are hours apart do not matter`() async throws {
        struct Shifted: MonotonicClock {
            let shift: Duration
            var now: MonotonicInstant { HostClock().now.advanced(by: self.shift) }
            var minimumResolution: Duration { .nanoseconds(1) }
            func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
                try await HostClock().sleep(until: deadline.advanced(by: .zero - self.shift), tolerance: tolerance)
            }
        }
        struct ShiftedWall: WallClock {
            let shift: Duration
            var now: WallTime { SystemWallClock().now.advanced(by: self.shift) }
        }
        let server = try await ZooKeeperProcess()
        let options = try ZooKeeperOptions(url: server.url("/colony?session_timeout_ms=20000&timeout_ms=20000"))
        let engines = [-18_000, 18_000].map { seconds in
            ZooKeeperLeaseEngine(
                options, clock: Shifted(shift: .seconds(seconds)), wallClock: ShiftedWall(shift: .seconds(-seconds)))
        }
        for (engine, other) in [(engines[0], engines[1]), (engines[1], engines[0])] {
            let real = HostClock().now
            let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(2)).lease)
            let request = PermitRequest(1, of: "job", limit: 1, owner: "a", for: .seconds(2))
            let permit = try #require(try await engine.takePermits(request).lease)
            #expect(try await other.inspect("job")?.token == lease.token)
            #expect(try await other.tryAcquire("job", owner: "b", for: .seconds(5)).lease == nil)
            let next = PermitRequest(1, of: "job", limit: 1, owner: "b", for: .seconds(5))
            #expect(try await other.takePermits(next).lease == nil)
            #expect(try await other.waitForPermits(next, upTo: .seconds(60)))
            let after = try await other.acquire("job", owner: "b", for: .seconds(5), upTo: .seconds(60)).lease
            #expect(real.duration(to: HostClock().now) >= .seconds(2))
            #expect(try #require(after).token > lease.token)
            #expect(try #require(try await other.takePermits(next).lease).token > permit.token)
            #expect(try await other.release("job", owner: "b", token: nil))
            #expect(try await other.returnPermits("job", owner: "b", token: nil))
        }
        for engine in engines { await engine.close() }
    }
}
#endif
