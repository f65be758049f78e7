import ColonyBalancing
import ColonyCore
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One connection of a probe, from its opening to its end.
///
/// The first of these decides: the answer, an error, the end of the time, the cancellation. Then all its sockets are closed, and when they are,
/// the caller is told.
///
/// `nonisolated(unsafe)` members are touched on `eventLoop` only; every method that does so says it.
final class ProbeSession: Sendable {
    private let target: ProbeTarget
    private let question: ProbeQuestion
    private let secrecy: ProbeSecrecy?
    private let names: HostLookup
    private let eventLoop: any EventLoop

    private nonisolated(unsafe) var caller: CheckedContinuation<ProbeVerdict, Never>?
    private nonisolated(unsafe) var verdict: ProbeVerdict?
    private nonisolated(unsafe) var ends: [SocketEnd] = []
    private nonisolated(unsafe) var timer: Scheduled<Void>?
    private nonisolated(unsafe) var isConnected = false

    init(_ target: ProbeTarget, _ question: ProbeQuestion, _ secrecy: ProbeSecrecy?, names: HostLookup) {
        self.target = target
        self.question = question
        self.secrecy = secrecy
        self.names = names
        self.eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    }

    /// Connects and asks.
    ///
    /// - Parameter timeout: The time as the settings have it, for the sentence that says that it is over.
    func run(atMost rest: Duration, timeout: Duration) async -> ProbeVerdict {
        await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                self.eventLoop.execute { self.begin(caller, atMost: rest, timeout: timeout) }
            }
        } onCancel: {
            self.eventLoop.execute { self.finish(.bad("the probe was cancelled")) }
        }
    }

    // MARK: On the event loop

    private func begin(_ caller: CheckedContinuation<ProbeVerdict, Never>, atMost rest: Duration, timeout: Duration) {
        // The cancellation may have come first.
        if let verdict { return caller.resume(returning: verdict) }
        self.caller = caller
        let nanoseconds = rest.clampedNanoseconds
        guard nanoseconds > 0 else { return self.finish(.bad("there was no time for a connection")) }
        self.timer = self.eventLoop.scheduleTask(in: .nanoseconds(nanoseconds)) {
            self.finish(.bad("no \(self.isConnected ? "answer" : "connection") within \(timeout.text)"))
        }
        self.open(atMost: nanoseconds).whenComplete { result in
            switch result {
            case .failure(let error): self.finish(.bad(Self.describe(error)))
            case .success(let channel): self.connected(channel)
            }
        }
    }

    private func open(atMost nanoseconds: Int64) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: self.eventLoop)
            // A little more than the timer, so that the sentence is that of the timer.
            .connectTimeout(.nanoseconds(nanoseconds) + .milliseconds(50))
            // Nothing is read before there is somebody to read it.
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard self.verdict == nil else { throw ChannelError.ioOnClosedChannel }
                    let end = SocketEnd()
                    try channel.pipeline.syncOperations.addHandler(end)
                    self.ends.append(end)
                }
            }
        return switch self.target.place {
        case .address(let address): bootstrap.connect(to: address)
        case .name(let host, let port):
            bootstrap.resolver(ThreadedResolver(on: self.eventLoop, self.names)).connect(host: host, port: port)
        case .socket(let path): bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    private func connected(_ channel: any Channel) {
        // Too late: the socket was closed with the others, or is closed now.
        guard self.verdict == nil else { return channel.close(promise: nil) }
        self.isConnected = true
        let exchange: ProbeExchange
        switch self.question {
        case .connection: return self.finish(.good("connected"))
        case .handshake: exchange = ProbeExchange(isSecret: true, request: nil) { self.finish($0) }
        case .request(let http):
            exchange = ProbeExchange(
                isSecret: self.secrecy != nil, request: (http, http.host ?? self.target.authority)
            ) { self.finish($0) }
        }
        do {
            if let secrecy {
                let name = secrecy.serverName ?? self.target.serverName
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLClientHandler(context: secrecy.context, serverHostname: name))
            }
            try channel.pipeline.syncOperations.addHandler(exchange)
        } catch {
            return self.finish(.bad(Self.describe(error)))
        }
        channel.setOption(.autoRead, value: true).whenFailure { self.finish(.bad(Self.describe($0))) }
    }

    private func finish(_ verdict: ProbeVerdict) {
        guard self.verdict == nil else { return }
        self.verdict = verdict
        self.timer?.cancel()
        let caller = self.caller
        self.caller = nil
        // Others that are still connecting, and the handlers that refer to this session, go with their sockets.
        let closed = self.ends.map { $0.close(on: self.eventLoop) }
        self.ends = []
        EventLoopFuture.andAllComplete(closed, on: self.eventLoop).whenComplete { _ in
            caller?.resume(returning: verdict)
        }
    }

    /// An error as a sentence, without the wrapping of the library.
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let failure = error.dnsAError ?? error.dnsAAAAError { return self.describe(failure) }
            guard let first = error.connectionErrors.first else { return "no address could be connected to" }
            return self.describe(first.error)
        case let error as IOError: return String(cString: strerror(error.errnoCode)).lowercased()
        case let error as NIOSSLError: return "TLS failed: \(error)"
        case let error as BoringSSLError: return "TLS failed: \(error)"
        case let error as NIOSSLExtraError: return "TLS failed: \(error)"
        case ChannelError.connectTimeout: return "no connection in time"
        default: return "\(error)"
        }
    }
}

/// Asks through a connection that is made, and reads the answer.
final class ProbeExchange: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let isSecret: Bool
    private let request: (http: HealthCheck.HTTP, host: String)?
    private let finish: (ProbeVerdict) -> Void
    private var answer: ProbeAnswer?
    private var hasBegun = false

    /// - Parameters:
    ///   - isSecret: Whether a TLS handshake comes first.
    ///   - request: What is asked; `nil` asks for no more than the handshake.
    init(
        isSecret: Bool, request: (http: HealthCheck.HTTP, host: String)?, finish: @escaping (ProbeVerdict) -> Void
    ) {
        self.isSecret = isSecret
        self.request = request
        self.finish = finish
        self.answer = request.map { ProbeAnswer($0.http) }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if !self.isSecret { self.begin(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { self.begin(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard !self.hasBegun else { return }
        self.hasBegun = true
        guard let request else { return self.finish(.good("the TLS handshake succeeded")) }
        let head =
            "\(request.http.method) \(request.http.path) HTTP/1.1\r\nHost: \(request.host)\r\n"
            + "User-Agent: colony-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        let verdict = bytes.withUnsafeReadableBytes { self.answer?.read($0) }
        if let verdict {
            self.answer = nil
            self.finish(verdict)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.isSecret, !self.hasBegun {
            self.finish(.bad("the connection was closed within the TLS handshake"))
        } else {
            self.finish(self.answer?.end() ?? .bad("the connection was closed"))
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Many servers end TLS without a goodbye; whether the answer is whole is for its own rules to say.
        if let error = error as? NIOSSLError, case .uncleanShutdown = error { return }
        self.finish(.bad(ProbeSession.describe(error)))
    }
}
