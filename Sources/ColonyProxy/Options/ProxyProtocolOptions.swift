/// The PROXY protocol: how a balancer in front tells the address of a client, and how this proxy tells it to endpoints.
public struct ProxyProtocolOptions: Hashable, Sendable {
    /// The two forms of the header.
    public enum Version: Hashable, Sendable {
        /// A line of text.
        case one
        /// Bytes.
        case two
    }

    /// From whom a header, of either version, is expected. A connection from there must begin with one, because the specification forbids
    /// to guess; one from elsewhere is taken as it is, and a header in it is part of its bytes.
    public var accepts: TrustedSources
    /// Which header is sent to endpoints, if any.
    public var sends: Version?

    /// Makes rules; without arguments the protocol is not used.
    public init(accepts: TrustedSources = .none, sends: Version? = nil) {
        self.accepts = accepts
        self.sends = sends
    }
}
