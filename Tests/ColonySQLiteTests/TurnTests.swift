import ColonyCore
import ColonySQLite
import ColonySimulation
import Testing

@Suite("Turns across processes", .timeLimit(.minutes(2)))
struct TurnTests {
    private func waiters(_ engine: SQLiteLeaseEngine) async throws -> [String] {
        try await engine.inspect("job")?.waiters.map(\.owner.rawValue) ?? []
    }

    @Test func `turns are kept in the order of asking, across processes`() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let processes = (0..<3).map { _ in host.process() }
        let lease = try #require(try await processes[0].tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let order = Order()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<9 {
                let engine = processes[index % 3]
                group.addTask {
                    let owner = try OwnerID("waiter-\(index)")
                    let mine = try #require(
                        try await engine.acquire("job", owner: owner, for: .seconds(600), upTo: .seconds(60)).lease)
                    order.append(index)
                    #expect(try await engine.release("job", owner: owner, token: mine.token))
                }
                try await eventually("waiter \(index) stands in the queue") {
                    try await self.waiters(processes[0]).count == index + 1
                }
            }
            #expect(try await self.waiters(processes[0]) == (0..<9).map { "waiter-\($0)" })
            try await processes[0].release("job", owner: "holder", token: lease.token)
            try await group.waitForAll()
        }
        #expect(order.list == Array(0..<9))
        for process in processes { await process.close() }
    }

    @Test func deadWaiterBounded() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let host = SimulatedHost(path: folder.store, clock: clock)
        let holder = host.process()
        let lease = try #require(try await holder.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        // Five processes die in the queue, before one that lives.
        var dead: [(SQLiteLeaseEngine, Task<Acquisition, any Error>)] = []
        for index in 0..<5 {
            let process = host.process()
            let task = Task {
                try await process.acquire(
                    "job", owner: OwnerID("dead-\(index)"), for: .seconds(600), upTo: .seconds(600))
            }
            try await eventually("the waiter stands in the queue") {
                try await self.waiters(holder).count == index + 1
            }
            dead.append((process, task))
        }
        let living = host.process()
        let turn = Task { try await living.acquire("job", owner: "living", for: .seconds(600), upTo: .seconds(600)) }
        try await eventually("the last waiter stands in the queue") { try await self.waiters(holder).count == 6 }
        for (process, _) in dead { try process.playDead() }
        try await holder.release("job", owner: "holder", token: lease.token)
        // Those who ask past the queue find the name held by the first in it.
        guard case .held(let first) = try await holder.tryAcquire("job", owner: "other", for: .seconds(60)) else {
            Issue.record("a name was granted past the queue")
            return
        }
        #expect(first.owner == "dead-0")
        #expect(first.remaining <= living.deadWaiterBound)
        // All five together cost one bound.
        clock.advance(by: living.deadWaiterBound)
        let mine = try await turn.value.lease
        #expect(mine != nil)
        #expect(try await self.waiters(holder) == [])
        for (process, task) in dead {
            task.cancel()
            _ = await task.result
            await process.close()
        }
        #expect(try await living.inspect("job")?.owner == "living")
        await living.close()
        await holder.close()
    }

    @Test func waiterChecksOwnLease() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let host = SimulatedHost(path: folder.store, clock: clock)
        let (first, second) = (host.process(), host.process())
        _ = try await first.tryAcquire("job", owner: "holder", for: .seconds(600))
        let paused = Task { try await first.acquire("job", owner: "paused", for: .seconds(10), upTo: .seconds(3_000)) }
        try await eventually("the waiter stands in the queue") { try await self.waiters(second) == ["paused"] }
        // Its process stops; the holder's lease runs out, others take the waiter for dead and pass it.
        try first.playDead()
        clock.advance(by: .seconds(700))
        let passed = try #require(try await second.tryAcquire("job", owner: "other", for: .seconds(600)).lease)
        #expect(try await self.waiters(second) == [])
        // It wakes up again: it must not believe that the turn it once had is still its own.
        try first.comeToLife()
        try await eventually("the waiter stands in the queue again") { try await self.waiters(second) == ["paused"] }
        #expect(try await second.renew(passed, for: .seconds(600)) != nil)
        #expect(try await second.release("job", owner: "other", token: passed.token))
        let turn = try #require(try await paused.value.lease)
        #expect(turn.token > passed.token)
        #expect(turn.expiry == clock.now.advanced(by: .seconds(10)))
        await first.close()
        await second.close()
    }

    @Test func `one who waits for a place in the queue to be over is told when it is`() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let host = SimulatedHost(path: folder.store, clock: clock)
        let (first, second) = (host.process(), host.process())
        let lease = try #require(try await first.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let dead = host.process()
        let waiting = Task { try await dead.acquire("job", owner: "dead", for: .seconds(60), upTo: .seconds(600)) }
        try await eventually("the waiter stands in the queue") { try await self.waiters(first) == ["dead"] }
        try dead.playDead()
        try await first.release("job", owner: "holder", token: lease.token)
        guard case .held(let place) = try await second.tryAcquire("job", owner: "other", for: .seconds(60)) else {
            Issue.record("a name was granted past the queue")
            return
        }
        let change = Task { try await second.waitForChange(of: "job", from: place.token, upTo: .seconds(60)) }
        try await clock.waitForSleepers(1)
        clock.advance(by: .seconds(3))
        #expect(try await change.value)
        #expect(try await second.tryAcquire("job", owner: "other", for: .seconds(60)).lease != nil)
        waiting.cancel()
        _ = await waiting.result
        for process in [first, second, dead] { await process.close() }
    }

    @Test func `a release without a token also leaves the queue`() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let (first, second) = (host.process(), host.process())
        _ = try await first.tryAcquire("job", owner: "holder", for: .seconds(600))
        let waiting = Task { try await first.acquire("job", owner: "b", for: .seconds(60), upTo: .seconds(600)) }
        try await eventually("the waiter stands in the queue") { try await self.waiters(second) == ["b"] }
        try first.playDead()
        #expect(try await !second.release("job", owner: "b", token: nil))
        #expect(try await self.waiters(second) == [])
        waiting.cancel()
        _ = await waiting.result
        await first.close()
        await second.close()
    }

    @Test(arguments: 0..<40)
    func `a waiter that is cancelled at any point leaves neither a place nor a lease`(round: Int) async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        var lease: Lease?
        if round % 2 == 0 { lease = try await engine.tryAcquire("job", owner: "holder", for: .seconds(600)).lease }
        let task = Task { try await engine.acquire("job", owner: "b", for: .seconds(600), upTo: .seconds(600)) }
        let releaser = Task {
            for _ in 0..<round * 3 { await Task.yield() }
            if let lease { try await engine.release("job", owner: "holder", token: lease.token) }
        }
        for _ in 0..<round * round { await Task.yield() }
        task.cancel()
        switch await task.result {
        case .success(let answer):
            let mine = try #require(answer.lease)
            #expect(try await engine.release("job", owner: "b", token: mine.token))
        case .failure(let error as LeaseError): #expect(error.code == .cancelled)
        case .failure(let error): Issue.record(error)
        }
        _ = await releaser.result
        let after = try await engine.inspect("job")
        #expect(after == nil)
        let store = try engine.storeForTesting
        let places = try await store.read { connection throws(StoreError) in
            let statement = try connection.prepared(Self.countPlaces)
            defer { statement.reset() }
            _ = try statement.step()
            return statement.integer(0)
        }
        #expect(places == 0)
        await engine.close()
    }

    private static let countPlaces = SQL("SELECT count(*) FROM waiter")

    @Test func `closing ends those who wait, and their places`() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let (first, second) = (host.process(), host.process())
        let lease = try #require(try await second.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let turn = Task { try await first.acquire("job", owner: "b", for: .seconds(60), upTo: .seconds(600)) }
        // A wait may end early without reason.
        let change = Task<Void, any Error> {
            while true { try await first.waitForChange(of: "job", from: lease.token, upTo: .seconds(600)) }
        }
        try await eventually("the waiter stands in the queue") { try await self.waiters(second) == ["b"] }
        await first.close()
        for result in [await turn.result.map { _ in }, await change.result] {
            let error = #expect(throws: LeaseError.self) { try result.get() }
            #expect(error?.code == .closed)
        }
        #expect(try await self.waiters(second) == [])
        await second.close()
    }

    @Test func `changes in another process are announced`() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let (first, second) = (host.process(), host.process())
        _ = try await first.inspect("job")
        var changes = first.changes().makeAsyncIterator()
        let lease = try #require(try await second.tryAcquire("job", owner: "a", for: .seconds(60)).lease)
        #expect(await changes.next() != nil)
        try await second.release("job", owner: "a", token: lease.token)
        #expect(await changes.next() != nil)
        await first.close()
        while await changes.next() != nil {}
        await second.close()
    }
}

/// The order in which things happened.
final class Order: Sendable {
    private let state = ThreadCondition<[Int]>([])

    var list: [Int] { self.state.withLock { $0 } }

    func append(_ number: Int) { self.state.withLock { $0.append(number) } }
}
