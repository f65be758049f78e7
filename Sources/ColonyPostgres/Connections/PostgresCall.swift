#if Postgres
import ColonyCore
import Synchronization

/// A statement that is prepared once on each connection.
struct PostgresStatement: Hashable, Sendable {
    /// Unique within one pool.
    let name: String
    let sql: String
    /// Whether it goes before others: see ``PostgresCall/isUrgent``.
    var isUrgent = false
}

/// What the server answered.
struct PostgresAnswer: Sendable {
    /// A moment before the request left.
    let sentAt: MonotonicInstant
    let rows: [[String?]]
    /// What the server says that it has done, such as `UPDATE 3`; of the last statement, if there were several.
    var command = ""
}

/// One request to the server, from the call until its answer, time-out, or cancellation, whichever comes first.
final class PostgresCall: Sendable {
    enum Work: Sendable {
        /// Statements without parameters, as one transaction.
        case script(String)
        case prepared(PostgresStatement, [String?])
        /// A statement of somebody else's making, which is not kept.
        case direct(String, [String?])
        /// The first statement of a session, with `BEGIN` before it.
        case opening(String, [String?])
        /// The statement that ends the transaction of a session; what clears the connection goes out behind it.
        case closing(String)
        /// Wants to be answered when the pool's channel is being listened to.
        case listen
    }

    typealias Outcome = Result<PostgresAnswer, PostgresFailure>

    private enum State {
        case open
        case waiting(CheckedContinuation<Outcome, Never>)
        case finished(Outcome)
    }

    let work: Work
    let deadline: MonotonicInstant
    /// Whether it goes before those that are not: what keeps leases and places in queues alive must not wait behind a crowd.
    let isUrgent: Bool
    /// The session whose connection it goes to; `nil` for any that is free.
    let session: PostgresSession?
    private let state = Mutex(State.open)

    /// Whether it goes to the connection that its session has already.
    var belongsToSession: Bool {
        if case .opening = self.work { false } else { self.session != nil }
    }

    init(_ work: Work, deadline: MonotonicInstant, isUrgent: Bool = false, session: PostgresSession? = nil) {
        self.work = work
        self.deadline = deadline
        self.isUrgent = isUrgent
        self.session = session
    }

    /// Whether nobody waits for it any more. It may still be under way on the server.
    var isFinished: Bool {
        self.state.withLock { if case .finished = $0 { true } else { false } }
    }

    /// The outcome, if there is one yet.
    var finished: Outcome? {
        self.state.withLock { if case .finished(let outcome) = $0 { outcome } else { nil } }
    }

    /// The first outcome counts.
    func finish(_ outcome: Outcome) {
        let waiter = self.state.withLock { state -> CheckedContinuation<Outcome, Never>? in
            switch state {
            case .open:
                state = .finished(outcome)
                return nil
            case .waiting(let continuation):
                state = .finished(outcome)
                return continuation
            case .finished:
                return nil
            }
        }
        waiter?.resume(returning: outcome)
    }

    /// Waits for the outcome; a cancelled task gets its own at once.
    func outcome() async -> Outcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
                let outcome = self.state.withLock { state -> Outcome? in
                    if case .finished(let outcome) = state { return outcome }
                    state = .waiting(continuation)
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            self.finish(.failure(PostgresFailure(kind: .cancelled, message: "the call was cancelled")))
        }
    }
}
#endif
