import NIOCore
import NIOPosix
import NIOSSL

/// One end of a connection that a test speaks through, byte by byte.
final class TestConnection: Sendable {
    let channel: any Channel
    let inbox: Inbox

    init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    deinit { self.channel.close(promise: nil) }

    /// - Parameters:
    ///   - reads: Whether it takes what comes at once; otherwise only after ``startReading()``.
    ///   - tls: What is needed for TLS, in which it then asks for `example.org`.
    ///   - before: What is sent in the clear before the handshake.
    static func open(
        port: Int, reads: Bool = true, keepsBytes: Bool = true, tls: NIOSSLContext? = nil, before: String? = nil
    ) async throws -> TestConnection {
        let inbox = Inbox(keepsBytes: keepsBytes)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            // With TLS, whoever says goodbye would wait in vain for the channel to close.
            .channelOption(.allowRemoteHalfClosure, value: tls == nil)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let before { try channel.pipeline.syncOperations.addHandler(Preface(before)) }
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: "example.org"))
                    }
                    try channel.pipeline.syncOperations.addHandler(inbox)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return TestConnection(channel: channel, inbox: inbox)
    }

    // MARK: Sending

    func send(_ text: String) async throws { try await self.send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws {
        try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    /// Sends without waiting until the system has taken it.
    func sendLater(_ bytes: [UInt8]) { self.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    func endOutput() async throws { try await self.channel.close(mode: .output).get() }

    func close() async { try? await self.channel.close().get() }

    /// Breaks the connection instead of ending it.
    func reset() async throws {
        if let provider = self.channel as? any SocketOptionProvider {
            try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        await self.close()
    }

    /// Ends the connection without the goodbye of TLS, as somebody on the way could.
    func cut() async throws {
        try await self.channel.eventLoop.submit {
            let context = try self.channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
            // From there on the handler is passed by.
            context.close(promise: nil)
        }.get()
    }

    func startReading() async throws { try await self.channel.setOption(.autoRead, value: true).get() }

    // MARK: Receiving

    var text: String { String(decoding: self.inbox.contents.bytes, as: UTF8.self) }

    /// Waits until as many bytes are there, and takes them out.
    func receive(_ count: Int) async throws -> [UInt8] {
        try await eventually("\(count) bytes, not \(self.inbox.contents.bytes.count)") {
            self.inbox.contents.bytes.count >= count
        }
        return self.inbox.take(count)
    }

    /// Waits for a text of this length, and takes it out.
    func receiveText(_ count: Int) async throws -> String {
        String(decoding: try await self.receive(count), as: UTF8.self)
    }

    /// Waits until `end` has come, and takes out all up to its end.
    func receiveText(through end: String) async throws -> String {
        let pattern = Array(end.utf8)
        try await eventually("\(end.debugDescription) in \(self.text.debugDescription)") {
            self.inbox.contents.bytes.firstRange(of: pattern) != nil
        }
        guard let range = self.inbox.contents.bytes.firstRange(of: pattern) else { return "" }
        return String(decoding: self.inbox.take(range.upperBound), as: UTF8.self)
    }

    /// Waits until the other end has said that it sends no more, or has broken the connection.
    func waitForEnd() async throws {
        try await eventually("the end of the connection after \(self.text.suffix(200).debugDescription)") {
            self.inbox.contents.hasEnded
        }
    }
}

/// Sends something before all others do.
private final class Preface: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: String

    init(_ text: String) { self.text = text }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: self.text)), promise: nil)
        context.fireChannelActive()
    }
}
