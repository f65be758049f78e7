import ColonyCore
import Synchronization

/// A program of several tasks that runs on a manual clock, in an order that follows from a seed.
///
/// Tasks take turns; when all of them sleep, the clock jumps to the next deadline. Hours pass in milliseconds, and the same
/// seed gives the same run, step by step.
///
/// ```swift
/// let winner = try Simulation(seed: 42).run { simulation in
///     let engine = MemoryLeaseEngine(clock: simulation.clock)
///     let first = simulation.spawn { try await contend(engine) }
///     let second = simulation.spawn { try await contend(engine) }
///     return try await (first.value, second.value)
/// }
/// ```
///
/// What has to hold for that: all code of the run takes its time from ``clock`` and its chance from
/// ``generator(for:)``, and all its tasks are made by ``spawn(_:)``, by task groups, by `async let`, or with
/// ``executor`` as their preference. The order of a `Set` or `Dictionary` differs from one process to the next unless the
/// environment has `SWIFT_DETERMINISTIC_HASHING=1`.
public final class Simulation: Sendable {
    /// What everything follows from.
    public let seed: Seed
    /// The only clock of the simulated program.
    public let clock: ManualClock
    /// The civil time of the simulated program; it stands still unless it is stepped.
    public let wallClock: ManualWallClock
    /// Where all tasks run.
    public let executor: ManualExecutor

    private struct State {
        var openTasks = 0
        var trace = TraceHash()
    }

    private let state = Mutex(State())
    private let start: MonotonicInstant

    /// Makes a simulation in which nothing has happened yet.
    public init(seed: Seed) {
        self.seed = seed
        self.clock = ManualClock()
        self.wallClock = ManualWallClock()
        self.executor = ManualExecutor(order: .seeded(seed.derived(for: "executor")))
        self.start = self.clock.now
    }

    /// Random numbers for one part of the program.
    ///
    /// - Parameter label: The name of the part. The same label gives the same numbers, whatever the other parts draw.
    public func generator(for label: String) -> SeededGenerator {
        SeededGenerator(seed: self.seed.derived(for: label))
    }

    /// Adds an event to the fingerprint of the run.
    public func trace(_ event: String) {
        self.state.withLock { $0.trace.combine(event) }
    }

    /// The fingerprint of the run so far: the choices of the executor, the times at which the clock stopped, and what was
    /// given to ``trace(_:)``. The same seed and the same code give the same value.
    public var traceHash: UInt64 {
        var hash = self.state.withLock { $0.trace }
        hash.combine(self.executor.trace.value)
        return hash.value
    }

    /// How much time has passed on ``clock``.
    public var elapsed: Duration {
        self.start.duration(to: self.clock.now)
    }

    /// Starts a task of the simulated program; the run is not over before it has ended.
    @discardableResult
    public func spawn<Success: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Success
    ) -> Task<Success, any Error> {
        self.state.withLock { $0.openTasks += 1 }
        return Task(executorPreference: self.executor) {
            defer { self.state.withLock { $0.openTasks -= 1 } }
            return try await operation()
        }
    }

    /// Runs `body` and all tasks that it spawns to their end.
    ///
    /// - Parameters:
    ///   - limit: The most steps: a job that runs until it ends or suspends is one, and so is a move of the clock. The
    ///     default ends a program that runs in circles after some seconds.
    ///   - body: The program. It is given this simulation.
    /// - Returns: What `body` returned, after all spawned tasks have ended.
    /// - Throws: ``SimulationFailure``, which holds the seed: `body` threw, nothing can go on, or the limit was reached.
    ///   Spawned tasks hand their errors to whoever awaits their value.
    @discardableResult
    public func run<Success: Sendable>(
        limit: Int = 1_000_000, _ body: @escaping @Sendable (Simulation) async throws -> Success
    ) throws(SimulationFailure) -> Success {
        let outcome = Mutex<Result<Success, any Error>?>(nil)
        self.spawn {
            let result: Result<Success, any Error>
            do {
                result = .success(try await body(self))
            } catch {
                result = .failure(error)
            }
            outcome.withLock { $0 = result }
        }
        try self.runToEnd(limit: limit)
        switch outcome.withLock({ $0 }) {
        case .success(let success): return success
        case .failure(let error): throw self.failure(.thrown(error))
        case nil: preconditionFailure("the body of the simulation ended without an outcome")
        }
    }

    private func runToEnd(limit: Int) throws(SimulationFailure) {
        var steps = 0
        while true {
            steps += self.executor.runUntilIdle(limit: limit - steps)
            if steps >= limit { throw self.failure(.stepLimit(limit)) }
            let openTasks = self.state.withLock { $0.openTasks }
            if openTasks == 0 { return }
            guard let now = self.clock.advanceToNextDeadline() else {
                throw self.failure(.deadlock(openTasks: openTasks))
            }
            self.state.withLock { $0.trace.combine(UInt64(bitPattern: now.nanoseconds)) }
            steps += 1
        }
    }

    private func failure(_ reason: SimulationFailure.Reason) -> SimulationFailure {
        SimulationFailure(seed: self.seed, reason: reason, elapsed: self.elapsed)
    }
}

/// Why a simulation did not come to a good end, with the seed that shows it again.
public struct SimulationFailure: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    public enum Reason: Sendable {
        /// The program threw this error.
        case thrown(any Error)
        /// This many tasks have not ended; none is ready to run, and none sleeps on the clock.
        case deadlock(openTasks: Int)
        /// The program had not ended after this many steps.
        case stepLimit(Int)
    }

    /// The seed that shows the failure again.
    public let seed: Seed
    /// What went wrong.
    public let reason: Reason
    /// How much time had passed on the clock of the simulation.
    public let elapsed: Duration

    public var description: String {
        let what =
            switch self.reason {
            case .thrown(let error):
                "\(error)"
            case .deadlock(let openTasks):
                "deadlock: \(openTasks) tasks have not ended, none is ready to run, and none sleeps on the clock"
            case .stepLimit(let limit):
                "the program had not ended after \(limit) steps"
            }
        return "seed \(self.seed), after \(self.elapsed.text): \(what)"
    }
}
