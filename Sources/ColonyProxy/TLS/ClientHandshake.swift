import NIOCore
import NIOTLS

/// A client's connection until its TLS handshake is over. Then it puts whatever client and proxy have agreed on into the pipeline, and steps
/// aside.
///
/// The connection counts from its first moment, so that clients which never end their handshakes are bounded in number, and in time.
///
/// `@unchecked Sendable` because it is used on the event loop of its channel only.
final class ClientHandshake: ChannelInboundHandler, RemovableChannelHandler, ClientConnection, DeadlineOwner,
    @unchecked Sendable
{
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let worker: ProxyWorker
    private let origin: ConnectionOrigin
    private let timer: DeadlineTimer
    private var context: ChannelHandlerContext?
    private var isAdmitted = false
    private var isDone = false

    init(worker: ProxyWorker, origin: ConnectionOrigin) {
        self.worker = worker
        self.origin = origin
        self.timer = DeadlineTimer(worker: worker)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.timer.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        guard self.worker.admit(self, from: self.origin) else {
            context.reset()
            return
        }
        self.isAdmitted = true
        self.timer.start(for: self)
        self.timer.set(self.worker.now + self.worker.settings.requestHead)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard !self.isDone else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        if case .handshakeCompleted(let agreed) = event as? TLSUserEvent {
            self.finish(context, agreed)
        } else if case ChannelEvent.inputClosed = event {
            context.close(promise: nil)
        }
    }

    private func finish(_ context: ChannelHandlerContext, _ agreed: String?) {
        self.isDone = true
        self.timer.cancel()
        self.worker.traffic.handshakes &+= 1
        // Whoever comes next takes the place that this connection has.
        self.origin.admitted = self
        do {
            try ClientPipeline.begin(agreed == "h2" ? .http2 : .usual, context.channel, self.origin, on: self.worker)
        } catch {
            context.reset()
            return
        }
        context.fireChannelActive()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.isDone { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !self.isDone else {
            context.fireErrorCaught(error)
            return
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let wasDone = self.isDone
        self.isDone = true
        self.timer.cancel()
        if self.isAdmitted, !wasDone {
            self.worker.traffic.failedHandshakes &+= 1
            self.worker.ended(self)
        } else if wasDone {
            // Nobody has taken the place over if the connection broke at just this moment.
            self.worker.ended(self)
        }
        if wasDone { context.fireChannelInactive() }
    }

    // MARK: Time and shutdown

    func deadlinePassed(_ timer: DeadlineTimer) {
        guard !self.isDone else { return }
        self.worker.traffic.timeouts &+= 1
        self.context?.reset()
    }

    /// A client in its handshake has asked for nothing.
    func drain() { if !self.isDone { self.context?.reset() } }

    func abort() { self.context?.reset() }
}
