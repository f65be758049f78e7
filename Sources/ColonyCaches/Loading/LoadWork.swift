import ColonyCore
import Synchronization

/// One call of a loader, on behalf of one flight or, for a bulk loader, of several.
final class LoadWork: Sendable {
    private struct State {
        var flights = 0
        var load: Task<Void, Never>?
        var timer: Task<Void, Never>?
        var isStopped = false
        var holdsPlace = false
        var began: MonotonicInstant?
    }

    private let state = Mutex(State())
    private let urgent = Atomic<Bool>(false)

    var isUrgent: Bool { self.urgent.load(ordering: .acquiring) }
    func markUrgent() { self.urgent.store(true, ordering: .releasing) }

    /// One more flight depends on this call.
    func board() {
        self.state.withLock { $0.flights += 1 }
    }

    /// One flight less depends on this call; without any it is stopped.
    func leave() {
        let tasks = self.state.withLock { state -> (Task<Void, Never>?, Task<Void, Never>?) in
            state.flights -= 1
            guard state.flights == 0 else { return (nil, nil) }
            state.isStopped = true
            return (state.load, state.timer)
        }
        tasks.0?.cancel()
        tasks.1?.cancel()
    }

    /// Hands over the tasks of the call, which are cancelled at once if nobody needs it any more.
    func attach(load: Task<Void, Never>, timer: Task<Void, Never>?) {
        let isStopped = self.state.withLock { state in
            state.load = load
            state.timer = timer
            return state.isStopped
        }
        if isStopped {
            load.cancel()
            timer?.cancel()
        }
    }

    /// The loader is called now, and holds a place of the limiter if there is one.
    ///
    /// - Returns: `false` if nobody needs the call any more; it must not be made, and its place is the caller's to give
    ///   back.
    func begin(at now: MonotonicInstant, holdsPlace: Bool) -> Bool {
        self.state.withLock { state in
            if state.isStopped { return false }
            state.began = now
            state.holdsPlace = holdsPlace
            return true
        }
    }

    /// The call is over, by itself or because it was given up; only the first to say so gets an answer.
    ///
    /// - Returns: When it began, if it did, and whether a place is to be given back.
    func end() -> (began: MonotonicInstant?, holdsPlace: Bool) {
        let (timer, began, holdsPlace) = self.state.withLock { state in
            defer {
                state.began = nil
                state.holdsPlace = false
                state.isStopped = true
            }
            return (state.timer, state.began, state.holdsPlace)
        }
        timer?.cancel()
        return (began, holdsPlace)
    }

    /// Whether everybody who wanted the result has left.
    var isStopped: Bool { self.state.withLock(\.isStopped) }

    /// Cancels the loader.
    func cancelLoad() {
        self.state.withLock(\.load)?.cancel()
    }
}
