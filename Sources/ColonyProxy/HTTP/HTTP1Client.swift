import NIOCore

/// A client's connection in HTTP/1.1: reads one request after the other and writes the answers in the same order.
///
/// One request is under way at a time; what a client sends ahead stays where it was read, up to a bound, and then is read no more. That keeps
/// the order for nothing, and a client that sends ahead still saves its round trips.
///
/// What is read goes to the exchange, and through it to the endpoint's connection, by direct calls on the loop that both live on.
///
/// `@unchecked Sendable` because it is used on the event loop of its channel only.
final class HTTP1Client: ChannelDuplexHandler, ClientConnection, DeadlineOwner, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Between two requests, or in the head of one.
        case reading
        /// A request is under way.
        case serving
        /// Both sides speak another protocol.
        case tunnel
        /// The last answer is written; what still comes is thrown away, so that the client can read the answer before the connection ends.
        case lingering
        case closed
    }

    /// How many bytes of later requests are kept while one is under way.
    static let mostAhead = 64 * 1_024
    /// How long a client may go on to send after the last answer.
    static let lingering: Int64 = 5_000_000_000
    /// How long a connection without work stays when the proxy is asked to end: for a request that is on its way already.
    static let rest: Int64 = 1_000_000_000
    /// A part of a body that is so small is written together with the head.
    static let smallPart = 16 * 1_024

    let worker: ProxyWorker
    let origin: ConnectionOrigin
    let timer: DeadlineTimer
    var context: ChannelHandlerContext?
    var phase = Phase.reading
    private(set) lazy var exchange = Exchange(worker: self.worker, client: self)
    /// Made with the first request: only then is it known for whom the PROXY protocol speaks.
    private(set) lazy var identity = ClientIdentity(self.origin, settings: self.settings)
    /// What the request under way goes by, or the last one went by.
    private(set) var settings: ProxySettings
    /// The route of the request under way.
    var route: WorkerRoute?
    private var isAdmitted = false

    // What was read.
    var parser: RequestHeadParser
    var inbound = ByteBuffer()
    var body = BodyReader()
    /// Whether the request under way has a body that has not come whole.
    var isReadingBody = false
    /// Whether a head has begun that has not come whole.
    private var hasPartialHead = false
    /// When the head that has begun must be whole.
    var headDeadline = Int64.max
    private var isProcessing = false
    private var wantsRead = false
    /// In a tunnel: the client has ended its direction.
    private(set) var inputEnded = false
    /// All that was written before the output was closed has been taken by the system.
    private var outputClosed = false

    // What is written.
    /// Whether the channel is writable, as it has said last.
    private(set) var takesAnswer = true
    /// What the client had taken of the answer when it was looked at last.
    private var lastTaken = 0
    /// Whether the deadline is that for the client to take what is written.
    private(set) var isAwaitingTaking = false
    var outgoing = ByteBuffer()
    var hasUnflushed = false
    var isHTTP10 = false
    var isHead = false
    var closesAfterAnswer = false
    var hasAnswered = false
    /// Whether the proxy has answered in place of an endpoint.
    var answersSelf = false
    var removesChunks = false

    // What is counted.
    var isCounting = false
    var requestStart: Int64 = 0
    var status = 0
    var answerBytes: UInt64 = 0
    var logged: LoggedRequest?

    init(worker: ProxyWorker, origin: ConnectionOrigin) {
        self.worker = worker
        self.origin = origin
        self.timer = DeadlineTimer(worker: worker)
        self.settings = worker.settings
        self.parser = RequestHeadParser(limits: worker.settings.headLimits)
    }

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.timer.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        self.timer.start(for: self)
        guard self.worker.admit(self, from: self.origin) else {
            self.phase = .closed
            context.close(promise: nil)
            return
        }
        self.isAdmitted = true
        self.headDeadline = self.worker.now + self.worker.settings.requestHead
        self.timer.set(self.headDeadline)
    }

    func read(context: ChannelHandlerContext) {
        if self.mayRead { context.read() } else { self.wantsRead = true }
    }

    private var mayRead: Bool {
        switch self.phase {
        case .lingering, .closed: true
        case .reading where self.takesAnswer: true
        case .serving where self.isReadingBody: self.exchange.takesRequest
        case .reading, .serving: self.inbound.readableBytes < Self.mostAhead
        case .tunnel: self.exchange.takesRequest
        }
    }

    func resumeReading() {
        guard self.wantsRead, self.mayRead, let context else { return }
        self.wantsRead = false
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.worker.traffic.bytesFromClients &+= UInt64(bytes.readableBytes)
        switch self.phase {
        case .lingering, .closed: return
        case .tunnel where self.inbound.readableBytes == 0:
            self.exchange.send(bytes)
            return
        case .reading, .serving, .tunnel: break
        }
        if self.inbound.readableBytes == 0 {
            self.inbound = bytes
        } else {
            // A client that always sends ahead would let the buffer grow for ever.
            if self.inbound.readerIndex >= Self.mostAhead { self.inbound.discardReadBytes() }
            self.inbound.writeBuffer(&bytes)
        }
        self.process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if self.exchange.isActive { self.exchange.flushRequest() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.takesAnswer = context.channel.isWritable
        switch self.phase {
        case .reading where self.takesAnswer:
            if self.isAwaitingTaking {
                self.isAwaitingTaking = false
                self.timer.clear()
            }
            self.process()
            self.resumeReading()
        case .serving, .tunnel:
            self.awaitClient()
            if self.takesAnswer { self.exchange.resumeAnswer() }
        case .reading, .lingering, .closed: break
        }
    }

    // MARK: Waiting for the client

    /// Sets the deadline for what the client has to do while a request is under way: take the answer, or send more of the request.
    func awaitClient() {
        if !self.takesAnswer {
            // What it sends meanwhile is no reason to wait longer.
            if self.timer.deadline == .max || !self.isAwaitingTaking { self.awaitTaking() }
            return
        }
        self.isAwaitingTaking = false
        if self.phase == .serving, self.isReadingBody, self.exchange.takesRequest {
            self.timer.set(self.worker.now + self.settings.clientIdle)
        } else {
            // The endpoint is to blame, and the exchange has its own deadline.
            self.timer.clear()
        }
    }

    /// Sets the deadline for the client to take what is written. It is set again as long as something is taken.
    func awaitTaking() {
        self.isAwaitingTaking = true
        self.lastTaken = self.taken
        self.timer.set(self.worker.now + self.settings.clientIdle)
    }

    /// Whether the client has taken something since it was asked last.
    var takesSomething: Bool { self.taken > self.lastTaken }

    /// What the client has taken of this answer; less than nothing while there is something of earlier ones.
    private var taken: Int { Int(truncatingIfNeeded: self.answerBytes) - self.unwrittenBytes }

    /// What the channel keeps of all that was written.
    var unwrittenBytes: Int {
        (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed where self.phase == .tunnel:
            self.inputEnded = true
            self.exchange.endTunnelRequest()
        case ChannelEvent.outputClosed:
            self.outputClosed = true
            if self.phase == .lingering { self.timer.set(self.worker.now + Self.lingering) }
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        self.takesAnswer = false
        let isBroken = self.phase == .tunnel && !self.inputEnded && !self.outputClosed
        if self.isCounting {
            if self.phase == .serving { self.worker.traffic.abandonedRequests &+= 1 }
            self.count(isComplete: self.phase == .tunnel)
        }
        self.phase = .closed
        self.timer.cancel()
        self.exchange.close(isBroken: isBroken)
        self.giveOutgoingBack()
        self.inbound = ByteBuffer()
        if self.isAdmitted { self.worker.ended(self) }
    }

    // MARK: Reading requests

    /// Goes on with what was read, as far as it goes.
    func process() {
        // Answers that are given at once would otherwise pile up on the stack, one for each request that was sent ahead.
        guard !self.isProcessing else { return }
        self.isProcessing = true
        defer { self.isProcessing = false }
        while self.processStep() {}
        self.resumeReading()
    }

    private func processStep() -> Bool {
        switch self.phase {
        case .lingering, .closed:
            self.inbound = ByteBuffer()
            return false
        case .tunnel:
            if self.inbound.readableBytes > 0 {
                self.exchange.send(self.inbound)
                self.exchange.flushRequest()
                self.inbound = ByteBuffer()
            }
            return false
        case .serving:
            if self.isReadingBody { self.passBody() }
            // The request may have come to its end, and its answer, too.
            return self.phase == .reading
        case .reading:
            return self.readHead()
        }
    }

    /// Whether there may be more to read.
    private func readHead() -> Bool {
        guard self.inbound.readableBytes > 0 else {
            self.inbound = ByteBuffer()
            if self.worker.isDraining {
                self.closeAfterWrites()
            } else if !self.takesAnswer {
                self.awaitTaking()
            } else if self.headDeadline == .max {
                self.isAwaitingTaking = false
                self.timer.set(self.worker.now + self.worker.settings.keepAlive)
            }
            return false
        }
        guard self.takesAnswer else {
            // Answers would pile up, or the endpoint would be blamed for an answer that cannot be passed on.
            if !self.isAwaitingTaking { self.awaitTaking() }
            return false
        }
        if !self.hasPartialHead { self.adoptSettings() }
        switch self.inbound.withUnsafeReadableBytes({ self.parser.parse($0) }) {
        case .needMore:
            self.hasPartialHead = true
            if self.headDeadline == .max {
                self.headDeadline = self.worker.now + self.worker.settings.requestHead
                self.isAwaitingTaking = false
                self.timer.set(self.headDeadline)
            }
            return false
        case .failed(let defect):
            self.beginCounting(log: false)
            self.phase = .serving
            self.isHead = false
            self.answerSelf(Int(defect.status), detail: defect.reason, closes: true)
            return false
        case .complete:
            self.hasPartialHead = false
            self.headDeadline = .max
            self.isAwaitingTaking = false
            self.timer.clear()
            self.startRequest()
            return true
        }
    }

    /// The next request goes by what the worker goes by now.
    private func adoptSettings() {
        let settings = self.worker.settings
        guard self.settings !== settings else { return }
        if settings.headLimits != self.settings.headLimits {
            self.parser = RequestHeadParser(limits: settings.headLimits)
        }
        self.settings = settings
        self.identity.adopt(settings)
    }

    /// Passes on what there is of the body, as far as the endpoint takes it.
    private func passBody() {
        while self.isReadingBody, self.inbound.readableBytes > 0, self.exchange.takesRequest {
            var part = ByteBuffer()
            let outcome = self.body.take(from: &self.inbound, into: &part)
            if part.readableBytes > 0 { self.exchange.send(part) }
            self.bodyOutcome(outcome)
        }
        guard self.phase == .serving, self.isReadingBody else {
            if self.phase == .serving { self.exchange.flushRequest() }
            return
        }
        self.awaitClient()
        self.exchange.flushRequest()
    }

    private func bodyOutcome(_ outcome: BodyReader.Outcome) {
        switch outcome {
        case .more: break
        case .end:
            self.isReadingBody = false
            self.awaitClient()
            self.exchange.requestEnded()
        case .defect(let defect):
            self.exchange.abandon()
            if self.hasAnswered {
                self.count(isComplete: false)
                self.breakOff()
            } else {
                self.answerSelf(Int(defect.status), detail: defect.reason, closes: true)
            }
        }
    }
}
