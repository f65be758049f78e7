import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization

/// A mistake that the simulation must find, to show that it would find one.
enum DeliberateBug: String, CaseIterable, Sendable {
    /// The store gives a lease away when nine tenths of it have passed.
    case earlyGrant
    /// The store frees a lock for whoever asks.
    case releaseIgnoresOwner
    /// The store gives the same token to two grants.
    case repeatedToken
    /// The holder believes in its lease to the last moment, though its clock may be slow.
    case noSafetyMargin
    /// The resource takes every write, whatever its token.
    case unfencedResource
}

/// What the lock protects: it takes a write unless it has seen a greater token, and remembers what it took.
final class FencedRegister: Sendable {
    struct State {
        var highest = FencingToken(rawValue: 0)
        var owners: [FencingToken: Int] = [:]
        var accepted = 0
        var refused = 0
        var violations: [String] = []
    }

    let state = Mutex(State())
    private let checksTokens: Bool

    init(checksTokens: Bool) {
        self.checksTokens = checksTokens
    }

    func write(_ token: FencingToken, by task: Int) {
        self.state.withLock { state in
            if self.checksTokens, token < state.highest {
                state.refused += 1
                return
            }
            if token < state.highest {
                state.violations.append("a write with token \(token) was taken after one with \(state.highest)")
            }
            if let other = state.owners[token], other != task {
                state.violations.append("tasks \(other) and \(task) wrote under the same token \(token)")
            }
            state.owners[token] = task
            state.highest = max(state.highest, token)
            state.accepted += 1
        }
    }

    func note(_ violation: String) {
        self.state.withLock { $0.violations.append(violation) }
    }
}

/// Contending owners in several processes, with clocks that run at different rates, stores that lose requests and answers,
/// delay them, and hang, holders that stop in the middle of their work, and jumps of their clocks.
struct LockSimulation {
    static let name: LeaseName = "register"
    static let lease: Duration = .seconds(10)

    let seed: Seed
    var bug: DeliberateBug?

    struct Outcome {
        var violations: [String]
        var accepted: Int
        var refused: Int
        var traceHash: UInt64
    }

    func run() throws(SimulationFailure) -> Outcome {
        let simulation = Simulation(seed: self.seed)
        let register = FencedRegister(checksTokens: self.bug != .unfencedResource)
        try simulation.run(limit: 200_000) { simulation in
            try await self.contend(simulation, register)
        }
        return register.state.withLock { state in
            Outcome(
                violations: state.violations, accepted: state.accepted, refused: state.refused,
                traceHash: simulation.traceHash)
        }
    }

    private func contend(_ simulation: Simulation, _ register: FencedRegister) async throws {
        var generator = simulation.generator(for: "world")
        let base = MemoryLeaseEngine(clock: simulation.clock)
        let store = BuggyLeaseEngine(base, clock: simulation.clock, bug: self.bug)
        var tasks: [Task<Void, any Error>] = []
        var faulty: [FaultyLeaseEngine<BuggyLeaseEngine>] = []
        for process in 0..<3 {
            // Quartz drifts by a ten-thousandth; a twentieth is what the safety margin of a tenth must cover with ease.
            let rate = Double.random(in: 0.95...1.05, using: &generator)
            let clock = SkewedClock(simulation.clock, rate: rate, start: .random(in: 0...(1 << 50), using: &generator))
            let engine = FaultyLeaseEngine(
                store, clock: simulation.clock, seed: simulation.seed.derived(for: "faults \(process)"),
                plan: .random(Self.faults))
            faulty.append(engine)
            let client = SkewedClient(engine, clock: clock)
            let lock = DistributedLock(
                Self.name, on: client,
                configuration: LockConfiguration(
                    duration: Self.lease, waiting: .seconds(60), safetyMargin: self.bug == .noSafetyMargin ? 0 : 0.1),
                keeper: LeaseKeeper(clock: clock, executor: simulation.executor),
                room: WaitingRoom(clock: clock, generator: simulation.generator(for: "back-off \(process)")))
            for task in 0..<2 {
                let number = process * 2 + task
                let own = simulation.generator(for: "task \(number)")
                tasks.append(
                    simulation.spawn {
                        try await self.work(number, lock, base, register, clock, simulation, own)
                    })
            }
        }
        for task in tasks { try await task.value }
        faulty.forEach { $0.heal() }
        try await self.expectProgress(simulation, store)
    }

    private static let faults = LeaseFaultPlan.Probabilities(
        errorBefore: 0.05, errorAfter: 0.05, delayBefore: 0.1, delayAfter: 0.1, hangBefore: 0.02, hangAfter: 0.02,
        longestDelay: .seconds(20))

    private func work(
        _ number: Int, _ lock: DistributedLock, _ store: MemoryLeaseEngine, _ register: FencedRegister,
        _ clock: SkewedClock, _ simulation: Simulation, _ own: SeededGenerator
    ) async throws {
        var generator = own
        for _ in 0..<4 {
            do {
                guard let held = try await lock.acquire() else { continue }
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    // Belief and truth in one instant: whoever believes must be the store's holder, or nobody is.
                    if held.isHeld, let record = try await store.inspect(Self.name), record.token != held.token {
                        register.note("token \(held.token) believed it was held while the store had \(record.token)")
                    }
                    if held.isHeld {
                        if generator.happens(withProbability: 0.2) {
                            // Stopped between looking and writing, for longer than the lease.
                            try await simulation.clock.sleep(for: .seconds(Int.random(in: 5...40, using: &generator)))
                        }
                        register.write(held.token, by: number)
                    }
                    if generator.happens(withProbability: 0.05) {
                        clock.jump(by: .seconds(Int.random(in: 1...30, using: &generator)))
                    }
                    try await simulation.clock.sleep(for: .milliseconds(Int.random(in: 1...4_000, using: &generator)))
                }
                try await held.release()
            } catch is CoordinationError {
                // A store that cannot be reached is part of the exercise.
                simulation.trace("task \(number) failed")
            }
        }
    }

    /// After the faults: somebody gets the lock within two leases.
    private func expectProgress(_ simulation: Simulation, _ store: BuggyLeaseEngine) async throws {
        let room = WaitingRoom(clock: simulation.clock)
        let answer = try await room.acquire(
            Self.name, owner: .unique(), for: Self.lease, upTo: Self.lease * 2, on: store)
        if answer.lease == nil { throw NoProgress() }
    }

    struct NoProgress: Error {}
}

/// The reference engine with one mistake put in.
final class BuggyLeaseEngine: LeaseEngine {
    private let base: MemoryLeaseEngine
    private let clock: ManualClock
    private let bug: DeliberateBug?

    init(_ base: MemoryLeaseEngine, clock: ManualClock, bug: DeliberateBug?) {
        self.base = base
        self.clock = clock
        self.bug = bug
    }

    var guarantee: Guarantee { self.base.guarantee }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        let answer = try await self.base.tryAcquire(name, owner: owner, for: duration)
        switch (answer, self.bug) {
        case (.held(let holder), .earlyGrant) where holder.remaining < duration / 4:
            _ = try await self.base.breakLease(name)
            return try await self.base.tryAcquire(name, owner: owner, for: duration)
        case (.granted(let lease), .repeatedToken):
            return .granted(
                Lease(
                    name: name, owner: owner, token: FencingToken(rawValue: (lease.token.rawValue + 1) / 2),
                    duration: duration, expiry: lease.expiry))
        default:
            return answer
        }
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.base.renew(lease, for: duration)
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        if self.bug == .releaseIgnoresOwner { return try await self.base.breakLease(name) != nil }
        return try await self.base.release(name, owner: owner, token: token)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.base.inspect(name)
    }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.base.waitForChange(of: name, from: token, upTo: limit)
    }
}
