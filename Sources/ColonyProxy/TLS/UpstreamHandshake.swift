import ColonyBalancing
import NIOCore
import NIOSSL
import NIOTLS

/// Waits for the TLS handshake on a connection to an endpoint, which may take as long as opening the connection may, and then steps aside.
///
/// `@unchecked Sendable` because it is used on the event loop of its channel only, also by the closure of its timer.
final class UpstreamHandshake: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum State {
        case running
        case waiting((CallFailure?) -> Void)
        case done(CallFailure?)
    }

    private var state = State.running
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?

    /// Puts what speaks TLS into the pipeline of a connection that is being opened.
    static func enter(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ tls: UpstreamTLS, to target: EndpointConnector.Target
    ) throws {
        var name = tls.serverName
        // A numeric address has no place in the handshake; the certificate is compared with the address that was connected to.
        if name == nil, case .name(let host, _) = target { name = host }
        try pipeline.addHandler(SocketEnd())
        try pipeline.addHandler(NIOSSLClientHandler(context: tls.context, serverHostname: name))
        try pipeline.addHandler(UpstreamHandshake())
    }

    /// Calls back when the handshake is over, with what has failed; the connection is closed then.
    ///
    /// - Parameter nanoseconds: How long it may take from now on.
    func whenDone(atMost nanoseconds: Int64, _ completion: @escaping (CallFailure?) -> Void) {
        switch self.state {
        case .done(let failure): completion(failure)
        case .waiting: break
        case .running:
            guard let context else {
                completion(.connectFailed)
                return
            }
            self.state = .waiting(completion)
            self.timer = context.eventLoop.scheduleTask(in: .nanoseconds(nanoseconds)) { self.finish(.timedOut) }
        }
    }

    private func finish(_ failure: CallFailure?) {
        let completion: ((CallFailure?) -> Void)?
        switch self.state {
        case .done: return
        case .running: completion = nil
        case .waiting(let waiting): completion = waiting
        }
        self.state = .done(failure)
        self.timer?.cancel()
        if failure != nil { self.context?.closeSocket() }
        completion?(failure)
    }

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.finish(.connectFailed)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent {
            self.finish(nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.finish(.connectFailed)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.finish(.connectFailed)
        context.fireChannelInactive()
    }
}
