import ColonyBalancing
import ColonyCore
import NIOCore

/// A connection to an endpoint, which serves one request after the other and rests in the pool in between.
///
/// A connection goes back only if the answer has ended where its framing says, both sides want to go on, and not a byte is left over: what
/// comes without a request may be an answer that somebody slipped in, and must not become that of the next client.
///
/// `@unchecked Sendable` because it is used on the event loop of its channel only.
final class HTTP1Upstream: ChannelDuplexHandler, DeadlineOwner, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case resting, head, body, tunnel, closed }

    private let worker: ProxyWorker
    private let record: EndpointRecord
    private let timer: DeadlineTimer
    private var context: ChannelHandlerContext?
    private var phase = Phase.resting
    /// What the limits of heads are from.
    private var settings: ProxySettings
    private var exchange: Exchange?
    /// Whom the bytes of this round of reading went to; its next request may come before the round ends.
    private var reader: Exchange?
    private var parser: ResponseHeadParser
    private var body = BodyReader()
    /// A head that has not come whole.
    private var partial = ByteBuffer()
    private var hasReceived = false
    private var requestCount = 0
    /// As the channel has said last.
    private(set) var isWritable = true
    private var wantsRead = false
    private var hasUnflushed = false
    /// Whether the endpoint's record has it among those that are open, and not only being opened.
    private var isCounted = false
    /// In a tunnel, or in a body that ends with its connection: the endpoint has ended its direction.
    private var inputEnded = false
    /// In a tunnel: our direction has ended, and all before that was sent.
    private var outputClosed = false
    private var hasFailed = false
    /// Whether it has been in the pool without work, where the endpoint may close it at any time.
    private var hasRested = false

    init(worker: ProxyWorker, record: EndpointRecord) {
        self.worker = worker
        self.record = record
        self.settings = worker.settings
        self.parser = ResponseHeadParser(limits: worker.settings.headLimits)
        self.timer = DeadlineTimer(worker: worker)
    }

    /// What came of opening a connection.
    enum Opening {
        case opened(HTTP1Upstream)
        case failed(CallFailure)
    }

    /// Opens a connection. What the endpoint's record counts as open has been counted.
    static func connect(
        to record: EndpointRecord, on worker: ProxyWorker,
        _ completion: @escaping @Sendable (Opening) -> Void
    ) {
        let tls = record.rules.tls
        // TLS looks at this before it passes on what came with a goodbye: allowed only from the head on, as it is below for others, it would
        // be too late, and an answer without a length that came in one piece would look broken.
        EndpointConnector.connect(to: record.target, on: worker, allowsHalfClosure: tls != nil) { channel in
            let pipeline = channel.pipeline.syncOperations
            if let tls { try UpstreamHandshake.enter(pipeline, tls, to: record.target) }
            try pipeline.addHandler(HTTP1Upstream(worker: worker, record: record))
        }
        .whenComplete { result in
            switch result {
            case .success(let channel):
                let pipeline = channel.pipeline.syncOperations
                guard tls != nil else {
                    Self.connected(try? pipeline.handler(type: HTTP1Upstream.self), record, completion)
                    return
                }
                guard let handshake = try? pipeline.handler(type: UpstreamHandshake.self) else {
                    completion(.failed(.connectFailed))
                    return
                }
                let timeout = worker.settings.options.timeouts.connect.clampedNanoseconds
                handshake.whenDone(atMost: timeout) { failure in
                    if let failure {
                        completion(.failed(failure))
                    } else {
                        Self.connected(try? pipeline.handler(type: HTTP1Upstream.self), record, completion)
                    }
                }
            case .failure(let error):
                completion(.failed(EndpointConnector.failure(of: error)))
            }
        }
    }

    private static func connected(
        _ upstream: HTTP1Upstream?, _ record: EndpointRecord, _ completion: (Opening) -> Void
    ) {
        guard let upstream, upstream.context != nil else {
            completion(.failed(.connectFailed))
            return
        }
        record.connected()
        upstream.isCounted = true
        completion(.opened(upstream))
    }

    // MARK: What the exchange asks for

    var isUsable: Bool { self.phase == .resting && self.context != nil }

    func begin(_ exchange: Exchange) {
        self.timer.clear()
        self.exchange = exchange
        self.phase = .head
        self.hasReceived = false
        self.requestCount += 1
        if self.settings !== self.worker.settings { self.adoptSettings() }
    }

    private func adoptSettings() {
        let limits = self.settings.headLimits
        self.settings = self.worker.settings
        if limits != self.settings.headLimits { self.parser = ResponseHeadParser(limits: self.settings.headLimits) }
    }

    func write(_ bytes: ByteBuffer) {
        self.hasUnflushed = true
        self.context?.write(self.wrapOutboundOut(bytes), promise: nil)
    }

    func flush() {
        guard self.hasUnflushed else { return }
        self.hasUnflushed = false
        self.context?.flush()
    }

    /// The exchange is no longer interested.
    func detach() {
        // Somebody else whose answer has come in the same round still has to hear of its end.
        if self.reader === self.exchange { self.reader = nil }
        self.exchange = nil
    }

    func close() {
        self.detach()
        let rests = self.phase == .resting
        if rests { self.record.forget(self) }
        self.phase = .closed
        // In the middle of an answer TLS would go on reading until the endpoint says goodbye.
        if rests { self.context?.close(promise: nil) } else { self.context?.closeSocket() }
    }

    /// In a tunnel: breaks the connection, because that of the client has broken.
    func reset() {
        self.detach()
        self.phase = .closed
        self.context?.reset()
    }

    /// In a tunnel: says that no more comes, after what was written.
    func endOutput() {
        self.flush()
        guard let context else { return }
        guard self.inputEnded else {
            context.close(mode: .output, promise: nil)
            return
        }
        // With both directions ended, what is not written yet would be thrown away.
        let channel = context.channel
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: isWritten)
    }

    func resumeReading() {
        guard self.wantsRead, let context else { return }
        self.wantsRead = false
        context.read()
    }

    /// Has no work from now on.
    func rest() {
        self.hasRested = true
        self.timer.set(self.worker.now + self.record.rules.idleTimeout)
    }

    func deadlinePassed(_ timer: DeadlineTimer) {
        if self.phase == .resting { self.close() }
    }

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.timer.start(for: self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.timer.cancel()
    }

    func read(context: ChannelHandlerContext) {
        if let exchange, !exchange.client.takesAnswer { self.wantsRead = true } else { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.record.traffic.bytesFrom &+= UInt64(bytes.readableBytes)
        let earlier = self.reader
        guard let exchange else {
            // Without a request nothing may come. A round of reading that closes its connection has no end.
            self.close()
            earlier?.readEnded()
            return
        }
        if let earlier, earlier !== exchange {
            // The connection has passed on to another client in this round; the end of the round is told to that one only.
            self.reader = nil
            earlier.readEnded()
            guard self.exchange === exchange else { return }
        }
        self.hasReceived = true
        self.reader = exchange
        if self.partial.readableBytes > 0 {
            self.partial.writeBuffer(&bytes)
            bytes = self.partial
            self.partial = ByteBuffer()
        }
        self.process(&bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let reader else { return }
        self.reader = nil
        reader.readEnded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.isWritable = context.channel.isWritable
        if self.isWritable { self.exchange?.resumeRequest() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            self.inputEnded = true
            if self.phase == .tunnel { self.exchange?.endTunnelAnswer() } else { context.close(promise: nil) }
        case ChannelEvent.outputClosed:
            self.outputClosed = true
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.hasFailed = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let exchange = self.exchange
        let wasResting = self.phase == .resting
        // A channel that cannot write closes without telling an error, so an end counts only if it was seen. After the output was closed,
        // an end of the input closes the channel at once, and nothing is left to be written that could fail.
        let hasEnded = !self.hasFailed && (self.inputEnded || self.outputClosed)
        let isWhole = hasEnded && self.phase == .body && self.body.endsWithConnection
        let reader = self.reader
        self.context = nil
        self.isWritable = false
        self.phase = .closed
        self.timer.cancel()
        self.exchange = nil
        self.reader = nil
        if self.isCounted {
            self.record.closed(self, wasResting: wasResting)
        }
        if let reader, reader !== exchange { reader.readEnded() }
        guard let exchange else { return }
        if isWhole {
            exchange.answerEnded()
        } else {
            exchange.upstreamEnded(
                hasReceived: self.hasReceived, wasKept: self.hasRested || self.requestCount > 1, hasEnded: hasEnded)
        }
        exchange.client.flushAnswer()
    }

    // MARK: The answer

    private func process(_ bytes: inout ByteBuffer) {
        while let exchange {
            switch self.phase {
            case .head:
                guard self.readHead(&bytes, exchange) else { return }
            case .body:
                guard self.readBody(&bytes, exchange) else { return }
            case .tunnel:
                if bytes.readableBytes > 0 { exchange.receivedBody(bytes) }
                return
            case .resting, .closed:
                return
            }
        }
    }

    /// Whether there may be more to read.
    private func readHead(_ bytes: inout ByteBuffer, _ exchange: Exchange) -> Bool {
        if bytes.readableBytes == 0 { return false }
        switch bytes.withUnsafeReadableBytes({ self.parser.parse($0, answering: exchange.method) }) {
        case .needMore:
            self.partial = bytes
            return false
        case .failed:
            self.refuse(exchange)
            return false
        case .complete(let length):
            let head = self.parser.head
            if head.opensTunnel {
                guard exchange.allowsUpgrade else {
                    self.refuse(exchange)
                    return false
                }
                self.enterTunnel()
            }
            bytes.withUnsafeReadableBytes { exchange.received(self.parser, $0) }
            bytes.moveReaderIndex(forwardBy: length)
            // The client may have gone while it was written to.
            guard self.exchange != nil else { return false }
            if head.isInterim || head.opensTunnel { return true }
            if head.framing == .none {
                self.finish(leftover: bytes.readableBytes, exchange)
                return false
            }
            self.body = BodyReader(head.framing)
            self.phase = .body
            if self.body.endsWithConnection { self.allowHalfClosure() }
            return bytes.readableBytes > 0
        }
    }

    private func readBody(_ bytes: inout ByteBuffer, _ exchange: Exchange) -> Bool {
        if bytes.readableBytes == 0 { return false }
        var part = ByteBuffer()
        let outcome =
            exchange.client.understandsChunks
            ? self.body.take(from: &bytes, into: &part) : self.body.takeData(from: &bytes, into: &part)
        if part.readableBytes > 0 { exchange.receivedBody(part) }
        guard self.exchange != nil else { return false }
        switch outcome {
        case .more:
            return false
        case .end:
            self.finish(leftover: bytes.readableBytes, exchange)
            return false
        case .defect:
            self.refuse(exchange)
            return false
        }
    }

    private func finish(leftover: Int, _ exchange: Exchange) {
        let isKept = self.parser.head.isPersistent && exchange.isRequestComplete && leftover == 0
        self.exchange = nil
        self.phase = .resting
        // Before the exchange goes on, so that the next request of a pipeline finds it.
        if isKept { self.record.give(self, on: self.worker) } else { self.close() }
        exchange.answerEnded()
        // A round of reading that closes its connection has no end; the pool, too, may have closed it.
        if self.phase == .closed { exchange.client.flushAnswer() }
    }

    /// What has come is no answer.
    private func refuse(_ exchange: Exchange) {
        self.close()
        exchange.answerIsInvalid()
        exchange.client.flushAnswer()
    }

    private func enterTunnel() {
        self.phase = .tunnel
        self.allowHalfClosure()
    }

    /// Only then the channel tells of an end of the input before it closes.
    private func allowHalfClosure() {
        if let options = self.context?.channel.syncOptions {
            try? options.setOption(.allowRemoteHalfClosure, value: true)
        }
    }
}
