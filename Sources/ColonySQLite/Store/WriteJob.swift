import Synchronization

/// How an operation is kept from harming the others of its batch.
package enum WriteIsolation: Sendable {
    /// It runs in a savepoint of its own: if it throws, exactly its changes are undone.
    case savepoint
    /// It changes the file with at most one statement, or takes its own savepoint where it needs more, so that it cannot
    /// fail half way. SQLite undoes a single statement by itself. This saves three statements an operation.
    case singleStatement
    /// It changes nothing. A batch of such operations alone does not wait for the lock of writers.
    case readOnly
}

/// An operation that waits for the writer, whatever its result.
///
/// - Note: `@unchecked Sendable` of the subclass: before `enqueue` the members belong to the caller, after a successful
///   `begin()` to the writer's thread, and after a successful `cancel()` to the canceller. The exchange of `phase` decides
///   between the latter two, once.
class WriteJob: @unchecked Sendable {
    private enum Phase {
        static let made: UInt8 = 0
        static let queued: UInt8 = 1
        static let running: UInt8 = 2
        static let cancelled: UInt8 = 3
    }

    let isolation: WriteIsolation
    private let phase = Atomic<UInt8>(Phase.made)

    init(isolation: WriteIsolation) {
        self.isolation = isolation
    }

    /// Whether somebody resumes when the operation is done, and is then likely to come back with another.
    var hasCaller: Bool { false }

    /// Runs on the writer's thread. What it throws is kept as the outcome, and thrown on so that the writer sees it.
    func run(_ transaction: WriteTransaction) throws(StoreError) {}

    /// Gives the outcome to whoever waits: that of `run`, or `failure` if the batch was not committed.
    func finish(failure: StoreError?) {}

    /// Marks the job as waiting; `false` if it was cancelled already.
    func enqueue() -> Bool {
        self.phase.compareExchange(expected: Phase.made, desired: Phase.queued, ordering: .acquiringAndReleasing).exchanged
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
        if self.phase.compareExchange(expected: Phase.queued, desired: Phase.cancelled, ordering: .acquiringAndReleasing)
            .exchanged
        {
            self.finish(failure: Self.cancelled)
        } else {
            // Not queued yet: `enqueue` will find the mark and end the job in its caller.
            _ = self.phase.compareExchange(
                expected: Phase.made, desired: Phase.cancelled, ordering: .acquiringAndReleasing)
        }
    }

    static let cancelled = StoreError(.cancelled, "the task was cancelled before its operation began")
}

/// An operation with its result and the way back to its caller.
final class TypedWriteJob<Value: Sendable>: WriteJob, @unchecked Sendable {
    enum Recipient {
        case nobody
        case task(CheckedContinuation<Result<Value, StoreError>, Never>)
        case function(@Sendable (Result<Value, StoreError>) -> Void)
    }

    var recipient = Recipient.nobody
    private let body: @Sendable (WriteTransaction) throws(StoreError) -> Value
    private var outcome: Result<Value, StoreError>?

    init(
        isolation: WriteIsolation, body: @escaping @Sendable (WriteTransaction) throws(StoreError) -> Value
    ) {
        self.body = body
        super.init(isolation: isolation)
    }

    override var hasCaller: Bool {
        if case .task = self.recipient { true } else { false }
    }

    override func run(_ transaction: WriteTransaction) throws(StoreError) {
        do {
            self.outcome = .success(try self.body(transaction))
        } catch {
            self.outcome = .failure(error)
            throw error
        }
    }

    override func finish(failure: StoreError?) {
        let result: Result<Value, StoreError>
        if let failure {
            result = .failure(failure)
        } else if let outcome = self.outcome {
            result = outcome
        } else {
            preconditionFailure("an operation was finished without having run")
        }
        let recipient = self.recipient
        self.recipient = .nobody
        switch recipient {
        case .nobody: break
        case .task(let continuation): continuation.resume(returning: result)
        case .function(let function): function(result)
        }
    }
}
