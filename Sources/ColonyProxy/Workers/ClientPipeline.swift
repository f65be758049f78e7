import NIOCore
import NIOSSL

/// What is put into the pipeline of a client's connection.
enum ClientPipeline {
    /// What client and proxy have agreed on in a TLS handshake.
    enum Agreed {
        /// What the mode of the proxy is for.
        case usual
        case http2
    }

    /// On the loop of the connection, before it is active.
    static func prepare(_ channel: any Channel, on worker: ProxyWorker) throws {
        let options = worker.settings.options
        let origin = ConnectionOrigin(channel)
        let pipeline = channel.pipeline.syncOperations
        let tls = worker.settings.tls
        if tls != nil { try pipeline.addHandler(SocketEnd()) }
        let sources = options.proxyProtocol.accepts
        if !sources.isEmpty, sources.contains(NetworkAddress(channel.remoteAddress)) {
            try pipeline.addHandler(ProxyProtocolHandler(worker: worker, origin: origin))
        }
        guard let tls else {
            try self.begin(.usual, channel, origin, on: worker)
            return
        }
        origin.isSecure = true
        try pipeline.addHandler(NIOSSLServerHandler(context: tls))
        try pipeline.addHandler(ClientHandshake(worker: worker, origin: origin))
    }

    /// Adds what serves the client.
    static func begin(
        _ agreed: Agreed, _ channel: any Channel, _ origin: ConnectionOrigin, on worker: ProxyWorker
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        switch (worker.settings.options.mode, agreed) {
        case (.tcp, _):
            try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
            try pipeline.addHandler(TCPSession(worker: worker, origin: origin).makeClientSide())
        case (.http, .usual): try pipeline.addHandler(HTTP1Client(worker: worker, origin: origin))
        case (.http, .http2): try HTTP2Connection(worker: worker, origin: origin).enter(pipeline)
        }
    }
}
