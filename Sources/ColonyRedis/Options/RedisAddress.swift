import ColonyCore

/// Where a Redis server listens.
public struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
    /// The host: a name or a numeric address, IPv6 without brackets.
    public let host: String
    /// The port.
    public let port: Int

    /// Puts the parts together.
    ///
    /// - Parameter port: From 1 to 65535; 6379 is what Redis listens on unless told otherwise.
    public init(host: String, port: Int = 6379) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, `[ipv6]`, or `[ipv6]:port`; `nil` for anything else.
    init?(_ text: String) {
        guard let address = HostAndPort(text) else { return nil }
        self.init(host: address.host, port: address.port ?? 6379)
    }

    public var description: String { HostAndPort.text(host: self.host, port: self.port) }
}
