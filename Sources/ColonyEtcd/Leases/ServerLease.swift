#if Etcd
internal import ColonyCore
internal import Synchronization

/// A lease of etcd's, to which keys are tied, and until when its end is known not to come.
final class ServerLease: Sendable {
    private struct State {
        var confirmedFrom: MonotonicInstant
        var lastUse: MonotonicInstant
        /// Gone at the server, or not to be used any more.
        var isRetired = false
        var lossSignal: OneShotSignal?
    }

    let id: Int64
    /// What the server keeps it for, counted from each sign of life.
    let timeToLive: Duration
    private let state: Mutex<State>

    init(id: Int64, timeToLive: Duration, from sentAt: MonotonicInstant) {
        self.id = id
        self.timeToLive = timeToLive
        self.state = Mutex(State(confirmedFrom: sentAt, lastUse: sentAt))
    }

    /// When the last sign of life left that the server has answered.
    var confirmedFrom: MonotonicInstant { self.state.withLock { $0.confirmedFrom } }

    /// Until when the server keeps it, as far as its answers tell: counted from before they were asked for.
    var end: MonotonicInstant { self.confirmedFrom.advanced(by: self.timeToLive) }

    var lastUse: MonotonicInstant { self.state.withLock { $0.lastUse } }
    var isRetired: Bool { self.state.withLock { $0.isRetired } }

    func use(at now: MonotonicInstant) { self.state.withLock { $0.lastUse = max($0.lastUse, now) } }

    func confirm(from sentAt: MonotonicInstant) {
        self.state.withLock { $0.confirmedFrom = max($0.confirmedFrom, sentAt) }
    }

    /// Nothing more is tied to it, and nothing keeps it alive: what is tied to it ends with it at the latest.
    func retire() {
        let signal = self.state.withLock { state in
            state.isRetired = true
            return state.lossSignal
        }
        signal?.fire()
    }

    /// Has `signal` fired when the lease is gone; at once if it is.
    func signalLoss(_ signal: OneShotSignal?) {
        let isRetired = self.state.withLock { state in
            state.lossSignal = signal
            return state.isRetired
        }
        if isRetired { signal?.fire() }
    }
}
#endif
