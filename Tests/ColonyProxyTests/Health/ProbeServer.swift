import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

/// A server that answers the first bytes of each connection as a test says.
final class ProbeServer: Sendable {
    enum Reply: Sendable {
        /// Writes the bytes, and closes unless they are to be left without an end.
        case bytes(String, closes: Bool = true)
        /// Says nothing and stays.
        case silence
        /// Closes at once.
        case close
    }

    private struct Seen {
        var requests: [String] = []
        var opened = 0
        var closed = 0
    }

    /// What the handlers write to, made before the server.
    private final class Box: Sendable {
        let seen = Mutex(Seen())
    }

    private let channel: any Channel
    private let box: Box

    private init(_ channel: any Channel, _ box: Box) {
        self.channel = channel
        self.box = box
    }

    var port: Int { self.channel.localAddress?.port ?? 0 }
    var requests: [String] { self.box.seen.withLock(\.requests) }
    var opened: Int { self.box.seen.withLock(\.opened) }
    /// How many connections are open now.
    var open: Int { self.box.seen.withLock { $0.opened - $0.closed } }

    /// Runs `body` while a server listens on a free port of this host, or on a socket in the file system.
    static func with(
        path: String? = nil, tls: NIOSSLContext? = nil,
        _ reply: @escaping @Sendable (String) -> Reply, _ body: (ProbeServer) async throws -> Void
    ) async throws {
        let box = Box()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Answering(box, reply))
                }
            }
        let channel =
            if let path {
                try await bootstrap.bind(unixDomainSocketPath: path).get()
            } else {
                try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            }
        let server = ProbeServer(channel, box)
        do {
            try await body(server)
        } catch {
            try? await channel.close()
            throw error
        }
        try await channel.close()
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let box: Box
        private let reply: @Sendable (String) -> Reply

        init(_ box: Box, _ reply: @escaping @Sendable (String) -> Reply) {
            self.box = box
            self.reply = reply
        }

        func channelActive(context: ChannelHandlerContext) {
            self.box.seen.withLock { $0.opened += 1 }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.box.seen.withLock { $0.closed += 1 }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let request = String(buffer: self.unwrapInboundIn(data))
            self.box.seen.withLock { $0.requests.append(request) }
            switch self.reply(request) {
            case .silence: break
            case .close: context.close(promise: nil)
            case .bytes(let bytes, let closes):
                let context = NIOLoopBound(context, eventLoop: context.eventLoop)
                context.value.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: bytes))).whenComplete { _ in
                    if closes { context.value.close(promise: nil) }
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

/// A certificate for localhost that signs itself, in files that are gone afterwards.
struct SelfSigned {
    let certificate: String
    let context: NIOSSLContext

    static func with(
        names: String = "DNS:localhost,IP:127.0.0.1", _ body: (SelfSigned) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-probe-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let certificate = folder.appendingPathComponent("certificate.pem").path
        let key = folder.appendingPathComponent("key.pem").path
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        openssl.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=\(names)", "-keyout", key,
            "-out", certificate,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        try #require(openssl.terminationStatus == 0, "openssl made a certificate")
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(file: key, format: .pem))))
        try await body(SelfSigned(certificate: certificate, context: context))
    }
}
