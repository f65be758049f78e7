/// What endpoints are told of clients, and whom the proxy believes what it is told of them.
public struct ForwardingOptions: Hashable, Sendable {
    /// Proxies in front of this one. What they say of a client in `X-Forwarded-*` and `Forwarded` is kept, and this proxy adds itself;
    /// from all others these fields are replaced, so that nobody can pretend to be somebody else.
    public var trusted: TrustedSources
    /// How many trusted proxies in a row a client may have come through, from 0 to 16.
    ///
    /// With more than 0, the client of a request from a trusted proxy is the address that this proxy has put at the right of
    /// `X-Forwarded-For`; if that one is trusted in turn, the one before it; and so on, this many at most. Whoever is not trusted is the client,
    /// whatever stands to the left of it. Balancers by address, limits, and the access log go by that client.
    public var trustedHops: Int
    /// Whether `X-Forwarded-For`, `X-Forwarded-Proto`, and `X-Forwarded-Host` are sent.
    public var sendsXForwarded: Bool
    /// Whether the `Forwarded` field of RFC 7239 is sent.
    public var sendsForwarded: Bool
    /// The name that this proxy has in `Via`, a token of at most 64 characters; `nil` leaves `Via` as it is.
    public var via: String?

    /// Makes rules. They are checked with the options.
    public init(
        trusted: TrustedSources = .none, trustedHops: Int = 0, sendsXForwarded: Bool = true,
        sendsForwarded: Bool = false, via: String? = nil
    ) {
        self.trusted = trusted
        self.trustedHops = trustedHops
        self.sendsXForwarded = sendsXForwarded
        self.sendsForwarded = sendsForwarded
        self.via = via
    }

    func validate() throws(ProxyError) {
        guard (0...16).contains(self.trustedHops) else {
            throw ProxyError(
                .invalidConfiguration, "\(self.trustedHops) trusted proxies in a row are not possible: from 0 to 16")
        }
        guard self.trustedHops == 0 || !self.trusted.isEmpty else {
            throw ProxyError(
                .invalidConfiguration,
                "\(self.trustedHops) trusted proxies in a row say nothing while no address is trusted")
        }
        guard let via else { return }
        let isToken = via.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isToken, (1...64).contains(via.utf8.count) else {
            throw ProxyError(
                .invalidConfiguration,
                "the name \"\(via)\" for Via is not one to 64 letters, digits, hyphens, dots, and underscores")
        }
    }
}
