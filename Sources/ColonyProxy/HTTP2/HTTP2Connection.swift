import NIOCore
import NIOHTTP2

/// A client's connection in HTTP/2: the streams in it, and what bounds them.
///
/// What a client can do at little cost to itself and more to others is bounded by the library, with these numbers:
///
/// - streams at one time, and streams that a client gives up, which cost a connection to an endpoint each: 200 in half a minute ("rapid
///   reset", CVE-2023-44487); the same for those that the proxy gives up because of what the client sent (CVE-2025-8671);
/// - `PING`, `SETTINGS`, and `PRIORITY`, which want an answer or work: 200 in half a minute (CVE-2019-9512, CVE-2019-9515);
/// - the fields of a head as for HTTP/1.1, and no more than five `CONTINUATION` (CVE-2024-27316);
/// - one empty `DATA` after the other (CVE-2019-9518), and frames that wait to be sent because the client reads nothing (CVE-2019-9517).
///
/// Who does more gets `GOAWAY` and no connection; so does who sends bodies that the proxy has to refuse, over and over. Besides, a connection
/// without a stream ends: after ``ProxyTimeouts/requestHead`` if there was none yet, and after ``ProxyTimeouts/keepAlive`` otherwise. One that
/// takes nothing of what is written for ``ProxyTimeouts/clientIdle`` is reset, whatever its streams wait for.
///
/// `@unchecked Sendable` because it is used on the event loop of its channel only.
final class HTTP2Connection: ChannelInboundHandler, ClientConnection, DeadlineOwner, @unchecked Sendable {
    typealias InboundIn = HTTP2Frame

    /// How long a client may take to answer a goodbye.
    private static let lingering: Int64 = 5_000_000_000
    /// Control frames that wait for a client that reads nothing.
    private static let mostWaiting = 1_000
    /// Bodies that the proxy has refused in the middle: each has cost a connection to an endpoint.
    private static let mostRefusals = 200
    /// What the client may send ahead in each stream. A stream keeps as much again that it has read and cannot pass on, so that is twice this.
    private static let streamWindow = 65_535
    /// What the client may send in all streams until the library, which reads it at once, has said that it was read.
    private static let connectionWindow = 1 << 20
    /// What is kept for a client in each stream that it does not read.
    private static let highWaterMark = 64 * 1_024
    private static let lowWaterMark = 32 * 1_024

    let worker: ProxyWorker
    let origin: ConnectionOrigin
    /// Heads are read one at a time, so all streams use one parser.
    var parser: RequestHeadParser
    let identity: ClientIdentity
    /// What the request goes by that came last.
    private(set) var settings: ProxySettings
    private let timer: DeadlineTimer
    /// Runs while the client's socket takes nothing.
    private let takingTimer: DeadlineTimer
    /// What the channel had kept when it was looked at last.
    private var lastKept = 0
    private var refusals = 0
    private var context: ChannelHandlerContext?
    private var isAdmitted = false
    private var streams = 0
    /// Those whose heads have come in this round of reading.
    private var beginning: [HTTP2Stream] = []
    private var hasServed = false
    private var isLeaving = false

    init(worker: ProxyWorker, origin: ConnectionOrigin) {
        self.worker = worker
        self.origin = origin
        self.parser = RequestHeadParser(limits: worker.settings.headLimits)
        self.settings = worker.settings
        self.identity = ClientIdentity(origin, settings: worker.settings)
        self.timer = DeadlineTimer(worker: worker)
        self.takingTimer = DeadlineTimer(worker: worker)
    }

    /// Takes the connection over; it is active.
    func enter(_ pipeline: ChannelPipeline.SynchronousOperations) throws {
        let limits = self.worker.settings.options.limits
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streams),
            // Each field counts 32 bytes more than it has (RFC 9113, section 6.5.2). The parser has the last word.
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headBytes + 32 * limits.headFields),
        ]
        connection.maximumBufferedControlFrames = Self.mostWaiting
        connection.targetWindowSize = Self.connectionWindow
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = Self.streamWindow
        stream.outboundBufferSizeHighWatermark = Self.highWaterMark
        stream.outboundBufferSizeLowWatermark = Self.lowWaterMark
        // It says goodbye in two steps, so that no stream that the client has begun meanwhile is lost. Time is kept here.
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: self.worker.eventLoop,
            configuration: .init(maxIdleTime: nil, maxAge: nil, maxGraceTime: nil, keepalive: nil))
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: self.worker.eventLoop, connectionConfiguration: connection,
            streamConfiguration: stream, streamDelegate: manager.http2StreamDelegate
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(HTTP2Stream(self))
            }
        }
        try pipeline.addHandlers([handler, manager, self])
    }

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        guard self.worker.admit(self, from: self.origin) else {
            context.reset()
            return
        }
        self.isAdmitted = true
        self.timer.start(for: self)
        self.takingTimer.start(for: self)
        self.timer.set(self.worker.now + self.worker.settings.requestHead)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.cancelTimers()
    }

    private func cancelTimers() {
        self.timer.cancel()
        self.takingTimer.cancel()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.takingTimer.clear() } else { self.awaitTaking() }
        context.fireChannelWritabilityChanged()
    }

    /// The streams cannot end by themselves while nothing can be written.
    private func awaitTaking() {
        self.lastKept = self.kept
        self.takingTimer.set(self.worker.now + self.settings.clientIdle)
    }

    /// What the channel keeps of all that was written.
    private var kept: Int {
        (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Frames of the whole connection, which the library has dealt with.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelReadComplete(context: ChannelHandlerContext) {
        let beginning = self.beginning
        self.beginning.removeAll(keepingCapacity: true)
        for stream in beginning { stream.begin() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The library has sent `GOAWAY` or `RST_STREAM`; only it does not close the connection.
        if !Self.isOfOneStream(error) { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.cancelTimers()
        self.beginning = []
        if self.isAdmitted { self.worker.ended(self) }
    }

    /// Whether the rest of the connection can go on. Frames for a stream that never was are none of these: the library reads nothing more behind
    /// one.
    private static func isOfOneStream(_ error: any Error) -> Bool {
        switch error {
        case is NIOHTTP2Errors.StreamError, is NIOHTTP2Errors.StreamClosed,
            is NIOHTTP2Errors.CreatedStreamAfterGoaway, is NIOHTTP2Errors.MissingPseudoHeader,
            is NIOHTTP2Errors.DuplicatePseudoHeader, is NIOHTTP2Errors.PseudoHeaderAfterRegularHeader,
            is NIOHTTP2Errors.UnknownPseudoHeader, is NIOHTTP2Errors.UnsupportedPseudoHeader,
            is NIOHTTP2Errors.InvalidPseudoHeaders, is NIOHTTP2Errors.InvalidPseudoHeaderValue,
            is NIOHTTP2Errors.EmptyPathHeader, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName,
            is NIOHTTP2Errors.InvalidHTTP2HeaderFieldValue, is NIOHTTP2Errors.ForbiddenHeaderField,
            is NIOHTTP2Errors.ContentLengthViolated, is NIOHTTP2Errors.ContentLengthHeadersMismatch,
            is NIOHTTP2Errors.ContentLengthHeaderNegative, is NIOHTTP2Errors.ContentLengthHeaderMalformedValue:
            true
        default: false
        }
    }

    // MARK: Streams

    /// The next request goes by what the worker goes by now; those under way do not. What was agreed on with the client stays.
    func adoptSettings() {
        let settings = self.worker.settings
        guard self.settings !== settings else { return }
        if settings.headLimits != self.settings.headLimits {
            self.parser = RequestHeadParser(limits: settings.headLimits)
        }
        self.settings = settings
        self.identity.adopt(settings)
    }

    func begins(_ stream: HTTP2Stream) { self.beginning.append(stream) }

    /// A body was refused in the middle.
    func noteRefusal() {
        self.refusals += 1
        if self.refusals > Self.mostRefusals { self.drain() }
    }

    func streamOpened() {
        self.streams += 1
        self.hasServed = true
        self.timer.clear()
    }

    func streamClosed() {
        self.streams -= 1
        guard self.streams == 0, self.context != nil else { return }
        self.timer.set(self.worker.now + (self.isLeaving ? Self.lingering : self.worker.settings.keepAlive))
    }

    // MARK: Time and shutdown

    func deadlinePassed(_ timer: DeadlineTimer) {
        if timer === self.takingTimer {
            if self.kept < self.lastKept {
                self.awaitTaking()
            } else {
                self.worker.traffic.timeouts &+= 1
                self.context?.reset()
            }
            return
        }
        guard self.streams == 0 else { return }
        if self.isLeaving {
            self.context?.reset()
            return
        }
        if !self.hasServed { self.worker.traffic.timeouts &+= 1 }
        self.drain()
    }

    /// Says that no more streams are taken; those that are there end, and then the connection does.
    func drain() {
        guard !self.isLeaving, let context else { return }
        self.isLeaving = true
        if self.streams == 0 { self.timer.set(self.worker.now + Self.lingering) }
        context.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    func abort() { self.context?.reset() }
}
