import ColonyCore

/// Where a proxy listens: a numeric address or a name of this host, and a port.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name or a numeric address; IPv6 without brackets.
    public let host: String
    /// From 1 to 65,535, or 0 for a port that the system chooses.
    public let port: Int

    /// Makes an address from its parts.
    ///
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(host: String, port: Int) throws(ProxyError) {
        guard !host.isEmpty, !host.utf8.contains(0) else {
            throw ProxyError(.invalidConfiguration, "the host \"\(host)\" to listen on is not possible")
        }
        guard (0...65_535).contains(port) else {
            throw ProxyError(.invalidConfiguration, "the port \(port) to listen on is not from 0 to 65535")
        }
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[ipv6]:port`.
    ///
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the text.
    public init(_ text: String) throws(ProxyError) {
        // The port 0 is for tests and is no address that could be written elsewhere.
        if text.hasSuffix(":0"), let address = HostAndPort(String(text.dropLast(2))), address.port == nil {
            try self.init(host: address.host, port: 0)
            return
        }
        guard let address = HostAndPort(text), let port = address.port else {
            throw ProxyError(.invalidConfiguration, "the address \"\(text)\" is not host:port or [ipv6]:port")
        }
        try self.init(host: address.host, port: port)
    }

    public var description: String { HostAndPort.text(host: self.host, port: self.port) }
}
