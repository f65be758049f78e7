import ColonyCore
import Synchronization

/// How an operation is kept from harming the others of its batch.
package enum WriteIsolation: Sendable {
    /// It runs in a savepoint of its own: if it throws, exactly its changes are undone.
    case savepoint
    /// It changes the file with at most one statement, or takes its own savepoint where it needs more, so that it
    /// cannot fail half way. SQLite undoes a single statement by itself. This saves three statements an operation. An operation whose
    /// statements stand each for themselves may change more, if its caller is told that a failure may leave some of them done.
    case singleStatement
    /// It changes the file with as many statements as it likes, and keeps notes for the operations after it (``BatchNotes``). It
    /// throws only when the storage fails, and then the whole batch is given up with it. This saves the savepoint.
    case wholeBatch
    /// It changes nothing. A batch of such operations alone does not wait for the lock of writers.
    case readOnly
}

/// An operation that waits for the writer, with the way back to its caller.
///
/// What it gives is kept in a place that `body` fills and `deliver` empties, both closures of the generic function that
/// made the job. A generic subclass would say the same in fewer words, but its methods look up the metadata of their
/// type at each call, which took a tenth of the writer's time.
///
/// - Note: `@unchecked Sendable`: before `enqueue` the job belongs to its caller, after a successful `begin()` to the
///   writer's thread, and after a successful `cancel()` to the canceller; the exchange of `phase` decides between the
///   latter two, once. Nothing but `phase` changes in it, and `body` and `deliver` are called by whom it belongs to, in
///   this order.
final class WriteJob: @unchecked Sendable {
    private enum Phase {
        static let made: UInt8 = 0
        static let queued: UInt8 = 1
        static let running: UInt8 = 2
        static let cancelled: UInt8 = 3
    }

    let isolation: WriteIsolation
    /// What its caller is told to have been done: `synced`, or with `written` that it outlives the process.
    let durability: Durability
    /// Whether a task is resumed when the operation is done, which is then likely to come back with another.
    let hasCaller: Bool
    private let body: (WriteTransaction) throws(StoreError) -> Void
    private let deliver: (StoreError?) -> Void
    private let phase = Atomic<UInt8>(Phase.made)

    init(
        isolation: WriteIsolation, durability: Durability, hasCaller: Bool,
        body: @escaping (WriteTransaction) throws(StoreError) -> Void,
        deliver: @escaping (StoreError?) -> Void
    ) {
        self.isolation = isolation
        self.durability = durability
        self.hasCaller = hasCaller
        self.body = body
        self.deliver = deliver
    }

    /// Makes a job whose result goes to `recipient`, once.
    @inline(__always)
    static func make<Value: Sendable>(
        _ isolation: WriteIsolation, durability: Durability = .synced, hasCaller: Bool,
        _ body: @escaping @Sendable (WriteTransaction) throws(StoreError) -> Value,
        recipient: @escaping (Result<Value, StoreError>) -> Void
    ) -> WriteJob {
        var outcome: Result<Value, StoreError>?
        return WriteJob(isolation: isolation, durability: durability, hasCaller: hasCaller) {
            transaction throws(StoreError) in
            do throws(StoreError) {
                outcome = .success(try body(transaction))
            } catch {
                outcome = .failure(error)
                throw error
            }
        } deliver: { failure in
            if let failure {
                recipient(.failure(failure))
            } else if let outcome {
                recipient(outcome)
            } else {
                preconditionFailure("an operation was finished without having run")
            }
        }
    }

    /// Runs on the writer's thread. What it throws is kept as the outcome, and thrown on so that the writer sees it.
    func run(_ transaction: WriteTransaction) throws(StoreError) {
        try self.body(transaction)
    }

    /// Gives the outcome to whoever waits: that of `run`, or `failure` if the batch was not committed.
    func finish(failure: StoreError?) {
        self.deliver(failure)
    }

    /// Marks the job as waiting; `false` if it was cancelled already.
    func enqueue() -> Bool {
        self.phase.compareExchange(expected: Phase.made, desired: Phase.queued, ordering: .acquiringAndReleasing)
            .exchanged
    }

    /// Claims the job for the writer; `false` if it was cancelled in the meantime.
    func begin() -> Bool {
        self.phase.compareExchange(expected: Phase.queued, desired: Phase.running, ordering: .acquiringAndReleasing)
            .exchanged
    }

    /// Whether the writer has claimed the job.
    var hasBegun: Bool { self.phase.load(ordering: .acquiring) == Phase.running }

    /// Ends a job of a batch that failed, whether or not it had begun.
    func finishUnlessCancelled(failure: StoreError) {
        if self.hasBegun || self.begin() { self.finish(failure: failure) }
    }

    /// Takes the job back unless the writer has begun it.
    func cancel() {
        // Not queued yet: `enqueue` finds the mark and ends the job in its caller. Between the two it may become
        // queued.
        if self.phase.compareExchange(expected: Phase.made, desired: Phase.cancelled, ordering: .acquiringAndReleasing)
            .exchanged
        {
            return
        }
        if self.phase.compareExchange(
            expected: Phase.queued, desired: Phase.cancelled, ordering: .acquiringAndReleasing
        )
        .exchanged {
            self.finish(failure: Self.cancelled)
        }
    }

    static let cancelled = StoreError(.cancelled, "the task was cancelled before its operation began")
}

/// Links a task with the job that it waits for, which is made only when the task has a continuation. Cancellation may
/// come before that.
final class JobCancellation: Sendable {
    private let state = Mutex<(job: WriteJob?, isCancelled: Bool)>((nil, false))

    func watch(_ job: WriteJob) {
        let isCancelled = self.state.withLock { state in
            state.job = job
            return state.isCancelled
        }
        if isCancelled { job.cancel() }
    }

    func cancel() {
        let job = self.state.withLock { state in
            state.isCancelled = true
            return state.job
        }
        job?.cancel()
    }
}
