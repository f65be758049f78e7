import Synchronization

/// A call to an engine that ends in time, whatever the engine does.
package enum BoundedCall {
    /// Runs `request`, and gives it up when `limit` has passed.
    ///
    /// A request that is given up is cancelled and left alone: it may still have its effect, as after any `unavailable`.
    ///
    /// - Parameters:
    ///   - isShielded: Whether the request goes on when the calling task is cancelled, for giving things back.
    ///   - timeOut: What is thrown when the limit has passed.
    package static func run<Answer: Sendable, Failure: Error>(
        upTo limit: Duration, on clock: any MonotonicClock, isShielded: Bool = false, timeOut: Failure,
        _ request: @escaping @Sendable () async throws(Failure) -> Answer
    ) async throws(Failure) -> Answer {
        let deadline = clock.now.advanced(by: limit)
        let race = Race<Answer, Failure>()
        // A task of its own can be left behind; a child would have to be waited for. It inherits neither cancellation,
        // which is passed on below, nor the executor.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let work = Task(executorPreference: executor) {
            do throws(Failure) {
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
            race.finish(.failure(timeOut))
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
    private final class Race<Answer: Sendable, Failure: Error>: Sendable {
        private enum State {
            case open
            case waiting(CheckedContinuation<Result<Answer, Failure>, Never>)
            case finished(Result<Answer, Failure>)
        }

        private let state = Mutex(State.open)

        func finish(_ result: Result<Answer, Failure>) {
            let waiter = self.state.withLock { state -> CheckedContinuation<Result<Answer, Failure>, Never>? in
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

        func answer() async -> Result<Answer, Failure> {
            await withCheckedContinuation { continuation in
                let result = self.state.withLock { state -> Result<Answer, Failure>? in
                    if case .finished(let result) = state { return result }
                    state = .waiting(continuation)
                    return nil
                }
                if let result { continuation.resume(returning: result) }
            }
        }
    }
}
