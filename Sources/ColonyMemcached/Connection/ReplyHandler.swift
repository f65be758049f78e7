import ColonyCaches
import DequeModule
import NIOCore

/// Reads the answers of one connection and gives each to the call whose turn it is. Used on the event loop only.
final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private struct Expected {
        let call: PendingCall
        let timer: Scheduled<Void>
        /// How much had been heard when the call was sent.
        let heardBefore: UInt64
        var replies: [MetaReply] = []
    }

    private weak var link: ServerLink?
    private let server: MemcachedServer?
    private var parser = MetaParser()
    private var expected: Deque<Expected> = []
    private var heardBytes: UInt64 = 0

    init(link: ServerLink?) {
        self.link = link
        self.server = link?.server
    }

    func expect(_ call: PendingCall, _ timer: Scheduled<Void>) {
        self.expected.append(Expected(call: call, timer: timer, heardBefore: self.heardBytes))
    }

    /// Whether a call still waits for answers and not one byte has come since it was sent.
    func hasHeardNothing(since call: PendingCall) -> Bool {
        self.expected.first { $0.call === call }?.heardBefore == self.heardBytes
    }

    /// Ends all calls.
    func fail(_ error: CacheError) {
        while let expected = self.expected.popFirst() {
            self.end(expected, .failure(error))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        self.heardBytes += UInt64(buffer.readableBytes)
        self.parser.append(buffer.readableBytesView)
        do throws(MetaParser.Nonsense) {
            while let reply = try self.parser.next() {
                if let error = self.take(reply) {
                    self.fail(error)
                    context.close(promise: nil)
                    return
                }
            }
        } catch {
            self.fail(
                CacheError(
                    .unavailable,
                    "\(self.place) does not speak memcached's meta protocol: it answered \"\(error.line)\""))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.ended(nil, context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.ended(error, context.channel)
        context.close(promise: nil)
    }

    /// - Returns: Why the conversation cannot go on, if it cannot.
    private func take(_ reply: MetaReply) -> CacheError? {
        switch reply.kind {
        case .unknownCommand(""):
            // The fence will not be known either, so that waiting for its answer would be in vain.
            return CacheError(.refused, "\(self.place) does not know the meta commands; memcached has them since 1.6")
        case .unknownCommand(let text):
            return CacheError(.unavailable, "\(self.place) answered \"ERROR \(text)\"")
        case .fence:
            guard let expected = self.expected.popFirst() else { return self.unasked }
            self.end(expected, .success(expected.replies))
        default:
            guard !self.expected.isEmpty else {
                if case .serverError(let text) = reply.kind {
                    return CacheError(.unavailable, "\(self.place) answered \"SERVER_ERROR \(text)\"")
                }
                return self.unasked
            }
            self.expected[0].replies.append(reply)
        }
        return nil
    }

    private var unasked: CacheError {
        CacheError(.unavailable, "\(self.place) answered what nobody had asked")
    }

    private var place: String { self.server.map { "the server at \($0)" } ?? "the server" }

    private func ended(_ error: (any Error)?, _ channel: any Channel) {
        // First the link, so that a call that is made because of the failure finds no dead connection.
        self.link?.disconnected(channel)
        self.fail(self.server.map { ServerLink.connectionEnded($0, error) } ?? self.unasked)
    }

    private func end(_ expected: Expected, _ outcome: PendingCall.Outcome) {
        expected.timer.cancel()
        self.link?.release(expected.call)
        expected.call.finish(outcome)
    }
}
