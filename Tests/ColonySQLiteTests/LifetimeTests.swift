import ColonyCore
import ColonySQLite
import ColonySimulation
import Testing

@Suite("What outlives what", .timeLimit(.minutes(2)))
struct LifetimeTests {
    @Test func `a reboot ends all leases and queues, and tokens go on`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        var host = SimulatedHost(path: folder.store, clock: clock)
        let before = host.process()
        let lease = try #require(try await before.tryAcquire("job", owner: "a", for: .seconds(3_600)).lease)
        let waiting = Task { try await before.acquire("job", owner: "b", for: .seconds(60), upTo: .seconds(3_000)) }
        try await eventually("the waiter stands in the queue") {
            try await before.inspect("job")?.waiters.count == 1
        }
        try before.playDead()
        // The clock of the new boot starts again, below every instant in the file.
        host = SimulatedHost(
            path: folder.store, clock: ManualClock(now: MonotonicInstant(nanoseconds: 5)), boot: BootIdentity("boot-2"))
        let after = host.process()
        #expect(try await after.records(withPrefix: "", after: nil, limit: 10).isEmpty)
        let next = try #require(try await after.tryAcquire("job", owner: "c", for: .seconds(60)).lease)
        #expect(next.token > lease.token)
        #expect(try await after.inspect("job")?.waiters == [])
        await after.close()
        waiting.cancel()
        _ = await waiting.result
        await before.close()
    }

    @Test func `a file that another host took over is left alone`() async throws {
        let folder = try TemporaryFolder()
        let first = SimulatedHost(path: folder.store, clock: ManualClock(), boot: BootIdentity("host-1")).process()
        let lease = try #require(try await first.tryAcquire("job", owner: "a", for: .seconds(60)).lease)
        let second = SimulatedHost(path: folder.store, clock: ManualClock(), boot: BootIdentity("host-2")).process()
        #expect(try await second.tryAcquire("job", owner: "b", for: .seconds(60)).lease != nil)
        for _ in 0..<2 {
            let error = await #expect(throws: LeaseError.self) { _ = try await first.renew(lease, for: .seconds(60)) }
            #expect(error?.code == .storageFailed)
            #expect(error?.message.contains("another host") == true)
            #expect(error?.message.contains(folder.store) == true)
            await #expect(throws: LeaseError.self) { _ = try await first.inspect("job") }
        }
        #expect(try await second.inspect("job")?.owner == "b")
        await first.close()
        await second.close()
    }

    @Test func tokenMonotonicForever() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        var last = FencingToken(rawValue: 0)
        var boot = 0
        for round in 0..<12 {
            // Every way in which a grant may end, over reopening and reboots.
            if round % 4 == 3 { boot += 1 }
            let host = SimulatedHost(path: folder.store, clock: clock, boot: BootIdentity("boot-\(boot)"))
            let engine = host.process()
            for step in 0..<8 {
                let owner = try OwnerID("owner-\(round)-\(step)")
                let lease = try #require(try await engine.tryAcquire("job", owner: owner, for: .seconds(10)).lease)
                #expect(lease.token > last)
                last = lease.token
                switch step % 3 {
                case 0: try await engine.release("job", owner: owner, token: lease.token)
                case 1: clock.advance(by: .seconds(10))
                default: _ = try await engine.breakLease("job")
                }
            }
            await engine.close()
            clock.advance(by: .seconds(10))
        }
    }

    @Test func expiryUsesLocalObservation() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let wall = ManualWallClock()
        let registry = StoreRegistry()
        let holder = SQLiteLeaseEngine(
            path: folder.store, clock: clock, wall: wall, boot: BootIdentity("boot"), registry: registry)
        let observer = SimulatedHost(path: folder.store, clock: clock, boot: BootIdentity("boot")).process()
        _ = try #require(try await holder.tryAcquire("job", owner: "a", for: .seconds(10)).lease)
        for step in [Duration.seconds(7_200), .seconds(-360_000), .seconds(86_400 * 365)] {
            // The time of day jumps; the lease does not notice, and an observer that asks for another duration neither.
            wall.step(by: step)
            guard case .held(let found) = try await observer.tryAcquire("job", owner: "b", for: .milliseconds(10)) else {
                Issue.record("a step of the wall clock ended a lease")
                return
            }
            #expect(found.remaining == .seconds(10))
        }
        clock.advance(by: .nanoseconds(9_999_999_999))
        #expect(try await observer.tryAcquire("job", owner: "b", for: .seconds(10)).lease == nil)
        wall.step(by: .seconds(-86_400))
        clock.advance(by: .nanoseconds(1))
        #expect(try await observer.tryAcquire("job", owner: "b", for: .seconds(10)).lease != nil)
        await holder.close()
        await observer.close()
    }

    @Test func onlyOwnerReleases() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let host = SimulatedHost(path: folder.store, clock: clock)
        let (first, second) = (host.process(), host.process())
        let old = try #require(try await first.tryAcquire("job", owner: "a", for: .seconds(10)).lease)
        clock.advance(by: .seconds(11))
        let present = try #require(try await second.tryAcquire("job", owner: "b", for: .seconds(10)).lease)
        // Late releases of the former holder, with and without its token, and of another grant of the same owner.
        #expect(try await !first.release("job", owner: "a", token: old.token))
        #expect(try await !first.release("job", owner: "a", token: nil))
        #expect(try await !first.release("job", owner: "a", token: present.token))
        #expect(try await !second.release("job", owner: "b", token: old.token))
        #expect(try await second.inspect("job")?.token == present.token)
        #expect(try await second.release("job", owner: "b", token: present.token))
        await first.close()
        await second.close()
    }

    @Test func `leases that ran out are swept away`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let engine = SimulatedHost(path: folder.store, clock: clock).process()
        let store = try engine.storeForTesting
        var largest: Int64 = 0
        for round in 0..<12 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<250 {
                    group.addTask {
                        _ = try await engine.tryAcquire(LeaseName("\(round)-\(index)"), owner: "a", for: .seconds(10))
                    }
                }
                try await group.waitForAll()
            }
            clock.advance(by: .seconds(10))
            let rows = try await store.read { connection throws(StoreError) in
                let statement = try connection.prepared(Self.countLeases)
                defer { statement.reset() }
                _ = try statement.step()
                return statement.integer(0)
            }
            largest = max(largest, rows)
        }
        // 3 000 names were used, 250 at a time.
        #expect(largest <= 1_000, "the table had \(largest) rows")
        await engine.close()
    }

    private static let countLeases = SQL("SELECT count(*) FROM lease")
}
