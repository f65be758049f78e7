import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

@Suite struct WaitingRoomTests {
    @Test(arguments: Seed(rawValue: 1).followed(by: 50))
    func thoseWhoWaitAreServedInTheOrderOfTheirComing(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let room = WaitingRoom(clock: simulation.clock)
            _ = try await room.acquire("job", owner: "first", for: .seconds(60), upTo: .zero, on: engine)
            let served = Mutex<[Int]>([])
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<10 {
                let owner = OwnerID.unique()
                tasks.append(
                    simulation.spawn {
                        let answer = try await room.acquire(
                            "job", owner: owner, for: .seconds(60), upTo: .seconds(50), on: engine)
                        let lease = try #require(answer.lease)
                        served.withLock { $0.append(number) }
                        try await engine.release("job", owner: owner, token: lease.token)
                    })
                try await simulation.clock.sleep(for: .milliseconds(1))
            }
            #expect(room.waiters(for: "job", on: engine).count == 10)
            #expect(room.waiters(on: engine)["job"]?.count == 10)
            try await engine.release("job", owner: "first", token: nil)
            for task in tasks { try await task.value }
            #expect(served.withLock { $0 } == Array(0..<10))
            #expect(room.waiters(on: engine).isEmpty)
        }
    }

    @Test func onlyTheFirstOfTheQueueTalksToTheEngine() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = FaultyLeaseEngine(MemoryLeaseEngine(clock: simulation.clock), clock: simulation.clock)
            let room = WaitingRoom(clock: simulation.clock)
            _ = try await room.acquire("job", owner: "first", for: .seconds(60), upTo: .zero, on: engine)
            let tasks = (0..<100).map { _ in
                simulation.spawn {
                    try await room.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(5), on: engine)
                }
            }
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(engine.callCount(of: .waitForChange) == 1)
            for task in tasks { #expect(try await task.value.lease == nil) }
        }
    }

    @Test func aCancelledWaiterDoesNotHoldUpTheNext() throws {
        try Simulation(seed: 3).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let room = WaitingRoom(clock: simulation.clock)
            _ = try await room.acquire("job", owner: "first", for: .seconds(60), upTo: .zero, on: engine)
            let second = simulation.spawn {
                try await room.acquire("job", owner: "second", for: .seconds(60), upTo: .seconds(50), on: engine)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            let third = simulation.spawn {
                try await room.acquire("job", owner: "third", for: .seconds(60), upTo: .seconds(50), on: engine)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            second.cancel()
            let error = await #expect(throws: LeaseError.self) { try await second.value }
            #expect(error?.code == .cancelled)
            try await engine.release("job", owner: "first", token: nil)
            #expect(try await third.value.lease?.owner == "third")
        }
    }

    @Test func anEngineThatCannotBeReachedIsAskedAgainUntilTheDeadline() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = FaultyLeaseEngine(
                MemoryLeaseEngine(clock: simulation.clock), clock: simulation.clock,
                plan: .script([.errorBefore, .errorAfter, .errorBefore]))
            let room = WaitingRoom(clock: simulation.clock)
            let answer = try await room.acquire("job", owner: "a", for: .seconds(60), upTo: .seconds(10), on: engine)
            #expect(answer.lease?.token.rawValue == 1, "the same owner asks again, so its first grant is kept")
            engine.follow(.always(.errorBefore))
            let start = simulation.clock.now
            let error = await #expect(throws: LeaseError.self) {
                try await room.acquire("other", owner: "a", for: .seconds(60), upTo: .seconds(10), on: engine)
            }
            #expect(error?.code == .unavailable)
            #expect(start.duration(to: simulation.clock.now) <= .seconds(10))
        }
    }

    @Test func whatACancelledCallerMayHoldIsGivenBack() throws {
        try Simulation(seed: 5).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyLeaseEngine(base, clock: simulation.clock, plan: .onCall(1, .hangAfter))
            let room = WaitingRoom(clock: simulation.clock)
            let task = simulation.spawn {
                try await room.acquire("job", owner: "a", for: .seconds(60), upTo: .seconds(10), on: engine)
            }
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(try await base.inspect("job") != nil, "the grant was made, and its answer hangs")
            task.cancel()
            _ = await task.result
            #expect(try await base.inspect("job") == nil)
        }
    }
}
