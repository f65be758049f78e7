import ColonyTransactions
import NIOCore
import NIOHTTP1

/// One call and its answer on a connection that is made for it.
final class ParticipantExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let body: [UInt8]
    private let promise: EventLoopPromise<ParticipantAnswer>
    private var answer: ParticipantAnswer?
    private var isSettled = false

    init(_ head: HTTPRequestHead, _ body: [UInt8], _ promise: EventLoopPromise<ParticipantAnswer>) {
        self.head = head
        self.body = body
        self.promise = promise
    }

    /// Has the request sent.
    struct Begin: Sendable {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is Begin else { return context.fireUserInboundEventTriggered(event) }
        context.write(self.wrapOutboundOut(.head(self.head)), promise: nil)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: self.body)))), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.answer = ParticipantAnswer(
                status: Int(head.status.code), contentType: head.headers.first(name: "content-type"),
                retryAfter: head.headers.first(name: "retry-after"), body: [], isCut: false)
        case .body(let part):
            guard var answer, !self.isSettled else { return }
            let room = ParticipantAnswer.maximumBytes - answer.body.count
            answer.body += part.readableBytesView.prefix(room)
            answer.isCut = part.readableBytes > room
            self.answer = answer
            if answer.isCut { self.settle(.success(answer), context) }
        case .end:
            if let answer { self.settle(.success(answer), context) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.settle(.failure(UnknownOutcome("the connection broke, or what came was no HTTP: \(error)")), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let what = self.answer == nil ? "without an answer" : "in the middle of the answer"
        self.settle(.failure(UnknownOutcome("the connection was closed \(what)")), context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.settle(.failure(UnknownOutcome("the connection was closed without an answer")), context)
    }

    private func settle(_ result: Result<ParticipantAnswer, any Error>, _ context: ChannelHandlerContext) {
        guard !self.isSettled else { return }
        self.isSettled = true
        self.promise.completeWith(result)
        context.close(promise: nil)
    }
}
