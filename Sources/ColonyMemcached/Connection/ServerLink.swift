import ColonyCaches
import ColonyCore
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One server and the one connection to it, which all callers share.
///
/// Calls are put into an inbox from any thread. The first one wakes the event loop, which takes all that have gathered
/// and writes them at once: the busier the callers, the more commands go with each system call, without anybody waiting
/// for a batch to fill. Answers come in the order of the commands.
final class ServerLink: Sendable {
    private struct Inbox {
        var calls: [(call: PendingCall, deadline: NIODeadline)] = []
        var isAwake = false
        /// Of calls in the inbox and of those whose answers have not come.
        var pendingBytes = 0
    }

    /// What only the event loop touches.
    private struct Confined {
        var state: LinkState
        /// Calls that wait for the connection, with the timers of their deadlines.
        var waiting: [(call: PendingCall, timer: Scheduled<Void>)] = []
        var channel: (any Channel)?
        var generator = SystemRandomNumberGenerator()
    }

    let server: MemcachedServer
    private let options: MemcachedOptions
    private let loop: any EventLoop
    private let inbox = Mutex(Inbox())
    private let confined: NIOLoopBoundBox<Confined>

    init(_ server: MemcachedServer, _ options: MemcachedOptions) {
        self.server = server
        self.options = options
        self.loop = MultiThreadedEventLoopGroup.singleton.next()
        self.confined = .makeBoxSendingValue(
            Confined(state: LinkState(backoff: options.backoff)), eventLoop: self.loop)
    }

    deinit {
        // Nobody can call any more; what is left is to give the connection back.
        let confined = self.confined
        self.loop.execute { confined.value.channel?.close(promise: nil) }
    }

    /// Sends commands as soon as there is a connection. The call ends by itself at the latest after the request
    /// timeout.
    func submit(_ call: PendingCall) {
        let deadline = self.loop.now + .nanoseconds(self.options.requestTimeout.clampedNanoseconds)
        let limit = self.options.maximumPendingBytes
        let (isAccepted, wakes) = self.inbox.withLock { inbox -> (Bool, Bool) in
            guard inbox.pendingBytes == 0 || inbox.pendingBytes + call.bytes.count <= limit else {
                return (false, false)
            }
            inbox.pendingBytes += call.bytes.count
            inbox.calls.append((call, deadline))
            defer { inbox.isAwake = true }
            return (true, !inbox.isAwake)
        }
        if !isAccepted {
            call.finish(
                .failure(
                    CacheError(
                        .overloaded,
                        "more than \(limit) bytes of commands wait for answers of memcached at \(self.server)")))
        } else if wakes {
            self.loop.execute { self.drain() }
        }
    }

    /// Ends the connection and every call with `closed`.
    func close() async {
        let closing = self.loop.submit { () -> (any Channel)? in
            self.confined.value.state.close()
            self.failWaiting(CacheError(.closed, "the cache tier was closed"))
            guard let channel = self.confined.value.channel else { return nil }
            self.confined.value.channel = nil
            self.handler(of: channel)?.fail(CacheError(.closed, "the cache tier was closed"))
            return channel
        }
        // A loop of the process-wide group is never shut down, and closing a closed channel is no failure.
        if let channel = try? await closing.get() { try? await channel.close() }
    }

    // MARK: On the event loop

    private func drain() {
        let calls = self.inbox.withLock { inbox in
            inbox.isAwake = false
            return exchange(&inbox.calls, with: [])
        }
        var sendable: [(call: PendingCall, timer: Scheduled<Void>)] = []
        for (call, deadline) in calls {
            switch self.confined.value.state.call(at: self.options.clock.now) {
            case .fail(let code, let message):
                self.release(call)
                call.finish(.failure(CacheError(code, message)))
            case .send: sendable.append((call, self.timer(of: call, deadline)))
            case .wait: self.confined.value.waiting.append((call, self.timer(of: call, deadline)))
            case .connectAndWait:
                self.confined.value.waiting.append((call, self.timer(of: call, deadline)))
                self.connect()
            }
        }
        self.send(sendable)
    }

    private func timer(of call: PendingCall, _ deadline: NIODeadline) -> Scheduled<Void> {
        self.loop.scheduleTask(deadline: deadline) { [weak self] in self?.timedOut(call) }
    }

    private func timedOut(_ call: PendingCall) {
        call.finish(
            .failure(
                CacheError(
                    .unavailable,
                    "memcached at \(self.server) did not answer within \(self.options.requestTimeout.text)")))
        if let index = self.confined.value.waiting.firstIndex(where: { $0.call === call }) {
            self.confined.value.waiting.remove(at: index)
            self.release(call)
        } else if let channel = self.confined.value.channel, let handler = self.handler(of: channel),
            handler.hasHeardNothing(since: call)
        {
            // A server that has been silent for all this time will not answer the others either; a new connection may
            // reach one that does.
            handler.fail(
                CacheError(.unavailable, "memcached at \(self.server) is silent, and the connection was given up"))
            channel.close(promise: nil)
        }
    }

    private func connect() {
        ClientBootstrap(group: self.loop)
            .connectTimeout(.nanoseconds(self.options.requestTimeout.clampedNanoseconds))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ReplyHandler(link: self))
                }
            }
            .connect(host: self.server.host, port: Int(self.server.port))
            .whenComplete { [weak self] result in
                switch (result, self) {
                case (.success(let channel), nil): channel.close(promise: nil)
                case (.success(let channel), let link?): link.connected(channel)
                case (.failure(let error), let link?): link.failedToConnect(error)
                case (.failure, nil): break
                }
            }
    }

    private func connected(_ channel: any Channel) {
        guard self.confined.value.state.connected() else {
            channel.close(promise: nil)
            return
        }
        self.confined.value.channel = channel
        self.send(exchange(&self.confined.value.waiting, with: []))
        // The server may have hung up between the handshake and here; then nobody will say so again.
        if !channel.isActive { self.disconnected(channel) }
    }

    private func failedToConnect(_ error: any Error) {
        let reason = "memcached at \(self.server) cannot be reached: \(Self.reason(error))"
        var generator = self.confined.value.generator
        self.confined.value.state.failedToConnect(reason, at: self.options.clock.now, using: &generator)
        self.failWaiting(CacheError(.unavailable, reason, cause: error))
    }

    private func failWaiting(_ error: CacheError) {
        for (call, timer) in exchange(&self.confined.value.waiting, with: []) {
            timer.cancel()
            self.release(call)
            call.finish(.failure(error))
        }
    }

    private func send(_ calls: [(call: PendingCall, timer: Scheduled<Void>)]) {
        guard !calls.isEmpty, let channel = self.confined.value.channel, let handler = self.handler(of: channel) else {
            // The connection has ended, and its end is not handled yet.
            for (call, timer) in calls {
                timer.cancel()
                self.release(call)
                call.finish(.failure(Self.connectionEnded(self.server, nil)))
            }
            return
        }
        var buffer = channel.allocator.buffer(capacity: calls.reduce(0) { $0 + $1.call.bytes.count })
        for (call, timer) in calls {
            buffer.writeBytes(call.bytes)
            handler.expect(call, timer)
        }
        // A failed write closes the channel, and that ends the calls.
        channel.writeAndFlush(buffer, promise: nil)
    }

    /// The connection has ended; its calls have been told.
    func disconnected(_ channel: any Channel) {
        guard self.confined.value.channel === channel else { return }
        self.confined.value.channel = nil
        self.confined.value.state.disconnected()
    }

    /// Nothing of the call is under way any more.
    func release(_ call: PendingCall) {
        self.inbox.withLock { $0.pendingBytes -= call.bytes.count }
    }

    private func handler(of channel: any Channel) -> ReplyHandler? {
        try? channel.pipeline.syncOperations.handler(type: ReplyHandler.self)
    }

    static func connectionEnded(_ server: MemcachedServer, _ error: (any Error)?) -> CacheError {
        let reason = error.map { ": \(Self.reason($0))" } ?? ""
        return CacheError(
            .unavailable, "the connection to memcached at \(server) ended before the answer\(reason)", cause: error)
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.connectionErrors.last.map { Self.reason($0.error) }
                ?? (error.dnsAError ?? error.dnsAAAAError).map { Self.reason($0) } ?? "\(error)"
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: "no connection could be made in time"
        default: "\(error)"
        }
    }
}

private func exchange<Value>(_ place: inout Value, with value: Value) -> Value {
    let old = place
    place = value
    return old
}
