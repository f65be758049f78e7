import NIOCore
import Synchronization

/// What one end of a connection has received, for a test to look at.
final class Inbox: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    struct Contents {
        var bytes: [UInt8] = []
        /// All that came, also what was taken out of ``bytes`` or dropped.
        var count = 0
        /// The other end sends no more.
        var hasEnded = false
        /// The connection broke.
        var isBroken = false
        var isClosed = false
    }

    private let keepsBytes: Bool
    private let state = Mutex(Contents())

    /// - Parameter keepsBytes: Whether more than a number is wanted.
    init(keepsBytes: Bool = true) { self.keepsBytes = keepsBytes }

    var contents: Contents { self.state.withLock { $0 } }

    /// Takes out what was received so far.
    func take(_ count: Int) -> [UInt8] {
        self.state.withLock { state in
            let taken = Array(state.bytes.prefix(count))
            state.bytes.removeFirst(taken.count)
            return taken
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.state.withLock { state in
            state.count += bytes.readableBytes
            if self.keepsBytes { state.bytes.append(contentsOf: bytes.readableBytesView) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { self.state.withLock { $0.hasEnded = true } }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.state.withLock { $0.isBroken = true }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.state.withLock { state in
            state.isClosed = true
            state.hasEnded = true
        }
    }
}
