#if ZooKeeper
package import ColonyCore

/// When a server has been silent for so long that another one is better asked.
///
/// The library gives up a silent server after two thirds of the session's timeout, and waits as long for the greeting of a
/// server that takes the connection and stands still: the two together are more than the whole timeout, so a session that is
/// safe with the ensemble, and every lease in it, would be lost for nothing. Here a server that owes an answer has a fifth of
/// the timeout. Where none of them is faster than that, the limit doubles with each round through the servers, so that
/// an ensemble that is merely slow is not left before it can answer.
///
/// A value: what happened goes in, what is to be done comes out.
package struct ServerPatience: Sendable {
    package enum Step: Equatable, Sendable {
        /// Nothing is owed; what is sent next begins the count.
        case rest
        case lookAgain(at: MonotonicInstant)
        /// The connection is to be ended; the library then goes to another server.
        case cut
    }

    private let timeout: Duration
    private let servers: Int
    /// How many requests wait for an answer.
    private var owed = 0
    private var isConnected = false
    /// The server that is being connected, and since when it is that one.
    private var server: String?
    private var silentSince: MonotonicInstant
    /// How many connections in a row were ended for silence.
    private var cuts = 0
    /// Whether somebody is going to ask for the next step.
    private var isWatched = true

    /// Begins with a connection that is being made, which is watched.
    ///
    /// - Parameter servers: How many there are, at least 1.
    package init(timeout: Duration, servers: Int, at now: MonotonicInstant) {
        self.timeout = timeout
        self.servers = max(1, servers)
        self.silentSince = now
    }

    private var shortest: Duration { self.timeout / 5 }

    /// How long a server may be silent; never longer than the library's own patience.
    package var limit: Duration { min(self.shortest * (1 << min(4, self.cuts / self.servers)), self.timeout * 2 / 3) }

    /// How often a connection that is being made is looked at, to see at which server it stands.
    private var interval: Duration { self.timeout / 20 }

    /// - Returns: When to ask for the next step, if nobody is going to.
    package mutating func sent(at now: MonotonicInstant) -> MonotonicInstant? {
        self.owed += 1
        if self.owed == 1, self.isConnected { self.silentSince = now }
        return self.watch(at: now)
    }

    package mutating func answered(at now: MonotonicInstant, sentAt: MonotonicInstant) {
        self.owed -= 1
        self.silentSince = now
        if sentAt.duration(to: now) < self.shortest { self.cuts = 0 }
    }

    /// A request came to its end without an answer.
    package mutating func lost() { self.owed -= 1 }

    package mutating func connected(at now: MonotonicInstant) -> MonotonicInstant? {
        self.isConnected = true
        self.silentSince = now
        self.server = nil
        return self.watch(at: now)
    }

    package mutating func disconnected(at now: MonotonicInstant) -> MonotonicInstant? {
        if self.isConnected { self.silentSince = now }
        self.isConnected = false
        return self.watch(at: now)
    }

    private mutating func watch(at now: MonotonicInstant) -> MonotonicInstant? {
        if self.isWatched || (self.isConnected && self.owed == 0) { return nil }
        self.isWatched = true
        return now.advanced(by: self.isConnected ? self.limit : self.interval)
    }

    /// - Parameter server: The one that is connected, or being connected.
    package mutating func step(at now: MonotonicInstant, server: String) -> Step {
        if self.isConnected, self.owed == 0 {
            self.isWatched = false
            return .rest
        }
        if !self.isConnected, server != self.server {
            self.server = server
            self.silentSince = now
        }
        let end = self.silentSince.advanced(by: self.limit)
        if now >= end {
            self.cuts += 1
            self.silentSince = now
            return .cut
        }
        return .lookAgain(at: self.isConnected ? end : min(end, now.advanced(by: self.interval)))
    }

    /// When to ask for a step after ``Step/cut``.
    package func next(at now: MonotonicInstant) -> MonotonicInstant { now.advanced(by: self.interval) }
}
#endif
