import NIOCore
import NIOHTTPTypes

/// Watches one connection for what the request loop cannot see while a handler runs: that the client went away, and that
/// a body does not arrive.
///
/// All members are used on the connection's event loop.
final class ConnectionMonitor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let bodyTimeout: TimeAmount
    private var whenGone: (@Sendable () -> Void)?
    private(set) var isGone = false
    private var isReadingBody = false
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
