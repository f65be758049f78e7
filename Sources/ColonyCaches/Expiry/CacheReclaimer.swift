import ColonyCore
import Synchronization

/// Wakes a cache when entries of it end, so that they go without traffic.
///
/// One task sleeps until the earliest end that it knows. It is replaced by another only for an end that is clearly
/// earlier, and it looks again no sooner than ``grain`` after it looked, so that many short-lived entries cost few wakes.
final class CacheReclaimer: Sendable {
    private static let grain: Int64 = 50_000_000

    private struct State {
        var task: Task<Void, Never>?
        var planned = Int64.max
        var isCancelled = false
    }
    private let state = Mutex(State())

    /// Has `reclaim` run at `time` or shortly afterwards.
    ///
    /// - Parameter reclaim: Returns when it wants to be called again; `nil` ends the task.
    func wake(at time: Int64, on clock: any MonotonicClock, _ reclaim: @escaping @Sendable () -> Int64?) {
        self.state.withLock { state in
            let due = time.addingClamped(Self.grain)
            if state.isCancelled || state.planned <= due { return }
            state.task?.cancel()
            state.planned = due
            state.task = Task { [weak self] in
                var next: Int64? = due
                while let due = next {
                    let deadline = MonotonicInstant(nanoseconds: due)
                    guard (try? await clock.sleep(until: deadline, tolerance: nil)) != nil else { return }
                    next = reclaim()?.addingClamped(Self.grain)
                    guard let self, self.plan(next, after: due) else { return }
                }
            }
        }
    }

    /// Notes when the task wakes next.
    ///
    /// - Returns: Whether the task is still the one that is wanted.
    private func plan(_ next: Int64?, after due: Int64) -> Bool {
        self.state.withLock { state in
            if state.isCancelled || state.planned != due { return false }
            state.planned = next ?? .max
            if next == nil { state.task = nil }
            return true
        }
    }

    func cancel() {
        self.state.withLock { state in
            state.isCancelled = true
            state.task?.cancel()
            state.task = nil
        }
    }
}
