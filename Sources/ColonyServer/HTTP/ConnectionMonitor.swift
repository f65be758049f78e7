import NIOCore
import NIOHTTPTypes

/// Watches one connection for what the request loop cannot see while a handler runs: that the client went away, and
/// that a body does not arrive.
///
/// All members are used on the connection's event loop.
final class ConnectionMonitor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let bodyTimeout: TimeAmount
    private var whenGone: (@Sendable () -> Void)?
    private(set) var isGone = false
    private(set) var isReadingBody = false
    /// How many parts of requests have come by.
    private(set) var partCount: UInt64 = 0
    private var timer: Scheduled<Void>?

    init(bodyTimeout: TimeAmount) {
        self.bodyTimeout = bodyTimeout
    }

    /// Calls `action` once when the client closes its side, or at once if it has already done so.
    func watch(_ action: @escaping @Sendable () -> Void) {
        if self.isGone { action() } else { self.whenGone = action }
    }

    func unwatch() {
        self.whenGone = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.partCount &+= 1
        switch self.unwrapInboundIn(data) {
        case .head: self.isReadingBody = true
        case .body: break
        case .end:
            self.isReadingBody = false
            self.timer?.cancel()
            self.timer = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // A request that came in one piece, as nearly all do, never pays for a timer.
        if self.isReadingBody, self.timer == nil {
            let channel = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            self.timer = context.eventLoop.scheduleTask(in: self.bodyTimeout) {
                let (monitor, context) = channel.value
                guard monitor.isReadingBody else { return }
                monitor.isReadingBody = false
                context.fireErrorCaught(BodyTimeout())
            }
        }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { self.clientWentAway() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timer = nil
        self.clientWentAway()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timer = nil
        self.clientWentAway()
    }

    private func clientWentAway() {
        self.isGone = true
        let action = self.whenGone
        self.whenGone = nil
        action?()
    }
}

/// The rest of a body did not arrive in time.
struct BodyTimeout: Error {}

/// Closes a connection on which the head of a request does not come to its end.
///
/// It sits before the decoder, where it sees that bytes came from which no part of a request was made.
final class HeadMonitor: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let timeout: TimeAmount
    private var requests: ConnectionMonitor?
    private var timer: Scheduled<Void>?

    init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let requests = self.requests ?? (try? context.pipeline.syncOperations.handler(type: ConnectionMonitor.self))
        self.requests = requests
        let count = requests?.partCount
        context.fireChannelRead(data)
        guard let requests else { return }
        if requests.partCount != count || requests.isReadingBody {
            self.stop()
        } else if self.timer == nil {
            let channel = context.channel
            self.timer = context.eventLoop.scheduleTask(in: self.timeout) { channel.close(promise: nil) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.stop()
    }

    private func stop() {
        self.timer?.cancel()
        self.timer = nil
    }
}
