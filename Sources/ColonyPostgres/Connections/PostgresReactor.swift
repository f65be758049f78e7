#if Postgres
import ColonyCore
import DequeModule
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The thread that drives the connections of one pool: it sleeps in `poll` until a socket, a caller, or a deadline wants
/// something.
///
/// libpq has no thread of its own and its objects belong to one thread at a time, so they are made, used, and freed here
/// and nowhere else. Callers leave their calls in the inbox and ring; answers resume them on their own executors.
///
/// - Note: `@unchecked Sendable` because all that is not in `inbox` or constant is `desk`, which is touched by
///   `run()` and what it calls only, all on the one thread that is started once under the lock of `inbox`.
final class PostgresReactor: @unchecked Sendable {
    /// What is told of notifications and of the channel being listened to again.
    struct Listener: Sendable {
        let notified: @Sendable (String) -> Void
        let listening: @Sendable () -> Void
    }

    private struct Inbox {
        var calls: [PostgresCall] = []
        var addresses: [PostgresAddresses] = []
        var listener: Listener?
        var bell: Bell?
        var isRung = false
        var isClosing = false
        var hasEnded = false
        var ends: [CheckedContinuation<Void, Never>] = []
    }

    /// What only the thread touches.
    struct Desk {
        var connections: [PostgresConnection] = []
        var queue = Deque<PostgresCall>()
        /// Those that go before the queue.
        var urgent = Deque<PostgresCall>()
        /// Those that go to the connection of their session.
        var sessionCalls: [PostgresCall] = []
        /// The earliest deadline in the queue, or earlier.
        var nextDeadline = MonotonicInstant(nanoseconds: .max)
        var generator: any RandomNumberGenerator & Sendable
        var failures = 0
        var nextAttempt = MonotonicInstant(nanoseconds: .min)
        /// Whether somebody has asked for the channel; from then on it is listened to for good.
        var wantsChannel = false
        var hasListened = false
        var resolution = Resolution.none
        /// How many threads are looking names up: one at the most, even if it takes longer than anybody waits.
        var lookUps = 0
        /// Those who want to know when the channel is listened to.
        var listeners: [PostgresCall] = []
        /// The latest request to listen that was sent, and when the next may be.
        var listenCall: PostgresCall?
        var nextListen = MonotonicInstant(nanoseconds: .min)
    }

    /// The look-up of the servers' names for the next connections.
    enum Resolution {
        case none
        case asked(until: MonotonicInstant)
        case known(PostgresAddresses, until: MonotonicInstant)
    }

    let options: PostgresOptions
    let clock: any MonotonicClock
    let listenCommand: String
    private let inbox = Mutex(Inbox())
    var desk: Desk

    init(
        _ options: PostgresOptions, channel: String, clock: any MonotonicClock,
        generator: any RandomNumberGenerator & Sendable
    ) {
        self.options = options
        self.clock = clock
        self.listenCommand = "LISTEN \"\(channel)\""
        self.desk = Desk(generator: generator)
    }

    // MARK: From any thread

    func submit(_ call: PostgresCall) {
        enum Next { case refuse(PostgresFailure), go, ring(Bell), start(Bell) }
        let next = self.inbox.withLock { inbox -> Next in
            if inbox.isClosing { return .refuse(Self.closed) }
            guard let bell = inbox.bell else {
                guard let bell = Bell() else {
                    let message = "the system gives this program no more descriptors"
                    return .refuse(PostgresFailure(kind: .unreachable, message: message))
                }
                inbox.calls.append(call)
                inbox.bell = bell
                return .start(bell)
            }
            inbox.calls.append(call)
            if inbox.isRung { return .go }
            inbox.isRung = true
            return .ring(bell)
        }
        switch next {
        case .refuse(let failure): call.finish(.failure(failure))
        case .go: break
        case .ring(let bell): bell.ring()
        case .start(let bell): startThread(named: "colony-postgres") { self.run(bell) }
        }
    }

    func setListener(_ listener: Listener) {
        self.inbox.withLock { $0.listener = listener }
    }

    /// Takes what a look-up of names has given.
    func take(_ addresses: PostgresAddresses) {
        self.inbox.withLock { inbox -> Bell? in
            inbox.addresses.append(addresses)
            return inbox.bell
        }?.ring()
    }

    func close() {
        self.inbox.withLock { inbox -> Bell? in
            inbox.isClosing = true
            if inbox.bell == nil { inbox.hasEnded = true }
            return inbox.bell
        }?.ring()
    }

    func waitUntilEnded() async {
        await withCheckedContinuation { continuation in
            let hasEnded = self.inbox.withLock { inbox in
                if !inbox.hasEnded { inbox.ends.append(continuation) }
                return inbox.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    private static let closed = PostgresFailure(kind: .closed, message: "the engine was closed")

    // MARK: On the thread

    private func run(_ bell: Bell) {
        while true {
            let (news, isClosing) = self.inbox.withLock { inbox in
                inbox.isRung = false
                defer {
                    inbox.calls = []
                    inbox.addresses = []
                }
                return ((inbox.calls, inbox.addresses), inbox.isClosing)
            }
            let now = self.clock.now
            for addresses in news.1 { self.resolved(addresses, at: now) }
            for call in news.0 { self.admit(call) }
            if isClosing, self.finishClosing() { return }
            self.expire(at: now)
            if !isClosing { self.dispatch(at: now) }
            self.sleepAndServe(bell)
        }
    }

    /// - Returns: Whether nothing is under way any more.
    private func finishClosing() -> Bool {
        self.failWaiting(Self.closed)
        self.desk.connections.removeAll { $0.call == nil }
        guard self.desk.connections.isEmpty else { return false }
        let ends = self.inbox.withLock { inbox in
            inbox.hasEnded = true
            inbox.bell = nil
            // Who submits from here on is refused.
            for call in inbox.calls { call.finish(.failure(Self.closed)) }
            defer { inbox.ends = [] }
            return inbox.ends
        }
        for end in ends { end.resume() }
        return true
    }

    private func admit(_ call: PostgresCall) {
        if call.isFinished { return }
        if case .listen = call.work {
            self.desk.wantsChannel = true
            self.desk.listeners.append(call)
        } else if call.belongsToSession {
            self.desk.sessionCalls.append(call)
        } else if self.isFull {
            let message = "\(self.options.waitingCalls) calls wait for one of \(self.options.connections) connections"
            call.finish(.failure(PostgresFailure(kind: .unreachable, message: message)))
            return
        } else if call.isUrgent {
            self.desk.urgent.append(call)
        } else {
            self.desk.queue.append(call)
        }
        self.desk.nextDeadline = min(self.desk.nextDeadline, call.deadline)
    }

    private var isFull: Bool {
        guard self.desk.queue.count + self.desk.urgent.count >= self.options.waitingCalls else { return false }
        self.forgetFinished()
        return self.desk.queue.count + self.desk.urgent.count >= self.options.waitingCalls
    }

    /// Drops those for which nobody waits any more.
    func forgetFinished() {
        self.desk.queue.removeAll { $0.isFinished }
        self.desk.urgent.removeAll { $0.isFinished }
        self.desk.listeners.removeAll { $0.isFinished }
        self.desk.sessionCalls.removeAll { $0.isFinished }
    }

    /// All that wait for a connection.
    var waiting: [PostgresCall] {
        Array(self.desk.urgent) + Array(self.desk.queue) + self.desk.listeners + self.desk.sessionCalls
    }

    /// Ends the wait of all that wait for a connection.
    func failWaiting(_ failure: PostgresFailure) {
        for call in self.waiting { call.finish(.failure(failure)) }
        self.desk.queue = []
        self.desk.urgent = []
        self.desk.listeners = []
        self.desk.sessionCalls = []
        self.desk.nextDeadline = MonotonicInstant(nanoseconds: .max)
    }

    /// Sleeps until there is something to do, and lets each connection do it.
    private func sleepAndServe(_ bell: Bell) {
        // A connection whose look-up hangs has no socket; it is not in the list yet.
        let connections = self.desk.connections
        var sockets = [pollfd(fd: bell.reader, events: Int16(POLLIN), revents: 0)]
        for connection in connections {
            let interest = connection.interest
            let events = (interest.reads ? Int16(POLLIN) : 0) | (interest.writes ? Int16(POLLOUT) : 0)
            sockets.append(pollfd(fd: connection.socket, events: events, revents: 0))
        }
        let nap = min(max(0, self.clock.now.duration(to: self.nextInstant()).clampedNanoseconds), 1_000_000_000)
        // Rounded up, so that what is due at a moment is not looked for just before it again and again.
        let count = poll(&sockets, nfds_t(sockets.count), Int32((nap + 999_999) / 1_000_000))
        guard count > 0 else { return }
        if sockets[0].revents != 0 { bell.drain() }
        let now = self.clock.now
        for (index, connection) in connections.enumerated() where sockets[index + 1].revents != 0 {
            let canRead = sockets[index + 1].revents & ~Int16(POLLOUT) != 0
            let wasConnecting = connection.isConnecting
            let payloads = connection.progress(canRead: canRead, at: now)
            if wasConnecting, connection.isIdle { self.desk.failures = 0 }
            if !payloads.isEmpty, let listener = self.inbox.withLock({ $0.listener }) {
                for payload in payloads { listener.notified(payload) }
            }
        }
    }

    /// Tells who waits for the channel that it is listened to, and the listener if it is so again.
    func channelIsOpen(at now: MonotonicInstant) {
        for call in self.desk.listeners { call.finish(.success(PostgresAnswer(sentAt: now, rows: []))) }
        self.desk.listeners = []
        guard !self.desk.hasListened else { return }
        self.desk.hasListened = true
        self.inbox.withLock { $0.listener }?.listening()
    }
}

/// Wakes a thread that sleeps in `poll`.
///
/// Its descriptors are closed when the last reference goes, so that no ring after the end of the thread can reach a
/// descriptor that belongs to somebody else by then.
final class Bell: Sendable {
    let reader: Int32
    private let writer: Int32

    /// - Returns: `nil` if the system gives no descriptors.
    init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        self.reader = ends[0]
        self.writer = ends[1]
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        _ = Self.closeDescriptor(self.reader)
        _ = Self.closeDescriptor(self.writer)
    }

    private static func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }

    func ring() {
        var byte: UInt8 = 1
        // A full pipe wakes as well.
        _ = write(self.writer, &byte, 1)
    }

    func drain() {
        var bytes: [UInt8] = Array(repeating: 0, count: 64)
        while read(self.reader, &bytes, 64) == 64 {}
    }
}
#endif
