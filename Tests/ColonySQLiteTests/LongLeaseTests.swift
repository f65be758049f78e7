import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySQLite
import ColonySimulation
import Dispatch
import Foundation
import Synchronization
import Testing

/// Leases that are held for a week of virtual time.
@Suite("Leases over several days", .timeLimit(.minutes(5)))
struct LongLeaseTests {
    enum Store: String, CaseIterable, Sendable {
        case memory, sqlite
    }

    private static let lease: Duration = .seconds(120)
    private static let days: Duration = .seconds(7 * 86_400)
    /// A renewal is due when a third of the lease is over.
    private static let expectedRenewals = 7 * 86_400 / 40

    /// What became of a lock while it was held.
    private final class Diary: Sendable {
        struct Counts {
            var renewed = 0
            var failed = 0
            var lost = 0
        }

        private let counts = Mutex(Counts())
        var all: Counts { self.counts.withLock { $0 } }

        func note(_ event: LockEvent) {
            self.counts.withLock { counts in
                switch event {
                case .renewed: counts.renewed += 1
                case .renewalFailed: counts.failed += 1
                case .lost: counts.lost += 1
                case .acquired, .refused, .released: break
                }
            }
        }
    }

    @Test(
        "hold for a week, renewed once in a third of them, also when a fifth of the renewals go wrong, and nobody else gets in",
        arguments: Store.allCases)
    func week(store: Store) async throws {
        let folder = try TemporaryFolder(inMemory: true)
        let (steady, shaky) = (Diary(), Diary())
        let looks = try await Self.onThread { try Self.simulate(store, folder, steady, shaky) }
        #expect(looks == 7 * 24 * 6)
        let (sound, troubled) = (steady.all, shaky.all)
        #expect(sound.renewed == Self.expectedRenewals)
        #expect(sound.failed == 0 && sound.lost == 0)
        // Those that fail are repeated after a thirtieth of the lease, so they put off the next by a little.
        #expect((Self.expectedRenewals * 9 / 10...Self.expectedRenewals).contains(troubled.renewed), "\(troubled)")
        #expect(troubled.failed > Self.expectedRenewals / 10, "\(troubled)")
        #expect(troubled.lost == 0)
    }

    /// - Returns: How often it was looked whether the locks are held.
    private static func simulate(
        _ store: Store, _ folder: TemporaryFolder, _ steady: Diary, _ shaky: Diary
    ) throws -> Int {
        try Simulation(seed: 7).run(limit: 5_000_000) { simulation in
            switch store {
            case .memory: try await self.hold(MemoryLeaseEngine(clock: simulation.clock), simulation, steady, shaky)
            case .sqlite:
                try await self.hold(
                    StandingEngine(SimulatedHost(path: folder.store, clock: simulation.clock).process()), simulation,
                    steady, shaky)
            }
        }
    }

    private static func hold(
        _ engine: some LeaseEngine, _ simulation: Simulation, _ steady: Diary, _ shaky: Diary
    ) async throws -> Int {
        let keeper = LeaseKeeper(clock: simulation.clock, executor: simulation.executor)
        let room = WaitingRoom(clock: simulation.clock, generator: simulation.generator(for: "waits"))
        let faulty = FaultyLeaseEngine(engine, clock: simulation.clock, seed: simulation.seed)
        func configuration(_ diary: Diary) -> LockConfiguration {
            LockConfiguration(duration: self.lease, onEvent: { diary.note($0) })
        }
        let locks = [
            try await DistributedLock(
                "steady", on: engine, configuration: configuration(steady), keeper: keeper, room: room
            )
            .acquire(),
            try await DistributedLock(
                "shaky", on: faulty, configuration: configuration(shaky), keeper: keeper, room: room
            )
            .acquire(),
        ].compactMap { $0 }
        try #require(locks.count == 2)
        faulty.follow(
            .random(
                LeaseFaultPlan.Probabilities(
                    errorBefore: 0.1, errorAfter: 0.1, delayBefore: 0.1, delayAfter: 0.1, longestDelay: .seconds(5))))
        let end = simulation.clock.now.advanced(by: self.days + .seconds(20))
        var looks = 0
        while simulation.clock.now.advanced(by: .seconds(600)) < end {
            try await simulation.clock.sleep(for: .seconds(600))
            looks += 1
            for lock in locks {
                #expect(lock.isHeld)
                let record = try await engine.inspect(lock.lease.name)
                #expect(record?.token == lock.token && record?.owner == lock.lease.owner)
                if case .granted = try await engine.tryAcquire(lock.lease.name, owner: "rival", for: .seconds(10)) {
                    Issue.record("\(lock.lease.name) was held twice after \(simulation.elapsed)")
                }
            }
        }
        try await simulation.clock.sleep(until: end, tolerance: nil)
        faulty.heal()
        for lock in locks {
            #expect(try await lock.release())
            let next = try await engine.tryAcquire(lock.lease.name, owner: "rival", for: .seconds(10)).lease
            #expect(next.map { $0.token > lock.token } == true)
        }
        return looks
    }

    /// A simulation keeps its thread, so it gets one of its own.
    private static func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }
}

/// The embedded engine in a simulation, whose thread waits for each answer: its own threads are none of the simulation's, and the
/// clock must not go on while they work.
private final class StandingEngine: LeaseEngine {
    private let base: SQLiteLeaseEngine

    init(_ base: SQLiteLeaseEngine) { self.base = base }

    var guarantee: Guarantee { self.base.guarantee }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try Self.wait { [base] in
            do throws(LeaseError) {
                return .success(try await base.tryAcquire(name, owner: owner, for: duration))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try Self.wait { [base] in
            do throws(LeaseError) {
                return .success(try await base.renew(lease, for: duration))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try Self.wait { [base] in
            do throws(LeaseError) {
                return .success(try await base.release(name, owner: owner, token: token))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try Self.wait { [base] in
            do throws(LeaseError) {
                return .success(try await base.inspect(name))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        // Nobody waits here: the locks are free when they are taken.
        throw LeaseError(.unsupported, "a simulation cannot wait for other threads")
    }

    private static func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Result<Value, LeaseError>
    ) -> Result<Value, LeaseError> {
        let answer = Mutex<Result<Value, LeaseError>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        Task.detached {
            let result = await body()
            answer.withLock { $0 = result }
            isDone.signal()
        }
        isDone.wait()
        return answer.withLock { $0 } ?? .failure(LeaseError(.unavailable, "there was no answer"))
    }
}
