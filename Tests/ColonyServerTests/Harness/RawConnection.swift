import ColonyCore
import NIOCore
import NIOPosix
import Synchronization

/// A TCP connection on which a test says exactly which bytes go out, and when.
struct RawConnection: Sendable {
    private let channel: any Channel
    private let received: Received

    /// What has come back.
    final class Received: Sendable {
        fileprivate let state = Mutex((text: "", isClosed: false))
        var text: String { self.state.withLock { $0.text } }
        var isClosed: Bool { self.state.withLock { $0.isClosed } }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let received: Received
        init(_ received: Received) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = self.unwrapInboundIn(data)
            self.received.state.withLock { $0.text += String(buffer: buffer) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.received.state.withLock { $0.isClosed = true }
        }
    }

    static func open(port: Int) async throws -> RawConnection {
        let received = Received()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(received))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawConnection(channel: channel, received: received)
    }

    func send(_ text: String) async throws {
        try await self.channel.writeAndFlush(ByteBuffer(string: text)).get()
    }

    func close() async throws {
        try await self.channel.close().get()
    }

    var text: String { self.received.text }
    var isClosed: Bool { self.received.isClosed }

    /// A request with a body of JSON.
    static func post(_ path: String, _ body: String, host: String = "localhost") -> String {
        "POST \(path) HTTP/1.1\r\nHost: \(host)\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}
