import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("Faulty engine", .timeLimit(.minutes(5)))
struct FaultyLeaseEngineTests {
    private let clock = ManualClock()

    private func engine(_ plan: LeaseFaultPlan, seed: Seed = 1) -> FaultyLeaseEngine<MemoryLeaseEngine> {
        FaultyLeaseEngine(MemoryLeaseEngine(clock: self.clock), clock: self.clock, seed: seed, plan: plan)
    }

    @Test func `without a plan it does what its base does, and has its powers`() async throws {
        let engine = self.engine(.none)
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(10)).lease)
        #expect(try await engine.renew(lease, for: .seconds(10)) != nil)
        #expect(try await engine.renew([lease]).count == 1)
        #expect(try await engine.records(withPrefix: "", after: nil, limit: 10).map(\.name) == ["job"])
        #expect(try await engine.waitForChange(of: "job", from: lease.token, upTo: .zero) == false)
        #expect(try await engine.inspect("job") == engine.base.inspect("job"))
        #expect(try await engine.breakLease("job")?.owner == "a")
        #expect(try await !engine.release("job", owner: "a", token: nil))
        #expect(engine.guarantee == engine.base.guarantee)
        #expect(engine.capabilities == engine.base.capabilities)
        #expect(
            engine.history.map(\.call.operation) == [
                .tryAcquire, .renew, .renewMany, .records, .waitForChange, .inspect, .breakLease, .release,
            ])
        #expect(engine.history.allSatisfy { $0.outcome == .answered && $0.effect != nil && $0.fault == nil })
        #expect(engine.callCount(of: .renew) == 1)
    }

    @Test func `it has no power that its base does not have`() {
        /// A port and nothing else.
        final class Plain: LeaseEngine {
            let base = MemoryLeaseEngine()
            var guarantee: Guarantee { self.base.guarantee }
            func tryAcquire(
                _ name: LeaseName, owner: OwnerID, for duration: Duration
            ) async throws(LeaseError) -> Acquisition {
                try await self.base.tryAcquire(name, owner: owner, for: duration)
            }
            func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? { nil }
            func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
                false
            }
            func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { nil }
            func waitForChange(
                of name: LeaseName, from token: FencingToken, upTo limit: Duration
            ) async throws(LeaseError) -> Bool { true }
        }
        #expect(FaultyLeaseEngine(Plain(), clock: self.clock).capabilities == [])
    }

    @Test func `an error before the effect leaves nothing`() async throws {
        let engine = self.engine(.onCall(1, .errorBefore))
        let error = await #expect(throws: LeaseError.self) {
            try await engine.tryAcquire("job", owner: "a", for: .seconds(10))
        }
        #expect(error?.code == .unavailable)
        #expect(try await engine.base.inspect("job") == nil)
        #expect(engine.history[0].effect == nil)
        #expect(engine.history[0].outcome == .failed(.unavailable))
    }

    @Test func `an error after the effect leaves the effect`() async throws {
        let engine = self.engine(.on(.tryAcquire, .errorAfter))
        await #expect(throws: LeaseError.self) { try await engine.tryAcquire("job", owner: "a", for: .seconds(10)) }
        #expect(try await engine.base.inspect("job")?.owner == "a")
        #expect(engine.history[0].effect != nil)
        #expect(engine.history[0].outcome == .failed(.unavailable))
        #expect(try await engine.release("job", owner: "a", token: nil))
    }

    @Test func `a delay holds up the request, or the answer`() async throws {
        for (fault, isHeldDuringDelay) in [
            (LeaseFault.delayBefore(.seconds(5)), false), (.delayAfter(.seconds(5)), true),
        ] {
            let engine = self.engine(.script([fault]))
            let task = Task { try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) }
            try await self.clock.waitForSleepers(1)
            #expect(try await (engine.base.inspect("job") != nil) == isHeldDuringDelay)
            #expect(engine.history[0].outcome == .pending)
            self.clock.advance(by: .seconds(5))
            #expect(try await task.value.lease != nil)
            #expect(try await engine.base.inspect("job") != nil)
        }
    }

    @Test func `a call hangs until the engine is healed`() async throws {
        for (fault, isHeldDuringHang) in [(LeaseFault.hangBefore, false), (.hangAfter, true)] {
            let engine = self.engine(.always(fault))
            let task = Task { try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) }
            try await self.untilHanging(engine, 1)
            #expect(try await (engine.base.inspect("job") != nil) == isHeldDuringHang)
            engine.heal()
            #expect(try await task.value.lease != nil)
            // No later call meets a fault.
            #expect(try await engine.inspect("job")?.owner == "a")
        }
    }

    @Test func `a call that hangs can be cancelled`() async throws {
        let engine = self.engine(.always(.hangBefore))
        let task = Task { try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) }
        try await self.untilHanging(engine, 1)
        task.cancel()
        let error = await #expect(throws: LeaseError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(engine.hangingCount == 0)
        #expect(try await engine.base.inspect("job") == nil)
    }

    @Test func `a delay can be cancelled`() async throws {
        let engine = self.engine(.always(.delayBefore(.seconds(5))))
        let task = Task { try await engine.release("job", owner: "a", token: nil) }
        try await self.clock.waitForSleepers(1)
        task.cancel()
        let error = await #expect(throws: LeaseError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(self.clock.sleeperCount == 0)
    }

    @Test func `chance hits as often as its probabilities say, and the seed decides whom`() async throws {
        let probabilities = LeaseFaultPlan.Probabilities(errorBefore: 0.1, errorAfter: 0.2)
        func faults(_ seed: Seed) async -> [LeaseFault?] {
            let engine = self.engine(.random(probabilities), seed: seed)
            for _ in 1...5_000 { _ = try? await engine.inspect("job") }
            return engine.history.map(\.fault)
        }
        let faults7 = await faults(7)
        // Six standard deviations of 5,000 draws are 127 and 170.
        #expect((373...627).contains(faults7.count { $0 == .errorBefore }))
        #expect((830...1_170).contains(faults7.count { $0 == .errorAfter }))
        #expect(await faults(7) == faults7)
        #expect(await faults(8) != faults7)
    }

    @Test func `the base's own errors and refusals pass through`() async throws {
        let engine = self.engine(.none)
        let error = await #expect(throws: LeaseError.self) {
            try await engine.tryAcquire("job", owner: "a", for: .zero)
        }
        #expect(error?.code == .invalidRequest)
        #expect(engine.history[0].outcome == .failed(.invalidRequest))
        #expect(engine.history[0].description.hasPrefix("1. tryAcquire job by a: effect invalidRequest"))
    }

    @Test func `a whole simulation with faults takes the same steps for the same seed`() throws {
        func run(_ seed: Seed) throws -> (trace: UInt64, history: [String]) {
            let simulation = Simulation(seed: seed)
            let engine = FaultyLeaseEngine(
                MemoryLeaseEngine(clock: simulation.clock), clock: simulation.clock, seed: seed.derived(for: "faults"),
                plan: .random(.init(errorBefore: 0.1, errorAfter: 0.1, delayBefore: 0.1, delayAfter: 0.1)))
            try simulation.run { simulation in
                for number in 1...5 {
                    simulation.spawn {
                        let owner = try OwnerID("owner-\(number)")
                        for _ in 1...20 {
                            _ = try? await engine.tryAcquire("job", owner: owner, for: .seconds(1))
                            try await simulation.clock.sleep(for: .milliseconds(300))
                            _ = try? await engine.release("job", owner: owner, token: nil)
                        }
                    }
                }
            }
            return (simulation.traceHash, engine.history.map(\.description))
        }
        for seed in Seed(rawValue: 100).followed(by: 50) {
            let first = try run(seed)
            let second = try run(seed)
            #expect(first.trace == second.trace, "seed \(seed)")
            #expect(first.history == second.history, "seed \(seed)")
        }
    }

    private func untilHanging(_ engine: FaultyLeaseEngine<MemoryLeaseEngine>, _ count: Int) async throws {
        let clock = HostClock()
        let end = clock.now.advanced(by: .seconds(20))
        while engine.hangingCount < count, clock.now < end { try await clock.sleep(for: .milliseconds(1)) }
        #expect(engine.hangingCount == count)
    }
}
