import NIOCore
import NIOHPACK
import NIOHTTP2

/// One request of a client in HTTP/2, and its answer.
///
/// The library makes a channel for each stream, keeps to the windows of both sides, and closes the channel when both directions have ended or
/// one side has given up. A request becomes one of HTTP/1.1 and goes the way of all others; the answer comes back through the same calls that
/// a connection of HTTP/1.1 gets.
///
/// `@unchecked Sendable` because it is used on the event loop of its channel only.
final class HTTP2Stream: ChannelDuplexHandler, DeadlineOwner, @unchecked Sendable {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    enum Phase {
        /// The head has not been looked at.
        case waiting
        case serving
        /// The answer is written, and the client may not have taken it.
        case answered
        case closed
    }

    /// A body that is so small is sent together with the head.
    static let smallBody = 16 * 1_024
    /// Data is written in pieces of this size, so that it is seen whether the client takes any.
    static let piece = 16 * 1_024

    let connection: HTTP2Connection
    var worker: ProxyWorker { self.connection.worker }
    let timer: DeadlineTimer
    private(set) lazy var exchange = Exchange(worker: self.worker, client: self)
    private var context: ChannelHandlerContext?
    var phase = Phase.waiting
    /// What the request goes by.
    var settings: ProxySettings
    /// `nil` if the proxy has not looked for one, or found none.
    var route: WorkerRoute?

    // The request.
    private var headers: HPACKHeaders?
    private var trailers: HPACKHeaders?
    /// Data that has come and was not passed on; no more than the window that the client was given.
    var inbound = ByteBuffer()
    /// The client has ended the request.
    private(set) var inputEnded = false
    /// Whether there is more of the request to pass on.
    var isReadingBody = false
    /// Whether the endpoint gets the body in chunks.
    var sendsChunks = false
    /// How long the body is by what the head says.
    var bodyLength: UInt64?
    /// How long the body may be.
    var bodyLimit = UInt64(Int64.max)
    private(set) var bodyBytes: UInt64 = 0
    private var isPassing = false
    private var wantsRead = false
    private var mayBegin = false

    // The answer.
    private(set) var takesAnswer = true
    /// The head of the answer is written.
    var hasAnswered = false
    /// The end of the answer is written.
    var hasEnded = false
    var answersSelf = false
    var isHead = false
    var chunks: HTTP2Trailers.Reader?
    /// Data that is written with the next that comes, or with the end.
    var outgoing = ByteBuffer()
    private var hasUnflushed = false
    /// Bytes that were written and that the system has not taken; the end of the answer is at least one.
    private var unwritten = 0
    private var hasTaken = false
    private var isAwaitingTaking = false

    // What is counted.
    var isCounting = false
    var requestStart: Int64 = 0
    var status = 0
    var answerBytes: UInt64 = 0
    var logged: LoggedRequest?

    init(_ connection: HTTP2Connection) {
        self.connection = connection
        self.settings = connection.settings
        self.timer = DeadlineTimer(worker: connection.worker)
    }

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.timer.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        self.takesAnswer = context.channel.isWritable
        self.timer.start(for: self)
        self.connection.streamOpened()
    }

    func read(context: ChannelHandlerContext) {
        if self.phase == .waiting, !self.mayBegin {
            // What comes with the head in one round, such as a short body, is known when the round ends.
            self.connection.begins(self)
        } else if self.mayRead {
            context.read()
        } else {
            self.wantsRead = true
        }
    }

    /// The round of reading in which the head has come is over.
    func begin() {
        self.mayBegin = true
        self.context?.read()
    }

    private var mayRead: Bool { !self.isReadingBody || self.exchange.takesRequest }

    func resumeReading() {
        guard self.wantsRead, self.mayRead, let context else { return }
        self.wantsRead = false
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .headers(let frame):
            if self.phase == .waiting, self.headers == nil {
                self.headers = frame.headers
            } else {
                self.trailers = frame.headers
            }
            if frame.endStream { self.inputEnded = true }
        case .data(let frame):
            if case .byteBuffer(var bytes) = frame.data { self.take(&bytes) }
            if frame.endStream { self.inputEnded = true }
        default: break
        }
    }

    private func take(_ bytes: inout ByteBuffer) {
        self.worker.traffic.bytesFromClients &+= UInt64(bytes.readableBytes)
        self.bodyBytes &+= UInt64(bytes.readableBytes)
        guard self.phase == .waiting || self.isReadingBody else { return }
        if self.inbound.readableBytes == 0 { self.inbound = bytes } else { self.inbound.writeBuffer(&bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard self.phase == .waiting else {
            self.passBody()
            return
        }
        // A stream that the client has given up in the round in which it began costs nobody any work.
        guard self.mayBegin, let headers else { return }
        self.headers = nil
        self.start(headers)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.takesAnswer = context.channel.isWritable
        guard self.phase == .serving else { return }
        self.awaitClient()
        if self.takesAnswer { self.exchange.resumeAnswer() }
    }

    /// The library has told the client, or the client has told us, and the channel is closed next; or it has refused what was to be written, and
    /// nobody would ever hear of it.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The client has given the stream up: the channel is closed next, and that counts it.
        guard self.phase != .closed, !(error is NIOHTTP2Errors.StreamClosed) else { return }
        self.exchange.abandon()
        self.breakOff()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        self.takesAnswer = false
        if self.isCounting {
            self.worker.traffic.abandonedRequests &+= 1
            self.count(isComplete: false)
        }
        self.phase = .closed
        self.timer.cancel()
        self.exchange.close(isBroken: false)
        self.inbound = ByteBuffer()
        self.outgoing = ByteBuffer()
        self.connection.streamClosed()
    }

    // MARK: The body of the request

    /// Passes on what there is of the body, as far as the endpoint takes it.
    func passBody() {
        guard self.phase == .serving, self.isReadingBody, !self.isPassing else { return }
        self.isPassing = true
        defer { self.isPassing = false }
        if self.bodyBytes > self.bodyLimit {
            self.refuseBody(413, "The body of the request is longer than the limit.")
            return
        }
        // The library sees to it, and an endpoint would take the rest for another request.
        if let bodyLength, self.bodyBytes > bodyLength {
            self.refuseBody(400, "The body of the request has not the length that was said.")
            return
        }
        if self.inbound.readableBytes > 0, self.exchange.takesRequest {
            let part = self.inbound
            self.inbound = ByteBuffer()
            self.sendPart(part)
        }
        if self.inbound.readableBytes == 0, self.inputEnded, self.exchange.takesRequest {
            if let bodyLength, self.bodyBytes != bodyLength {
                self.refuseBody(400, "The body of the request has not the length that was said.")
                return
            }
            if self.sendsChunks {
                var end = ByteBuffer()
                guard HTTP2Trailers.finish(self.trailers, to: &end) else {
                    self.refuseBody(400, "A field that must not be a trailer.")
                    return
                }
                self.exchange.send(end)
            }
            self.isReadingBody = false
            self.exchange.requestEnded()
        }
        guard self.phase == .serving else { return }
        self.awaitClient()
        self.exchange.flushRequest()
    }

    private func sendPart(_ part: ByteBuffer) {
        guard self.sendsChunks else {
            self.exchange.send(part)
            return
        }
        var part = part
        var chunk = ByteBuffer()
        chunk.reserveCapacity(part.readableBytes + 24)
        ChunkWriter.begin(part.readableBytes, to: &chunk)
        chunk.writeBuffer(&part)
        ChunkWriter.end(to: &chunk)
        self.exchange.send(chunk)
    }

    func refuseBody(_ status: Int, _ detail: StaticString) {
        self.connection.noteRefusal()
        self.exchange.abandon()
        if self.hasAnswered { self.breakOff() } else { self.answerSelf(status, detail: detail) }
    }

    // MARK: Waiting for the client

    /// As a connection of HTTP/1.1 does.
    func awaitClient() {
        if !self.takesAnswer {
            if self.timer.deadline == .max || !self.isAwaitingTaking { self.awaitTaking() }
            return
        }
        self.isAwaitingTaking = false
        if self.phase == .serving, self.isReadingBody, !self.inputEnded, self.exchange.takesRequest {
            self.timer.set(self.worker.now + self.settings.clientIdle)
        } else {
            self.timer.clear()
        }
    }

    /// Sets the deadline for the client to take what is written. It is set again as long as something is taken.
    private func awaitTaking() {
        self.isAwaitingTaking = true
        self.hasTaken = false
        self.timer.set(self.worker.now + self.settings.clientIdle)
    }

    func deadlinePassed(_ timer: DeadlineTimer) {
        if self.isAwaitingTaking, self.unwritten > 0, self.hasTaken {
            self.awaitTaking()
            return
        }
        self.worker.traffic.timeouts &+= 1
        switch self.phase {
        case .serving where self.isReadingBody && !self.hasAnswered:
            self.refuseBody(408, "The body of the request did not come in time.")
        case .serving, .answered:
            self.exchange.abandon()
            self.breakOff()
        case .waiting, .closed: break
        }
    }

    // MARK: Writing

    func writeHead(_ headers: HPACKHeaders, endsStream: Bool) {
        self.write(.headers(.init(headers: headers, endStream: endsStream)), bytes: endsStream ? 1 : 0)
    }

    func writeData(_ data: ByteBuffer, endsStream: Bool) {
        var data = data
        while data.readableBytes > Self.piece, let piece = data.readSlice(length: Self.piece) {
            self.write(.data(.init(data: .byteBuffer(piece), endStream: false)), bytes: Self.piece)
        }
        self.write(
            .data(.init(data: .byteBuffer(data), endStream: endsStream)),
            bytes: max(data.readableBytes, endsStream ? 1 : 0))
    }

    private func write(_ payload: HTTP2Frame.FramePayload, bytes: Int) {
        guard let context else { return }
        self.hasUnflushed = true
        guard bytes > 0 else {
            context.write(self.wrapOutboundOut(payload), promise: nil)
            return
        }
        self.unwritten += bytes
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.whenComplete { _ in
            self.unwritten -= bytes
            self.hasTaken = true
            if self.unwritten == 0, self.phase == .answered { self.answerIsTaken() }
        }
        context.write(self.wrapOutboundOut(payload), promise: isWritten)
    }

    func flush() {
        guard self.hasUnflushed else { return }
        self.hasUnflushed = false
        self.context?.flush()
    }

    /// The end of the answer is written.
    func finish() {
        guard self.context != nil else { return }
        self.phase = .answered
        self.isReadingBody = false
        self.inbound = ByteBuffer()
        self.flush()
        guard self.phase == .answered else { return }
        if self.unwritten > 0 { self.awaitTaking() } else { self.answerIsTaken() }
        self.resumeReading()
    }

    /// RFC 9113, section 8.1: who has answered in full may ask the client not to go on with the request.
    private func answerIsTaken() {
        self.timer.clear()
        guard !self.inputEnded, let context else { return }
        self.phase = .closed
        context.writeAndFlush(self.wrapOutboundOut(.rstStream(.noError)), promise: nil)
    }

    /// Ends the stream so that the client sees that the answer is not whole.
    func breakOff() {
        self.count(isComplete: false)
        self.phase = .closed
        guard let context else { return }
        context.writeAndFlush(self.wrapOutboundOut(.rstStream(.internalError)), promise: nil)
    }
}
