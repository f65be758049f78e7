#if ZooKeeper
internal import CZooKeeper
import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One session with an ensemble, from its making to its end. A session that is over never comes back; ``SessionSource``
/// makes another.
///
/// The library keeps the connection, goes to another server when one is lost, and sends the signs of life. It is asked only
/// through its asynchronous half. What may block, looking up hosts and closing, is done on threads made for it.
package final class ZooKeeperSession: Sendable {
    enum Standing: Equatable, Sendable {
        /// No server is connected at the moment.
        case connecting
        /// A server is connected; `timeout` is what the ensemble has agreed to.
        case connected(timeout: Duration)
        case over(End)
    }

    enum End: Equatable, Sendable {
        /// The ensemble has ended it, and all its ephemeral nodes with it.
        case expired
        /// The ensemble has refused the credentials.
        case denied
        /// The library could not even begin, such as with a host that has no address.
        case unusable(String)
        /// The engine was closed.
        case closed
    }

    private struct State {
        /// The session's number in the table of callbacks.
        var number: UInt = 0
        /// The library's handle as a number, or zero while there is none.
        var handle: UInt = 0
        /// Whether the credentials have been handed over, before which nothing may be asked.
        var isPrepared = false
        var isConnected = false
        var timeout: Duration = .zero
        var identity: Int64 = 0
        var end: End?
        /// Whether the handle is being given back.
        var isClosing = false
        var news: [OneShotSignal] = []
        var closed: [OneShotSignal] = []
        var isClosed = false
    }

    let options: ZooKeeperOptions
    let clock: any MonotonicClock
    let board = WatchBoard()
    private let calls: Alarms<PendingReply>
    private let patience: Mutex<ServerPatience>
    private let looks: Alarms<UInt>
    /// Held while the library is asked about a handle without the lock of the state, and before the handle is given back.
    private let looking = Mutex(())
    private let onEnd: @Sendable (ZooKeeperSession) -> Void
    private let state = Mutex(State())

    /// Makes a session; ``start()`` begins to connect.
    ///
    /// - Parameter onEnd: Called once when the session is over, from a thread of the library.
    init(
        options: ZooKeeperOptions, clock: any MonotonicClock, onEnd: @escaping @Sendable (ZooKeeperSession) -> Void
    ) {
        self.options = options
        self.clock = clock
        self.onEnd = onEnd
        self.calls = Alarms(clock: clock) { $0.finish(ZooKeeperReply(.timedOut)) }
        self.patience = Mutex(
            ServerPatience(timeout: options.sessionTimeout, servers: options.servers.count, at: clock.now))
        self.looks = Alarms(clock: clock) { number in
            // Finding out which server it is may wait for the look-up of a host, so it has a thread of its own.
            startThread(named: "colony-zk-look") {
                CallbackTable.session(UnsafeRawPointer(bitPattern: number))?.lookAtServer()
            }
        }
    }

    func start() {
        let number = CallbackTable.enter(self)
        self.state.withLock { $0.number = number }
        startThread(named: "colony-zk-open") { self.open(as: number) }
    }

    // MARK: Standing

    var standing: Standing {
        self.state.withLock { state in
            if let end = state.end { return .over(end) }
            guard state.isConnected, state.isPrepared else { return .connecting }
            return .connected(timeout: state.timeout)
        }
    }

    var isOver: Bool { self.state.withLock { $0.end != nil } }

    /// The number by which the ensemble knows the session.
    var identity: Int64 { self.state.withLock(\.identity) }

    /// For how long after a request that was answered the session is certainly alive.
    ///
    /// A server that follows tells its leader of signs of life once in half a tick at the latest, and what it has not told
    /// dies with it. A tenth of the timeout is kept back for that; with a timeout of ten seconds it is half of the usual tick.
    var certainty: Duration { Self.certainty(self.state.withLock(\.timeout)) }

    static func certainty(_ timeout: Duration) -> Duration { timeout / 10 * 9 }

    /// A signal for the next change of ``standing``; fired already if `standing` is no longer what the caller saw.
    func news(after seen: Standing) -> OneShotSignal {
        let signal = OneShotSignal()
        self.state.withLock { $0.news.append(signal) }
        if self.standing != seen { signal.fire() }
        return signal
    }

    func forget(_ signal: OneShotSignal) {
        self.state.withLock { state in state.news.removeAll { $0 === signal } }
    }

    // MARK: Asking

    /// Sends a request, whose answer is awaited for as long as the options allow.
    ///
    /// Requests are carried out by the ensemble, and answered, in the order in which they were sent.
    package func send(_ request: ZooKeeperRequest) -> PendingReply {
        let pending = PendingReply(sentAt: self.clock.now, alarms: self.calls)
        self.submit(request) { pending.finish($0) }
        pending.expire(at: pending.sentAt.advanced(by: self.options.timeout))
        return pending
    }

    /// Sends a request without a deadline of its own; the answer comes on a thread of the library, at the latest when the
    /// connection breaks.
    func submit(_ request: ZooKeeperRequest, _ handler: @escaping @Sendable (ZooKeeperReply) -> Void) {
        let sentAt = self.clock.now
        let ticket = CallbackTable.enter { [weak self] reply in
            self?.countAnswer(reply, sentAt: sentAt)
            handler(reply)
        }
        self.look(at: self.patience.withLock { $0.sent(at: sentAt) })
        // Under the lock, so that nobody closes the handle meanwhile. The library only puts the request into its queue.
        let code = self.state.withLock { state -> Int32 in
            guard state.end == nil, !state.isClosing, let handle = OpaquePointer(bitPattern: state.handle) else {
                return ZINVALIDSTATE.rawValue
            }
            return request.submit(on: handle, ticket: ticket, isProtected: self.options.user != nil)
        }
        if code != ZOK.rawValue { CallbackTable.answered(ticket, ZooKeeperReply(code)) }
    }

    // MARK: Silent servers

    private func countAnswer(_ reply: ZooKeeperReply, sentAt: MonotonicInstant) {
        let now = self.clock.now
        self.patience.withLock { patience in
            switch reply.outcome {
            case .connectionLost, .sessionOver: patience.lost()
            default: patience.answered(at: now, sentAt: sentAt)
            }
        }
    }

    private func look(at moment: MonotonicInstant?) {
        guard let moment else { return }
        let number = self.state.withLock { $0.end == nil ? $0.number : 0 }
        if number != 0 { _ = self.looks.set(number, at: moment) }
    }

    /// Ends the connection to a server that has been silent for too long; the library goes to the next one, with the session.
    private func lookAtServer() {
        let server = self.looking.withLock { _ -> String? in
            let handle = self.state.withLock { $0.end == nil && !$0.isClosing ? $0.handle : 0 }
            guard let pointer = OpaquePointer(bitPattern: handle), let text = zoo_get_current_server(pointer) else {
                return nil
            }
            return String(cString: text)
        }
        guard let server else { return }
        let now = self.clock.now
        switch self.patience.withLock({ $0.step(at: now, server: server) }) {
        case .rest: return
        case .lookAgain(let moment): self.look(at: moment)
        case .cut:
            // Other sessions of this process with the same server are ended as well; they need another one as much.
            _ = colony_end_connections(server)
            self.look(at: self.patience.withLock { $0.next(at: now) })
        }
    }

    // MARK: Beginning and end

    private func open(as number: UInt) {
        let handle = zookeeper_init2(
            self.options.connectString,
            { handle, type, state, _, context in
                guard type == ZOO_SESSION_EVENT, let session = CallbackTable.session(context) else { return }
                session.changed(to: state, on: handle)
            },
            Int32(clamping: self.options.sessionTimeout.clampedMilliseconds), nil,
            UnsafeMutableRawPointer(bitPattern: number), ZOO_NO_LOG_CLIENTENV, { _ in })
        guard let handle else {
            let reason = String(cString: strerror(errno))
            self.finish(.unusable(reason))
            CallbackTable.dropSession(number)
            self.markClosed()
            return
        }
        if let user = self.options.user, let password = self.options.password {
            let credentials = "\(user):\(password)"
            _ = zoo_add_auth(handle, "digest", credentials, Int32(credentials.utf8.count), { _, _ in }, nil)
        }
        let (news, mustClose) = self.state.withLock { state -> ([OneShotSignal], Bool) in
            state.handle = UInt(bitPattern: handle)
            state.isPrepared = true
            defer { state.news = [] }
            return (state.news, state.end != nil)
        }
        for signal in news { signal.fire() }
        self.look(at: self.clock.now)
        if mustClose { self.giveBack() }
    }

    /// On a thread of the library.
    private func changed(to code: Int32, on handle: OpaquePointer?) {
        switch code {
        case ZOO_CONNECTED_STATE:
            let timeout = Duration.milliseconds(zoo_recv_timeout(handle))
            let identity = zoo_client_id(handle)?.pointee.client_id ?? 0
            self.announce { state in
                state.isConnected = true
                state.timeout = timeout
                state.identity = identity
            }
            self.look(at: self.patience.withLock { $0.connected(at: self.clock.now) })
        case ZOO_EXPIRED_SESSION_STATE:
            self.finish(.expired)
        case ZOO_AUTH_FAILED_STATE:
            self.finish(.denied)
        default:
            self.announce { $0.isConnected = false }
            self.look(at: self.patience.withLock { $0.disconnected(at: self.clock.now) })
        }
    }

    private func announce(_ change: (inout State) -> Void) {
        let news = self.state.withLock { state -> [OneShotSignal] in
            change(&state)
            defer { state.news = [] }
            return state.news
        }
        for signal in news { signal.fire() }
    }

    /// Ends the session for its users at once, and gives the handle back.
    private func finish(_ end: End) {
        let isFirst = self.state.withLock { state -> Bool in
            guard state.end == nil else { return false }
            state.end = end
            return true
        }
        guard isFirst else { return }
        self.onEnd(self)
        self.announce { $0.isConnected = false }
        self.board.fireAll()
        self.giveBack()
    }

    /// Closes on a thread of its own: the library waits for its threads, of which this may be one.
    private func giveBack() {
        let handle = self.state.withLock { state -> UInt in
            guard !state.isClosing, state.handle != 0 else { return 0 }
            state.isClosing = true
            return state.handle
        }
        guard handle != 0 else { return }
        startThread(named: "colony-zk-close") {
            let pointer = OpaquePointer(bitPattern: handle)
            let number = UInt(bitPattern: pointer.flatMap { zoo_get_context($0) })
            // Whoever asks about the handle at this moment has finished then, and nobody begins any more.
            self.looking.withLock { _ in }
            _ = zookeeper_close(pointer)
            CallbackTable.dropSession(number)
            // What the library had promised to call back for and never will.
            self.board.fireAll()
            self.markClosed()
        }
    }

    private func markClosed() {
        let waiting = self.state.withLock { state -> [OneShotSignal] in
            state.isClosed = true
            defer { state.closed = [] }
            return state.closed
        }
        for signal in waiting { signal.fire() }
    }

    /// Ends the session: the ensemble ends its ephemeral nodes at once if it can be reached, else after the timeout.
    func close() {
        self.finish(.closed)
    }

    /// Waits until the library has given everything back.
    func closed(until deadline: MonotonicInstant) async {
        let signal = OneShotSignal()
        let isClosed = self.state.withLock { state -> Bool in
            if !state.isClosed { state.closed.append(signal) }
            return state.isClosed
        }
        if !isClosed { _ = try? await signal.wait(until: deadline, on: self.clock) }
    }
}
#endif
