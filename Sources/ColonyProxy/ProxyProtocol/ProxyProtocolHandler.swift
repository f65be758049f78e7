import NIOCore

/// Takes the header of the PROXY protocol from the beginning of a connection, and then steps aside.
///
/// Nothing behind it in the pipeline hears of the connection until the header is there, so whoever comes next finds the client's own address.
/// A connection whose header is bad or late is closed without a word, as the specification asks for.
///
/// `@unchecked Sendable` because the closure of its timer runs on the loop of its channel.
final class ProxyProtocolHandler: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let worker: ProxyWorker
    private let origin: ConnectionOrigin
    private var received = ByteBuffer()
    private var timer: Scheduled<Void>?
    private var isDone = false

    init(worker: ProxyWorker, origin: ConnectionOrigin) {
        self.worker = worker
        self.origin = origin
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        self.timer = context.eventLoop.scheduleTask(in: .nanoseconds(self.worker.settings.requestHead)) {
            guard !self.isDone else { return }
            self.worker.traffic.timeouts &+= 1
            channel.close(promise: nil)
        }
        context.read()
    }

    func read(context: ChannelHandlerContext) {
        // Until the header is there this handler reads by itself.
        if self.isDone { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        guard !self.isDone else {
            context.fireChannelRead(self.wrapInboundOut(bytes))
            return
        }
        self.received.writeBuffer(&bytes)
        switch ProxyProtocolHeader.read(from: &self.received) {
        case .incomplete:
            return
        case .invalid:
            self.worker.traffic.refusedConnections &+= 1
            context.close(promise: nil)
        case .header(let header):
            self.finish(context, header)
        }
    }

    private func finish(_ context: ChannelHandlerContext, _ header: ProxyProtocolHeader) {
        self.isDone = true
        self.timer?.cancel()
        if let route = header.route {
            self.origin.client = route.client
            self.origin.destination = route.destination
        } else {
            self.origin.isLocal = true
        }
        context.fireChannelActive()
        if self.received.readableBytes > 0, context.channel.isActive {
            context.fireChannelRead(self.wrapInboundOut(self.received))
        }
        self.received = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if self.isDone { context.fireChannelReadComplete() } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if !self.isDone, case ChannelEvent.inputClosed = event {
            context.close(promise: nil)
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.timer?.cancel()
        // Nobody behind it knows of the connection.
        if self.isDone { context.fireChannelInactive() }
    }
}
