import ColonyCaches
import ColonyCore
import Synchronization

/// One call to a server that ends in time whatever the server does, without anybody who waits for it.
///
/// A call that is given up is cancelled and left alone: it may still have its effect.
final class LaneCall: Sendable {
    private struct State {
        var isOver = false
        var timer: Task<Void, Never>?
    }

    private let state = Mutex(State())

    /// Starts a call.
    ///
    /// - Parameters:
    ///   - onSlow: Called if there is no answer after `hedge`.
    ///   - then: Called once, with the answer or with `unavailable` when the deadline has passed.
    static func run<Answer: Sendable>(
        until deadline: MonotonicInstant, slowAfter hedge: Duration, on clock: any MonotonicClock,
        onSlow: @escaping @Sendable () -> Void,
        _ request: @escaping @Sendable () async throws(CacheError) -> Answer,
        then: @escaping @Sendable (Result<Answer, CacheError>) -> Void
    ) {
        let call = LaneCall()
        // Tasks of their own can be left behind; they inherit the executor only if it is handed on.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let work = Task(executorPreference: executor) {
            let result: Result<Answer, CacheError>
            do throws(CacheError) {
                result = .success(try await request())
            } catch {
                result = .failure(error)
            }
            if call.end() { then(result) }
        }
        let timer = Task(executorPreference: executor) {
            do {
                let slow = clock.now.advanced(by: hedge)
                if slow < deadline {
                    try await clock.sleep(until: slow, tolerance: nil)
                    if call.isOver { return }
                    onSlow()
                }
                try await clock.sleep(until: deadline, tolerance: nil)
            } catch {
                return
            }
            if call.end() {
                work.cancel()
                then(.failure(CacheError(.unavailable, "there was no answer in time")))
            }
        }
        call.keep(timer)
    }

    private var isOver: Bool { self.state.withLock(\.isOver) }

    private func keep(_ timer: Task<Void, Never>) {
        let isOver = self.state.withLock { state in
            if !state.isOver { state.timer = timer }
            return state.isOver
        }
        if isOver { timer.cancel() }
    }

    /// - Returns: Whether this ended the call.
    private func end() -> Bool {
        let (isFirst, timer) = self.state.withLock { state -> (Bool, Task<Void, Never>?) in
            if state.isOver { return (false, nil) }
            state.isOver = true
            defer { state.timer = nil }
            return (true, state.timer)
        }
        timer?.cancel()
        return isFirst
    }
}
