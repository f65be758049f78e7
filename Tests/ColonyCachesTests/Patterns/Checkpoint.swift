import Synchronization

/// A place at which a task stops until the test lets it go on, and that the test can wait to be reached.
///
/// Races are put together by hand with it: every step happens when the test says so.
final class Checkpoint: Sendable {
    private struct State {
        var isReached = false
        var isOpen = false
        var arrivals: [CheckedContinuation<Void, Never>] = []
        var passages: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    /// Announces that the place is reached, and waits until it is opened.
    func pass() async {
        let arrivals = self.state.withLock { state in
            state.isReached = true
            defer { state.arrivals = [] }
            return state.arrivals
        }
        for arrival in arrivals { arrival.resume() }
        await withCheckedContinuation { continuation in
            let isOpen = self.state.withLock { state in
                if !state.isOpen { state.passages.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Waits until somebody is at the place.
    func reached() async {
        await withCheckedContinuation { continuation in
            let isReached = self.state.withLock { state in
                if !state.isReached { state.arrivals.append(continuation) }
                return state.isReached
            }
            if isReached { continuation.resume() }
        }
    }

    /// Lets everybody pass, now and later.
    func open() {
        let passages = self.state.withLock { state in
            state.isOpen = true
            defer { state.passages = [] }
            return state.passages
        }
        for passage in passages { passage.resume() }
    }
}
