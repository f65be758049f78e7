import ColonyCore
import ColonyIdentifiers
import ColonySimulation
import Synchronization
import Testing

@Suite struct SnowflakeGeneratorTests {
    static func generator(
        layout: SnowflakeLayout = .classic, worker: Int = 3,
        configuration: SnowflakeConfiguration = SnowflakeConfiguration(), wallClock: any WallClock,
        clock: any MonotonicClock = ManualClock(), after last: SnowflakeID? = nil
    ) throws -> SnowflakeGenerator {
        try SnowflakeGenerator(
            layout: layout, worker: worker, after: last, configuration: configuration, wallClock: wallClock,
            clock: clock)
    }

    @Test func anIdentifierHoldsTimeAndWorker() throws {
        let wallClock = ManualWallClock()
        let parts = try SnowflakeLayout.classic.parse(Self.generator(worker: 31, wallClock: wallClock).next())
        #expect(parts.time == wallClock.now)
        #expect(parts.worker == 31)
        #expect(parts.datacenter == 0)
    }

    @Test(arguments: [-1, 32, Int.max])
    func aWorkerOutOfRangeIsRefused(worker: Int) {
        let error = #expect(throws: IdentifierError.self) { try SnowflakeGenerator(worker: worker) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("\(worker)") == true)
    }

    @Test func aDatacenterOutOfRangeIsRefused() {
        let error = #expect(throws: IdentifierError.self) { try SnowflakeGenerator(worker: 0, datacenter: 32) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func everyNumberOfATickIsIssuedOnceAndInOrder() throws {
        let generator = try Self.generator(
            configuration: SnowflakeConfiguration(sequenceStart: .zero), wallClock: ManualWallClock())
        var issued: [SnowflakeID] = []
        while let id = try generator.tryNext() { issued.append(id) }
        #expect(issued.count == 4_096)
        #expect(zip(issued, issued.dropFirst()).allSatisfy { $0 < $1 })
        #expect(try issued.map { try SnowflakeLayout.classic.parse($0).sequence } == Array(0..<4_096))
    }

    /// Sonyflake's order of fields: the sequence stands above the worker, and carries must not reach it.
    @Test func theOtherOrderOfFieldsKeepsTheWorker() throws {
        let layout = SnowflakeLayout.sonyflake
        let wallClock = ManualWallClock()
        let generator = try Self.generator(layout: layout, worker: 0xABCD, wallClock: wallClock)
        var last: SnowflakeID?
        for _ in 0..<1_000 {
            guard let id = try generator.tryNext() else {
                wallClock.step(by: .milliseconds(10))
                continue
            }
            #expect(try layout.parse(id).worker == 0xABCD)
            if let last { #expect(last < id) }
            last = id
        }
    }

    /// Pitfall 1. Every step back, at every moment: no duplicate, order kept; short ones go on, long ones fail typed.
    @Test func rollbackInProcess() throws {
        for step in [Duration.milliseconds(1), .milliseconds(9), .seconds(1), .seconds(3_600)] {
            let wallClock = ManualWallClock()
            let generator = try Self.generator(wallClock: wallClock)
            var seen: Set<SnowflakeID> = []
            var last = try generator.next()
            seen.insert(last)
            func issue() throws {
                let id = try generator.next()
                #expect(id > last, "after a step of \(step)")
                #expect(seen.insert(id).inserted, "after a step of \(step)")
                last = id
            }
            for _ in 0..<100 { try issue() }
            wallClock.step(by: .zero - step)
            if step <= .milliseconds(10) {
                for _ in 0..<100 { try issue() }
            } else {
                for _ in 0..<10 {
                    let error = #expect(throws: IdentifierError.self) { try generator.next() }
                    #expect(error?.code == .clockMovedBack)
                    #expect(error?.retryAfter == step)
                }
            }
            // The clock catches up, and the tick that was left goes on where it stopped.
            wallClock.step(by: step)
            for _ in 0..<100 { try issue() }
            wallClock.step(by: .milliseconds(1))
            for _ in 0..<100 { try issue() }
        }
    }

    @Test func aStepBackDoesNotGiveATickItsNumbersAgain() throws {
        let wallClock = ManualWallClock()
        let generator = try Self.generator(
            configuration: SnowflakeConfiguration(sequenceStart: .zero), wallClock: wallClock)
        while try generator.tryNext() != nil {}
        wallClock.step(by: .milliseconds(-5))
        #expect(try generator.tryNext() == nil)
        wallClock.step(by: .milliseconds(5))
        #expect(try generator.tryNext() == nil)
        wallClock.step(by: .milliseconds(1))
        #expect(try generator.tryNext() != nil)
    }

    /// Pitfall 5. The wall clock steps back, again and again, while a caller waits for the next tick.
    @Test func waitNextTickTerminates() throws {
        let simulation = Simulation(seed: 5)
        try simulation.run { simulation in
            let generator = try Self.generator(
                configuration: SnowflakeConfiguration(toleratedStepBack: .seconds(10), sequenceStart: .zero),
                wallClock: simulation.wallClock, clock: simulation.clock)
            while try generator.tryNext() != nil {}
            let disturbance = simulation.spawn {
                while true {
                    try await simulation.clock.sleep(for: .microseconds(700))
                    simulation.wallClock.step(by: .milliseconds(-1))
                }
            }
            let began = simulation.clock.now
            await #expect(throws: IdentifierError.self) { try await generator.next(waitingUpTo: .milliseconds(50)) }
            #expect(began.duration(to: simulation.clock.now) <= .milliseconds(50))
            disturbance.cancel()
            // A clock that stands still does not keep it either.
            await #expect(throws: IdentifierError.self) { try await generator.next(waitingUpTo: .milliseconds(50)) }
            #expect(began.duration(to: simulation.clock.now) <= .milliseconds(100))
        }
    }

    /// Pitfall 6. Beyond the limit the caller is told, or waits; the program goes on.
    @Test func overflowIsNotAbort() throws {
        let layout = try SnowflakeLayout(
            timeBits: 41, workerBits: 5, sequenceBits: 2, epoch: SnowflakeLayout.classic.epoch)
        let wallClock = ManualWallClock()
        let clock = ManualClock()
        let generator = try Self.generator(
            layout: layout, configuration: SnowflakeConfiguration(sequenceStart: .zero), wallClock: wallClock,
            clock: clock)
        for _ in 0..<4 { _ = try generator.next() }
        for _ in 0..<1_000 {
            let error = #expect(throws: IdentifierError.self) { try generator.next() }
            #expect(error?.code == .tickExhausted)
            #expect(error?.retryAfter == .milliseconds(1))
            #expect(try generator.tryNext() == nil)
        }
    }

    @Test func aWaitingCallerGetsTheNumberOfTheNextTick() async throws {
        let layout = try SnowflakeLayout(
            timeBits: 41, workerBits: 5, sequenceBits: 0, epoch: SnowflakeLayout.classic.epoch)
        let wallClock = ManualWallClock()
        let clock = ManualClock()
        let generator = try Self.generator(layout: layout, wallClock: wallClock, clock: clock)
        let first = try generator.next()
        let waiting = Task { try await generator.next(waitingUpTo: .seconds(1)) }
        try await clock.waitForSleepers()
        wallClock.step(by: .milliseconds(1))
        clock.advance(by: .milliseconds(1))
        #expect(try await layout.parse(waiting.value).tick == layout.parse(first).tick + 1)
    }

    @Test func aCancelledWaitSaysSo() async throws {
        let wallClock = ManualWallClock()
        let clock = ManualClock()
        let generator = try Self.generator(wallClock: wallClock, clock: clock)
        _ = try generator.next()
        wallClock.step(by: .seconds(-1))
        let waiting = Task { try await generator.next(waitingUpTo: .seconds(5)) }
        try await clock.waitForSleepers()
        waiting.cancel()
        let error = await #expect(throws: IdentifierError.self) { try await waiting.value }
        #expect(error?.code == .cancelled)
    }

    @Test func aWaitThatIsKnownToBeTooShortFailsAtOnce() async throws {
        let wallClock = ManualWallClock()
        let generator = try Self.generator(wallClock: wallClock)
        _ = try generator.next()
        wallClock.step(by: .seconds(-3_600))
        let error = await #expect(throws: IdentifierError.self) { try await generator.next(waitingUpTo: .seconds(60)) }
        #expect(error?.code == .clockMovedBack)
    }

    @Test func aBatchIsRisingAndEndsWithTheTick() throws {
        let wallClock = ManualWallClock()
        let generator = try Self.generator(
            configuration: SnowflakeConfiguration(sequenceStart: .zero), wallClock: wallClock)
        let first = try #require(try generator.tryNext(upTo: 4_000))
        #expect(first.count == 4_000)
        let rest = try #require(try generator.tryNext(upTo: 4_000))
        #expect(rest.count == 96)
        #expect(try generator.tryNext(upTo: 1) == nil)
        let all = Array(first) + Array(rest)
        #expect(zip(all, all.dropFirst()).allSatisfy { $0 < $1 })
        #expect(throws: IdentifierError.self) { try generator.tryNext(upTo: 0) }
    }

    @Test func exactlyAsManyAsWereAskedForComeOverSeveralTicks() async throws {
        let generator = try SnowflakeGenerator(worker: 1)
        let ids = try await generator.next(20_000, waitingUpTo: .seconds(10))
        #expect(ids.count == 20_000)
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        await #expect(throws: IdentifierError.self) { try await generator.next(0, waitingUpTo: .seconds(1)) }
        await #expect(throws: IdentifierError.self) { try await generator.next(1_000_001, waitingUpTo: .seconds(1)) }
    }

    /// A node that issues one identifier now and then must not give out one remainder only (`Leaf#52`).
    @Test func quietNodesSpreadOverRemainders() throws {
        let wallClock = ManualWallClock()
        let generator = try Self.generator(wallClock: wallClock)
        var counts = [Int](repeating: 0, count: 16)
        for _ in 0..<16_000 {
            counts[Int(try generator.next().rawValue % 16)] += 1
            wallClock.step(by: .milliseconds(7))
        }
        #expect(counts.allSatisfy { (800...1_200).contains($0) }, "\(counts)")
    }

    @Test func scatteringTakesNothingFromTheLimit() throws {
        let wallClock = ManualWallClock()
        let generator = try Self.generator(wallClock: wallClock)
        while try generator.tryNext() != nil {}
        for _ in 0..<10 {
            wallClock.step(by: .milliseconds(1))
            var count = 0
            while try generator.tryNext() != nil { count += 1 }
            #expect(count == 4_096)
        }
    }

    @Test(arguments: [0, -4, 3, 2_048])
    func anImpossibleScatterIsRefused(limit: Int) {
        let error = #expect(throws: IdentifierError.self) {
            try Self.generator(
                configuration: SnowflakeConfiguration(sequenceStart: .scattered(below: limit)),
                wallClock: ManualWallClock())
        }
        #expect(error?.code == .invalidRequest)
    }

    /// Pitfall 10, second half: the end of the epoch fails loudly, and years ahead.
    @Test func endOfEpochFailsYearsAhead() throws {
        let end = SnowflakeLayout.classic.end
        let wallClock = ManualWallClock(now: end.advanced(by: .seconds(-729 * 86_400)))
        let early = #expect(throws: IdentifierError.self) { try Self.generator(wallClock: wallClock) }
        #expect(early?.code == .epochOver)
        // Whoever lowers the margin gets the last tick and not one more.
        wallClock.set(end)
        let generator = try Self.generator(
            configuration: SnowflakeConfiguration(refusedBeforeEnd: .zero), wallClock: wallClock)
        #expect(try SnowflakeLayout.classic.parse(generator.next()).tick == 1 << 41 - 1)
        wallClock.step(by: .milliseconds(1))
        let late = #expect(throws: IdentifierError.self) { try generator.next() }
        #expect(late?.code == .epochOver)
    }

    @Test func aClockBeforeTheEpochIsRefused() {
        let wallClock = ManualWallClock(now: WallTime(millisecondsSince1970: 1_000))
        let error = #expect(throws: IdentifierError.self) { try Self.generator(wallClock: wallClock) }
        #expect(error?.code == .epochNotBegun)
    }

    @Test func aGeneratorThatIsToldItsLastIdentifierGoesOnAfterIt() throws {
        let wallClock = ManualWallClock()
        let last = try Self.generator(wallClock: wallClock).next()
        let again = try Self.generator(wallClock: wallClock, after: last)
        #expect(try again.tryNext() == nil)
        wallClock.step(by: .milliseconds(1))
        #expect(try again.next() > last)
    }

    /// Real threads on the real clock: none twice, and rising in each thread. The thread sanitizer runs this as well.
    @Test func threadsShareAGeneratorWithoutDuplicates() async throws {
        for wallClock in [SystemWallClock() as any WallClock, CoarseWallClock()] {
            let generator = try SnowflakeGenerator(worker: 9, wallClock: wallClock)
            let issued = try await withThrowingTaskGroup(of: [SnowflakeID].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var mine: [SnowflakeID] = []
                        while mine.count < 50_000 {
                            if let id = try generator.tryNext() { mine.append(id) }
                        }
                        return mine
                    }
                }
                var all: [SnowflakeID] = []
                for try await mine in group {
                    #expect(zip(mine, mine.dropFirst()).allSatisfy { $0 < $1 })
                    all += mine
                }
                return all
            }
            #expect(Set(issued).count == 200_000)
        }
    }

    /// A used-up tick makes the generator read the exact time: ticks that the coarse clock does not show yet are used.
    @Test func theCoarseClockKeepsTheLimit() throws {
        let generator = try SnowflakeGenerator(worker: 9, wallClock: CoarseWallClock())
        let clock = HostClock()
        let deadline = clock.now.advanced(by: .seconds(30))
        while clock.now < deadline {
            guard let last = try generator.tryNext(upTo: 4_096)?.last else { continue }
            if try SnowflakeLayout.classic.parse(last).time > CoarseWallClock().now { return }
        }
        Issue.record("no identifier was ahead of the coarse clock")
    }
}
