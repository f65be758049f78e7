import ColonyCaches
import Synchronization

/// Commands on their way to one server, with whoever waits for their answers.
///
/// It ends once: with the answers, with a failure of the connection, at its deadline, or when the caller is cancelled,
/// whichever comes first. Answers that come after that are read and dropped.
final class PendingCall: Sendable {
    typealias Outcome = Result<[MetaReply], CacheError>

    private enum State {
        case open
        case waiting(CheckedContinuation<Outcome, Never>)
        case finished(Outcome)
    }

    /// The commands, which end with a fence.
    let bytes: [UInt8]
    private let state = Mutex(State.open)

    init(_ request: MetaRequest) {
        var request = request
        request.fence()
        self.bytes = request.bytes
    }

    /// Ends the call; without effect if it has ended.
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

    /// Waits for the end. To be called once.
    func replies() async throws(CacheError) -> [MetaReply] {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let finished = self.state.withLock { state -> Outcome? in
                    if case .finished(let outcome) = state { return outcome }
                    state = .waiting(continuation)
                    return nil
                }
                if let finished { continuation.resume(returning: finished) }
            }
        } onCancel: {
            self.finish(.failure(CacheError(.cancelled, "the calling task was cancelled")))
        }
        return try outcome.get()
    }
}
