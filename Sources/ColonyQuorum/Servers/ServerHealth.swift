import ColonyCaches
import ColonyCore
import Synchronization

/// Whether a server has failed lately.
final class ServerHealth: Sendable {
    private struct State {
        var failures = 0
        var suspectedUntil: MonotonicInstant?
    }

    private let clock: any MonotonicClock
    private let suspicion: Backoff
    private let state = Mutex(State())

    init(_ settings: QuorumSettings) {
        self.clock = settings.clock
        self.suspicion = settings.suspicion
    }

    func isSuspected(at now: MonotonicInstant) -> Bool {
        self.state.withLock { state in state.suspectedUntil.map { now < $0 } ?? false }
    }

    func noteSuccess() {
        self.state.withLock { state in
            state.failures = 0
            state.suspectedUntil = nil
        }
    }

    func noteFailure() {
        self.state.withLock { state in
            state.failures = min(state.failures + 1, 64)
            state.suspectedUntil = self.clock.now.advanced(byNanoseconds: self.suspicion.bound(after: state.failures))
        }
    }

    func note(_ error: CacheError) {
        if error.code == .unavailable || error.code == .closed { self.noteFailure() }
    }
}
