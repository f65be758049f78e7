package import ColonyCaches
package import ColonyCore

/// Whether there is a connection to a server, and when the next attempt at one is due: the decisions of ``ServerLink``,
/// without its input and output.
package struct LinkState: Sendable {
    package enum Phase: Hashable, Sendable {
        /// No connection, and no attempt at one: the next call makes one.
        case idle
        /// An attempt is under way; calls wait for it.
        case connecting
        /// There is a connection.
        case connected
        /// The last attempt failed. Calls fail at once until `retryAt`; the first one after that makes an attempt.
        case failed(reason: String, retryAt: MonotonicInstant)
        /// The end.
        case closed
    }

    /// What is to be done with a call.
    package enum Directive: Hashable {
        case send
        case connectAndWait
        case wait
        case fail(CacheError.Code, String)
    }

    package private(set) var phase = Phase.idle
    private let backoff: Backoff
    /// Attempts that failed in a row.
    private var failures = 0

    package init(backoff: Backoff) {
        self.backoff = backoff
    }

    package mutating func call(at now: MonotonicInstant) -> Directive {
        switch self.phase {
        case .connected: return .send
        case .connecting: return .wait
        case .closed: return .fail(.closed, "the cache tier was closed")
        case .failed(let reason, let retryAt) where now < retryAt:
            return .fail(
                .unavailable, "\(reason); the next attempt is made in \(now.duration(to: retryAt).text)")
        case .idle, .failed:
            self.phase = .connecting
            return .connectAndWait
        }
    }

    /// - Returns: Whether the connection is wanted; it is not after ``close()``.
    package mutating func connected() -> Bool {
        guard self.phase == .connecting else { return false }
        self.phase = .connected
        self.failures = 0
        return true
    }

    package mutating func failedToConnect(
        _ reason: String, at now: MonotonicInstant, using generator: inout some RandomNumberGenerator
    ) {
        guard self.phase == .connecting else { return }
        self.failures += 1
        let delay = self.backoff.delay(after: self.failures, using: &generator)
        self.phase = .failed(reason: reason, retryAt: now.advanced(by: delay))
    }

    /// The connection has ended. The next call makes another one at once: most connections end because the server was
    /// started anew.
    package mutating func disconnected() {
        if self.phase == .connected { self.phase = .idle }
    }

    package mutating func close() {
        self.phase = .closed
    }
}
