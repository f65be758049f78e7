import ColonyCore
import ColonySQLite
import ColonySimulation
import Testing

@Suite struct LeaseEngineTests {
    @Test func aFreeNameIsGrantedAndAHeldOneNamesItsHolder() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(600)).lease)
        guard case .held(let holder) = try await engine.tryAcquire("job", owner: "b", for: .seconds(600)) else {
            Issue.record("the name was granted twice")
            return
        }
        #expect(holder.owner == "a")
        #expect(holder.token == lease.token)
        #expect(holder.remaining > .seconds(300))
        let record = try #require(try await engine.inspect("job"))
        #expect(record.owner == "a")
        #expect(record.renewals == 0)
        #expect(try await engine.release("job", owner: "a", token: lease.token))
        #expect(try await engine.inspect("job") == nil)
        #expect(try await engine.heldCount() == 0)
        let second = try #require(try await engine.tryAcquire("job", owner: "b", for: .seconds(600)).lease)
        #expect(second.token > lease.token)
        #expect(try await engine.heldCount() == 1)
        await engine.close()
    }

    @Test func aLeaseRunsOutOnTheClockOfTheHost() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let engine = SimulatedHost(path: folder.store, clock: clock).process()
        let first = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(10)).lease)
        clock.advance(by: .seconds(10))
        #expect(try await engine.inspect("job") == nil)
        #expect(try await engine.renew(first, for: .seconds(10)) == nil)
        let second = try #require(try await engine.tryAcquire("job", owner: "b", for: .seconds(10)).lease)
        #expect(second.token > first.token)
        await engine.close()
    }

    @Test func aWaiterInTheSameProcessIsWokenByTheRelease() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(60)).lease)
        async let turn = engine.acquire("job", owner: "b", for: .seconds(60), upTo: .seconds(30))
        try await eventually("the waiter stands in the queue") {
            try await engine.inspect("job")?.waiters.map(\.owner) == ["b"]
        }
        try await engine.release("job", owner: "a", token: lease.token)
        let granted = try #require(try await turn.lease)
        #expect(granted.token > lease.token)
        #expect(try await engine.inspect("job")?.waiters.isEmpty == true)
        await engine.close()
    }

    @Test func aWaiterInAnotherProcessIsWokenByTheRelease() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let first = host.process()
        let second = host.process()
        var fastest = Duration.seconds(60)
        // The slow poll would take a second each time; one stall of a busy disk proves nothing.
        for _ in 0..<5 where fastest >= .milliseconds(500) {
            let lease = try #require(try await first.tryAcquire("job", owner: "a", for: .seconds(600)).lease)
            async let turn = second.acquire("job", owner: "b", for: .seconds(600), upTo: .seconds(60))
            async let change = second.waitForChange(of: "job", from: lease.token, upTo: .seconds(60))
            try await eventually("the waiter stands in the queue") {
                try await first.inspect("job")?.waiters.map(\.owner) == ["b"]
            }
            let start = HostClock().now
            try await first.release("job", owner: "a", token: lease.token)
            let mine = try #require(try await turn.lease)
            #expect(try await change)
            fastest = min(fastest, start.duration(to: HostClock().now))
            try await second.release("job", owner: "b", token: mine.token)
        }
        #expect(fastest < .milliseconds(500))
        await first.close()
        await second.close()
    }

    @Test func aWaiterGivesUpWhenItsLimitPasses() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(60)).lease)
        let answer = try await engine.acquire("job", owner: "b", for: .seconds(60), upTo: .milliseconds(50))
        guard case .held(let holder) = answer else {
            Issue.record("the name was granted twice")
            return
        }
        #expect(holder.token == lease.token)
        #expect(try await engine.inspect("job")?.waiters == [])
        #expect(try await !engine.waitForChange(of: "job", from: lease.token, upTo: .milliseconds(50)))
        await engine.close()
    }
}
