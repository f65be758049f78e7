import ColonyCore
import Synchronization

/// A call to an engine that ends in time, whatever the engine does.
enum BoundedCall {
    /// Runs `request`, and gives it up when `limit` has passed.
    ///
    /// A request that is given up is cancelled and left alone: it may still have its effect, as after any `unavailable`.
    ///
    /// - Parameter isShielded: Whether the request goes on when the calling task is cancelled, for giving things back.
    static func run<Answer: Sendable>(
        upTo limit: Duration, on clock: any MonotonicClock, isShielded: Bool = false,
        _ request: @escaping @Sendable () async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        let deadline = clock.now.advanced(by: limit)
        let race = Race<Answer>()
        // A task of its own can be left behind; a child would have to be waited for. It inherits neither cancellation,
        // which is passed on below, nor the executor.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let work = Task(executorPreference: executor) {
            do throws(LeaseError) {
                race.finish(.success(try await request()))
            } catch {
                race.finish(.failure(error))
            }
        }
        let timer = Task(executorPreference: executor) {
            do {
                try await clock.sleep(until: deadline, tolerance: nil)
            } catch {
                return
            }
            race.finish(.failure(LeaseError(.unavailable, "the engine did not answer within \(limit.text)")))
            work.cancel()
        }
        let answer = await withTaskCancellationHandler {
            await race.answer()
        } onCancel: {
            if !isShielded { work.cancel() }
        }
        timer.cancel()
        return try answer.get()
    }

    /// Takes the first of two outcomes.
    private final class Race<Answer: Sendable>: Sendable {
        private enum State {
            case open
            case waiting(CheckedContinuation<Result<Answer, LeaseError>, Never>)
            case finished(Result<Answer, LeaseError>)
        }

        private let state = Mutex(State.open)

        func finish(_ result: Result<Answer, LeaseError>) {
            let waiter = self.state.withLock { state -> CheckedContinuation<Result<Answer, LeaseError>, Never>? in
                switch state {
                case .open:
                    state = .finished(result)
                    return nil
                case .waiting(let continuation):
                    state = .finished(result)
                    return continuation
                case .finished:
                    return nil
                }
            }
            waiter?.resume(returning: result)
        }

        func answer() async -> Result<Answer, LeaseError> {
            await withCheckedContinuation { continuation in
                let result = self.state.withLock { state -> Result<Answer, LeaseError>? in
                    if case .finished(let result) = state { return result }
                    state = .waiting(continuation)
                    return nil
                }
                if let result { continuation.resume(returning: result) }
            }
        }
    }
}
