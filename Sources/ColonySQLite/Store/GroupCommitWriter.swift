import ColonyCore
import Synchronization

/// The one writer of a process on a file: operations that arrive while a commit is under way share the next one.
///
/// A durable commit costs one `fsync`, some hundred microseconds even on a good disk, and an operation costs a few.
/// Alone, each operation would spend nearly all of its time waiting for the disk. So a thread takes everything that has
/// arrived, runs it in one transaction, and resumes the callers after COMMIT has returned, when what they are told is
/// on the medium. The longer the disk takes, the more operations share the next commit, and the throughput settles by
/// itself.
///
/// **Gathering.** Callers that were answered together come back together, a few microseconds apart. Committing the
/// first of them alone would make the rest wait for a whole commit that carries almost nothing. After a batch with
/// several callers the writer therefore waits until as many are back, but at most half as long as a commit takes. A
/// caller that works alone is never made to wait, and is met awake if it comes back at once: ``Anticipation``.
///
/// **Order.** Operations take effect in the order in which they arrived. Not fewer than one and not more than
/// ``maximumBatch`` share a transaction, so that no batch keeps other processes out for long.
///
/// - SeeAlso: D. DeWitt et al., *Implementation Techniques for Main Memory Database Systems*, SIGMOD 1984, section 5.2
///   (group commit); P. Helland et al., *Group Commit Timers and High Volume Transaction Systems*, 1987.
package final class GroupCommitWriter: Sendable {
    /// The most operations in one transaction: about 20 ms of work.
    static let maximumBatch = 4_096
    /// The longest that a batch is held open for callers that are expected back, whatever commits cost.
    private static let longestGathering: Duration = .milliseconds(1)

    private struct State {
        var jobs: [WriteJob] = []
        var isStarted = false
        var isStopping = false
        var hasEnded = false
        /// While the thread sleeps: how many jobs it wants to be woken for.
        var wakesAt: Int?
        var enders: [CheckedContinuation<Void, Never>] = []
    }

    private let condition = ThreadCondition(State())
    /// How many operations have come, for a thread that is awake and does not want the lock.
    private let arrivals = Atomic(0)
    private let file: StoreFile
    private let counters = BatchCounters()

    init(file: StoreFile) {
        self.file = file
    }

    /// What the writer has done so far.
    package var statistics: StoreStatistics { self.counters.snapshot }

    /// How many operations wait to be run.
    package var queuedOperations: Int { self.condition.withLock { $0.jobs.count } }

    /// Hands an operation to the writer; its recipient hears of the outcome in any case.
    ///
    /// - Parameter isUrgent: Whether it is let in when the queue is full, as what gives room again must be.
    func enqueue(_ job: WriteJob, isUrgent: Bool = false) {
        enum Decision { case refuse(StoreError), start, wake, none }
        // From here on the job can be cancelled by others, who then tell its recipient.
        guard job.enqueue() else { return job.finish(failure: WriteJob.cancelled) }
        let limit = self.file.configuration.maximumQueuedOperations
        let decision = self.condition.withLock { state -> Decision in
            if state.isStopping {
                return .refuse(StoreError(.closed, "the store \"\(self.file.path)\" was closed"))
            }
            if state.jobs.count >= limit, !isUrgent {
                return .refuse(
                    StoreError(
                        .queueFull,
                        "\(limit) operations wait for the store \"\(self.file.path)\" already, which is the "
                            + "limit; try again when some are done"))
            }
            state.jobs.append(job)
            self.arrivals.add(1, ordering: .releasing)
            if !state.isStarted {
                state.isStarted = true
                return .start
            }
            if let wakesAt = state.wakesAt, state.jobs.count >= wakesAt {
                state.wakesAt = nil
                return .wake
            }
            return .none
        }
        switch decision {
        case .refuse(let error): job.finishUnlessCancelled(failure: error)
        case .start: startThread(named: "colony-writer") { self.work() }
        case .wake: self.condition.signal()
        case .none: break
        }
    }

    /// Runs `body` in the next batch without waiting for it. `completion` is called once, on the writer's thread unless
    /// the job was refused or cancelled.
    ///
    /// - Returns: The job, which can be cancelled until it begins.
    @discardableResult
    func submit<Value: Sendable>(
        _ isolation: WriteIsolation,
        _ body: @escaping @Sendable (WriteTransaction) throws(StoreError) -> Value,
        completion: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) -> WriteJob {
        let job = WriteJob.make(isolation, hasCaller: false, body, recipient: completion)
        self.enqueue(job, isUrgent: true)
        return job
    }

    /// Finishes what is queued, closes the file, and ends the thread; what comes later is refused with `closed`.
    func stop() async {
        await withCheckedContinuation { continuation in
            let isOver = self.condition.withLock { state -> Bool in
                state.isStopping = true
                if state.hasEnded || !state.isStarted { return true }
                state.enders.append(continuation)
                return false
            }
            self.condition.signal()
            if isOver { continuation.resume() }
        }
    }

    /// Like ``stop()`` without waiting for it, for a store that nobody refers to any more.
    func stopEventually() {
        self.condition.withLock { $0.isStopping = true }
        self.condition.signal()
    }
}

// MARK: - The thread

extension GroupCommitWriter {
    private func work() {
        let runner = BatchRunner(file: self.file, counters: self.counters)
        var expected = 1
        var anticipation = Anticipation()
        while let batch = self.nextBatch(expecting: expected, within: runner.gathering) {
            let arrivals = self.arrivals.load(ordering: .acquiring)
            let answered = runner.run(batch)
            expected = max(1, answered)
            if answered == 1, anticipation.staysAwake() {
                anticipation.learn(hasPaid: self.sees(moreThan: arrivals, within: Anticipation.patience))
            }
        }
        runner.close()
        let enders = self.condition.withLock { state in
            state.hasEnded = true
            return state.enders
        }
        for ender in enders { ender.resume() }
    }

    /// Whether an operation comes within a moment, which the thread passes awake.
    private func sees(moreThan arrivals: Int, within limit: Duration) -> Bool {
        let clock = HostClock()
        let end = clock.now.advanced(by: limit)
        repeat {
            if self.arrivals.load(ordering: .acquiring) != arrivals { return true }
        } while clock.now < end
        return false
    }

    /// Waits for work; `nil` when there is none left and the writer is to stop.
    private func nextBatch(expecting count: Int, within limit: Duration) -> [WriteJob]? {
        let clock = HostClock()
        let patience = count > 1 ? clock.now.advanced(by: min(limit, Self.longestGathering)) : nil
        return self.condition.waitLoop { state -> ThreadCondition<State>.WaitDecision<[WriteJob]?> in
            state.wakesAt = nil
            let rest = patience.map { clock.now.duration(to: $0) } ?? .zero
            if state.isStopping || state.jobs.count >= count || (!state.jobs.isEmpty && rest <= .zero) {
                if state.jobs.isEmpty { return .done(nil) }
                if state.jobs.count <= Self.maximumBatch {
                    var batch: [WriteJob] = []
                    batch.reserveCapacity(state.jobs.count)
                    swap(&batch, &state.jobs)
                    return .done(batch)
                }
                let batch = Array(state.jobs.prefix(Self.maximumBatch))
                state.jobs.removeFirst(Self.maximumBatch)
                return .done(batch)
            }
            if rest > .zero {
                state.wakesAt = count
                return .wait(atMost: rest)
            }
            state.wakesAt = 1
            return .wait(atMost: nil)
        }
    }
}
