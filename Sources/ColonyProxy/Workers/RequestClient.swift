import ColonyBalancing

/// Whom a request comes from: what the balancer, limits, and the log know its client by.
final class RequestClient: Sendable {
    /// The address without a port.
    let address: String
    let context: PickContext
    let limitKey: LimitKey

    init(_ address: String) {
        self.address = address
        self.context = PickContext(clientAddress: address)
        self.limitKey = LimitKey(client: address)
    }
}

/// Whom the requests of a connection come from, and what endpoints are told of it.
///
/// Made with the first request: only then is it known for whom the PROXY protocol speaks. Used on the event loop of its connection only.
final class ClientIdentity {
    let origin: ConnectionOrigin
    /// The one at the other end of the connection.
    private let peer: RequestClient
    private let peerAddress: NetworkAddress?
    private var settings: ProxySettings
    private(set) var forwarded: ForwardedFields

    init(_ origin: ConnectionOrigin, settings: ProxySettings) {
        self.origin = origin
        self.settings = settings
        self.peer = RequestClient(origin.clientText)
        self.peerAddress = NetworkAddress(origin.client)
        self.forwarded = ForwardedFields(origin, settings: settings)
    }

    /// Goes by other settings from now on.
    func adopt(_ settings: ProxySettings) {
        guard self.settings !== settings else { return }
        self.settings = settings
        self.forwarded = ForwardedFields(self.origin, settings: settings)
    }

    /// Whom a request comes from, if trusted proxies are believed.
    func client(_ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer) -> RequestClient {
        let hops = self.settings.options.forwarding.trustedHops
        guard hops > 0, self.forwarded.isTrusted, parser.fields.present.contains(.xForwardedFor),
            let address = ForwardedChain.client(
                parser, bytes, hops: hops, trusted: self.settings.options.forwarding.trusted)
        else { return self.peer }
        return RequestClient(address)
    }
}
