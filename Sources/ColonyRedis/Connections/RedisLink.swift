import ColonyCore
import ColonyRESP
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A connection to one server that is made when it is needed, and made again after it was lost.
///
/// Callers write their commands into one buffer under a short lock, and the first of them wakes the event loop; the loop
/// sends all that has gathered until then in one write. So the number of system calls follows the turns of the loop and not
/// the commands, and a caller never waits for another's answer (this is what makes pipelining automatic).
///
/// While there is no connection, commands gather until their deadline; after an attempt has failed they fail at once, until
/// the next one is due. The next attempt is made when somebody asks, or by itself while somebody listens.
///
/// `nonisolated(unsafe)` members are touched on `eventLoop` only; every method that does so says it.
final class RedisLink: Sendable {
    private struct Outbox {
        var bytes: [UInt8] = []
        var calls: [RedisCall] = []
        /// Where the commands of each call end in `bytes`.
        var ends: [Int] = []
        var isFlushScheduled = false
        /// Why there is no connection, while no attempt is due.
        var down: RedisFailure?
        var isClosed = false
        var wantsToListen = false
    }

    let address: RedisAddress
    let settings: RedisLinkSettings
    let eventLoop: any EventLoop
    private let outbox = Mutex(Outbox())
    /// How many answers are due, those included whose commands are still here.
    private let inFlight = Atomic<Int>(0)

    private nonisolated(unsafe) var handler: RedisChannelHandler?
    private nonisolated(unsafe) var isConnecting = false
    private nonisolated(unsafe) var failures = 0
    private nonisolated(unsafe) var generator: any RandomNumberGenerator & Sendable
    private nonisolated(unsafe) var timer: (at: MonotonicInstant, task: Scheduled<Void>)?
    private nonisolated(unsafe) var attempt: Scheduled<Void>?
    private nonisolated(unsafe) var keepAlive: RepeatedTask?
    private nonisolated(unsafe) var spareBytes: [UInt8] = []

    init(_ address: RedisAddress, _ settings: RedisLinkSettings) {
        self.address = address
        self.settings = settings
        self.eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.generator = settings.options.makeGenerator()
    }

    // MARK: For callers, on any thread

    func deadline() -> MonotonicInstant {
        self.settings.options.clock.now.advanced(by: self.settings.options.timeout)
    }

    var wantsToListen: Bool { self.outbox.withLock(\.wantsToListen) }

    /// Sends commands as soon as the loop turns.
    ///
    /// - Parameter write: Adds the commands, as many as the call expects answers.
    func send(_ call: RedisCall, _ write: (inout [UInt8]) -> Void) {
        enum Next { case wait, flush, fail(RedisFailure) }
        let options = self.settings.options
        let next = self.outbox.withLock { outbox -> Next in
            if outbox.isClosed { return .fail(RedisFailure.closed) }
            if let down = outbox.down { return .fail(down) }
            let due = self.inFlight.load(ordering: .relaxed)
            if due + call.expected > options.commandsInFlight || outbox.bytes.count > Self.outboxBytes {
                return .fail(
                    RedisFailure(
                        .overloaded, "\(due) commands wait for \(self.address), \(outbox.bytes.count) bytes unsent",
                        wasSent: false))
            }
            self.inFlight.add(call.expected, ordering: .relaxed)
            write(&outbox.bytes)
            outbox.calls.append(call)
            outbox.ends.append(outbox.bytes.count)
            if outbox.isFlushScheduled { return .wait }
            outbox.isFlushScheduled = true
            return .flush
        }
        switch next {
        case .wait: break
        case .flush: self.eventLoop.execute { self.flush() }
        case .fail(let failure): call.fail(failure)
        }
    }

    /// Asks the server for what the listener wants to hear, now and after every reconnection.
    func startListening() {
        let isNew = self.outbox.withLock { outbox in
            if outbox.wantsToListen || outbox.isClosed { return false }
            outbox.wantsToListen = true
            return true
        }
        guard isNew else { return }
        self.eventLoop.execute {
            if let handler = self.handler { handler.listen() } else { self.connect() }
        }
    }

    /// Fails what is under way and what comes, and closes the connection.
    func close() async {
        let calls = self.outbox.withLock { outbox in
            outbox.isClosed = true
            defer { outbox.calls = [] }
            return outbox.calls
        }
        for call in calls { self.abandon(call, RedisFailure.closed) }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            self.eventLoop.execute {
                self.attempt?.cancel()
                self.timer?.task.cancel()
                self.timer = nil
                self.handler?.end(RedisFailure.closed)
                continuation.resume()
            }
        }
    }

    /// Closes as ``close()`` does, after what is under way has ended, which its deadlines bound.
    func drain() async {
        let clock = self.settings.options.clock
        let end = self.deadline()
        while self.inFlight.load(ordering: .relaxed) > 0, clock.now < end {
            do { try await clock.sleep(for: .milliseconds(10)) } catch { break }
        }
        await self.close()
    }

    /// How many bytes may wait to be sent: room for the largest values without bound to their number.
    private static let outboxBytes = 64 << 20

    // MARK: Counting

    func admitted(_ call: RedisCall) { self.inFlight.add(call.expected, ordering: .relaxed) }

    func settled(_ answers: Int) {
        if answers > 0 { self.inFlight.subtract(answers, ordering: .relaxed) }
    }

    /// Fails a call whose answers will not come.
    func abandon(_ call: RedisCall, _ failure: RedisFailure) {
        // Those of its answers that have come are counted by `settled`.
        self.inFlight.subtract(call.expected - call.received, ordering: .relaxed)
        call.fail(failure)
    }

    func expire(_ call: RedisCall, wasSent: Bool) {
        let waited = self.settings.options.timeout
        call.fail(
            RedisFailure(
                .unavailable,
                wasSent
                    ? "\(self.address) did not answer within \(waited)"
                    : "no connection to \(self.address) within \(waited)",
                wasSent: wasSent))
    }

    func lost(_ what: String, wasSent: Bool, cause: (any Error)? = nil) -> RedisFailure {
        RedisFailure(.unavailable, "\(self.address): \(what)", wasSent: wasSent, cause: cause)
    }

    // MARK: On the event loop

    /// Sends what has gathered. On the event loop.
    func flush() {
        guard let handler = self.handler, handler.isReady, handler.isWritable else {
            let deadline = self.outbox.withLock { outbox in
                outbox.isFlushScheduled = false
                return outbox.calls.map(\.deadline).min()
            }
            if let deadline { self.wake(at: deadline) }
            if self.handler == nil { self.connect() }
            return
        }
        // The array goes round between here and the outbox, so that its memory is used again.
        var bytes = self.spareBytes
        self.spareBytes = []
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
        let calls = self.outbox.withLock { outbox in
            outbox.isFlushScheduled = false
            swap(&bytes, &outbox.bytes)
            outbox.ends.removeAll(keepingCapacity: true)
            defer { outbox.calls = [] }
            return outbox.calls
        }
        if !calls.isEmpty {
            handler.send(bytes, calls)
            if let first = calls.first { self.wake(at: first.deadline) }
        }
        self.spareBytes = bytes
    }

    /// Arranges that calls are ended at `deadline`. On the event loop.
    func wake(at deadline: MonotonicInstant) {
        if let timer {
            if timer.at <= deadline { return }
            timer.task.cancel()
        }
        let wait = self.settings.options.clock.now.duration(to: deadline).clampedNanoseconds
        let task = self.eventLoop.scheduleTask(in: .nanoseconds(max(0, wait) + 1)) {
            self.timer = nil
            self.expireCalls()
        }
        self.timer = (deadline, task)
    }

    /// Ends the calls whose time is over. On the event loop.
    private func expireCalls() {
        let now = self.settings.options.clock.now
        let unsent = self.outbox.withLock { $0.calls }
        for call in unsent where call.deadline <= now { self.expire(call, wasSent: false) }
        self.dropEnded()
        let waiting = self.outbox.withLock { $0.calls.map(\.deadline).min() }
        let sent = self.handler?.expire(now)
        if let next = [waiting, sent].compactMap({ $0 }).min() { self.wake(at: next) }
    }

    /// Takes commands that were not sent and whose callers are gone out of the outbox, so that an old write does not reach a
    /// server that comes back. On the event loop.
    private func dropEnded() {
        self.outbox.withLock { outbox in
            guard outbox.calls.contains(where: \.isFinished) else { return }
            var kept = (bytes: [UInt8](), calls: [RedisCall](), ends: [Int]())
            var start = 0
            for (call, end) in zip(outbox.calls, outbox.ends) {
                if call.isFinished {
                    self.inFlight.subtract(call.expected, ordering: .relaxed)
                } else {
                    kept.bytes += outbox.bytes[start..<end]
                    kept.calls.append(call)
                    kept.ends.append(kept.bytes.count)
                }
                start = end
            }
            (outbox.bytes, outbox.calls, outbox.ends) = kept
        }
    }

    // MARK: Connecting, on the event loop

    private func connect() {
        let mayConnect = self.outbox.withLock { !$0.isClosed && $0.down == nil }
        if self.isConnecting || self.handler != nil || self.attempt != nil || !mayConnect { return }
        self.isConnecting = true
        guard let tls = self.settings.tls else {
            self.connect(over: nil)
            return
        }
        NIOThreadPool.singleton.runIfActive(eventLoop: self.eventLoop) { try tls.context() }.whenComplete { result in
            switch result {
            case .success(let context): self.connect(over: context)
            case .failure(let error):
                self.isConnecting = false
                self.failedToConnect(
                    RedisFailure(
                        .invalidConfiguration, "TLS for \(self.address) could not be set up", wasSent: false,
                        cause: error))
            }
        }
    }

    private func connect(over tls: NIOSSLContext?) {
        let options = self.settings.options
        var limits = RESPLimits()
        limits.stringBytes = 512 << 20
        let parsing = limits
        // The library wants no server name where the host is an address.
        let isName = (try? SocketAddress(ipAddress: self.address.host, port: 0)) == nil
        ClientBootstrap(group: self.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .connectTimeout(.nanoseconds(max(1, options.timeout.clampedNanoseconds)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        let name = isName ? self.address.host : nil
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    let handler = RedisChannelHandler(link: self, limits: parsing)
                    try pipeline.addHandler(handler)
                    self.handler = handler
                }
            }
            .connect(host: self.address.host, port: self.address.port)
            .whenComplete { result in
                self.isConnecting = false
                switch result {
                case .success(let channel):
                    // Closed while it was being made.
                    if self.outbox.withLock(\.isClosed) { channel.close(promise: nil) }
                case .failure(let error):
                    let failure = self.lost("cannot connect", wasSent: false, cause: error)
                    if let handler = self.handler { handler.end(failure) } else { self.failedToConnect(failure) }
                }
            }
    }

    /// The server has taken the greeting. On the event loop.
    func becameReady(_ handler: RedisChannelHandler) {
        self.failures = 0
        self.dropEnded()
        let interval = TimeAmount.nanoseconds(max(1_000_000, self.settings.options.keepAlive.clampedNanoseconds))
        self.keepAlive?.cancel()
        self.keepAlive = self.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            self.handler?.checkAlive()
        }
        self.flush()
        // Asked for between the greeting and its answer.
        if self.wantsToListen { handler.listen() }
    }

    /// The connection is gone. On the event loop.
    func ended(_ handler: RedisChannelHandler, _ failure: RedisFailure) {
        guard handler === self.handler else { return }
        self.handler = nil
        if handler.isListening { self.settings.listener?.lost() }
        self.keepAlive?.cancel()
        self.keepAlive = nil
        if handler.wasReady {
            self.retry(after: 1, failure: nil)
        } else {
            self.failedToConnect(failure)
        }
    }

    /// Fails what waits, and what comes until the next attempt is due. On the event loop.
    private func failedToConnect(_ failure: RedisFailure) {
        self.failures += 1
        if self.wantsToListen { self.settings.listener?.lost() }
        self.retry(after: self.failures, failure: failure)
    }

    private func retry(after failures: Int, failure: RedisFailure?) {
        var unsent = failure
        unsent?.wasSent = false
        let down = unsent
        let calls = self.outbox.withLock { outbox -> [RedisCall] in
            guard let down, !outbox.isClosed else { return [] }
            outbox.down = down
            outbox.bytes = []
            outbox.ends = []
            defer { outbox.calls = [] }
            return outbox.calls
        }
        if let down {
            for call in calls { self.abandon(call, down) }
        }
        guard self.attempt == nil, !self.outbox.withLock(\.isClosed) else { return }
        let wait = self.settings.options.backoff.delay(after: failures, using: &self.generator)
        self.attempt = self.eventLoop.scheduleTask(in: .nanoseconds(wait.clampedNanoseconds)) {
            self.attempt = nil
            let isNeeded = self.outbox.withLock { outbox in
                outbox.down = nil
                return outbox.wantsToListen || !outbox.calls.isEmpty
            }
            if isNeeded { self.connect() }
        }
    }
}
