import Synchronization

/// An executor that runs the jobs of its tasks only when it is told to, one at a time, on the thread that tells it.
///
/// Tasks that prefer it take turns in an order that follows from a seed, so a program of several tasks runs the same way
/// each time, and another seed shows another interleaving:
///
/// ```swift
/// let executor = ManualExecutor(order: .seeded(7))
/// let task = Task(executorPreference: executor) { await work() }
/// executor.runUntilIdle()
/// ```
///
/// Child tasks inherit the preference, and actors without an executor of their own run on it. An unstructured `Task { }`
/// does not inherit it, nor does code that names another executor; what runs there is outside the simulation.
public final class ManualExecutor: TaskExecutor {
    /// In which order jobs that are ready run.
    public enum Order: Sendable {
        /// The one that became ready first runs first.
        case firstInFirstOut
        /// Chance decides, and the seed decides chance: any ready job may run next.
        case seeded(Seed)
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var generator: SeededGenerator?
        var isRunning = false
        var trace = TraceHash()

        mutating func takeNext() -> UnownedJob? {
            guard !self.jobs.isEmpty else { return nil }
            // Without a choice nothing is drawn; the sequence of draws still follows from the seed alone.
            let index = self.jobs.count > 1 ? self.generator.draw(below: self.jobs.count) : 0
            self.trace.combine(UInt64(index) << 32 | UInt64(self.jobs.count))
            return self.jobs.remove(at: index)
        }
    }

    private let state: Mutex<State>

    /// Makes an executor without jobs.
    public init(order: Order = .firstInFirstOut) {
        var state = State()
        if case .seeded(let seed) = order {
            state.generator = SeededGenerator(seed: seed)
        }
        self.state = Mutex(state)
    }

    /// Takes a job, to be run when it is told to. The concurrency runtime calls this.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.state.withLock { $0.jobs.append(job) }
    }

    /// How many jobs are ready to run.
    public var readyCount: Int {
        self.state.withLock { $0.jobs.count }
    }

    /// A fingerprint of all choices so far: which of how many ready jobs ran.
    public var trace: TraceHash {
        self.state.withLock { $0.trace }
    }

    /// Runs one ready job until it ends or suspends.
    ///
    /// - Important: Not from within one of its own jobs, and not from two threads at once: both stop the program.
    /// - Returns: `false` if no job was ready.
    @discardableResult
    public func runOne() -> Bool {
        let job = self.state.withLock { state -> UnownedJob? in
            precondition(!state.isRunning, "a job of a manual executor, or another thread, is already running it")
            let job = state.takeNext()
            state.isRunning = job != nil
            return job
        }
        guard let job else { return false }
        job.runSynchronously(on: self.asUnownedTaskExecutor())
        self.state.withLock { $0.isRunning = false }
        return true
    }

    /// Runs jobs until none is ready.
    ///
    /// - Parameter limit: The most jobs to run, so that a task that never sleeps does not hold up the caller for ever.
    /// - Returns: How many have run; less than `limit` if and only if none is ready now.
    @discardableResult
    public func runUntilIdle(limit: Int = .max) -> Int {
        var count = 0
        while count < limit, self.runOne() {
            count += 1
        }
        return count
    }
}

extension Optional where Wrapped == SeededGenerator {
    fileprivate mutating func draw(below count: Int) -> Int {
        guard var generator = self else { return 0 }
        let index = Int.random(in: 0..<count, using: &generator)
        self = generator
        return index
    }
}
