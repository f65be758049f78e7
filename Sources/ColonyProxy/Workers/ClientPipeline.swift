import NIOCore

/// What is put into the pipeline of a client's connection.
enum ClientPipeline {
    /// On the loop of the connection, before it is active.
    static func prepare(_ channel: any Channel, on worker: ProxyWorker) throws {
        let options = worker.settings.options
        let origin = ConnectionOrigin(channel)
        let pipeline = channel.pipeline.syncOperations
        let sources = options.proxyProtocol.accepts
        if !sources.isEmpty, sources.contains(NetworkAddress(channel.remoteAddress)) {
            try pipeline.addHandler(ProxyProtocolHandler(worker: worker, origin: origin))
        }
        switch options.mode {
        case .tcp:
            try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
            try pipeline.addHandler(TCPSession(worker: worker, origin: origin).makeClientSide())
        case .http: try pipeline.addHandler(HTTP1Client(worker: worker, origin: origin))
        }
    }
}
