import ColonyCore

/// Where an endpoint is reached: a host and a port, or a socket in the file system.
public struct EndpointAddress: Hashable, Sendable, CustomStringConvertible {
    /// The two kinds of address.
    public enum Kind: Hashable, Sendable {
        /// A name or a numeric address, IPv6 without brackets, and a port from 1 to 65,535.
        case host(String, port: Int)
        /// The path of a Unix domain socket.
        case socket(path: String)
    }

    /// The longest path that every system takes for a socket, in bytes.
    public static var longestPath: Int { 103 }

    /// Which kind of address it is.
    public let kind: Kind

    /// Reads `host:port`, `[ipv6]:port`, or `unix:/path`.
    ///
    /// A host is not looked up here: whether the name exists shows when it is connected to.
    ///
    /// - Throws: ``BalancingError`` with code `invalidAddress`, which quotes the text.
    public init(_ text: String) throws(BalancingError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/"), path.utf8.count <= Self.longestPath, !path.utf8.contains(0) else {
                throw BalancingError(
                    .invalidAddress,
                    "the address \"\(text)\" is not possible: after unix: comes an absolute path of at most "
                        + "\(Self.longestPath) bytes")
            }
            self.kind = .socket(path: path)
            return
        }
        guard let address = HostAndPort(text), let port = address.port else {
            throw BalancingError(
                .invalidAddress, "the address \"\(text)\" is not host:port, [ipv6]:port, or unix:/path")
        }
        self.kind = .host(address.host, port: port)
    }

    /// The address as it is read.
    public var description: String {
        switch self.kind {
        case .host(let host, let port): HostAndPort.text(host: host, port: port)
        case .socket(let path): "unix:\(path)"
        }
    }
}
