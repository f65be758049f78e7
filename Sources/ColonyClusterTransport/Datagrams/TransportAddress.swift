import ColonyCluster
import ColonyCore
import NIOCore

/// How members' addresses and those of sockets belong together.
enum TransportAddress {
    /// The address of a socket that reaches a member whose host is a number; `nil` if it is a name.
    static func socket(host: String, port: Int) -> SocketAddress? {
        guard let address = try? SocketAddress(ipAddress: host, port: port) else { return nil }
        // Written like a mapped address it is one of IPv4.
        guard address.protocol == .inet6, let mapped = self.mapped(host) else { return address }
        return try? SocketAddress(ipAddress: mapped, port: port)
    }

    /// The same for sending datagrams from a socket of one family. NIO opens those of IPv6 for IPv4 as well, which is reached by mapped addresses; one of IPv4 reaches
    /// nobody else, and a system that was asked to try would have NIO close the socket.
    ///
    /// - Returns: `nil` if it cannot be reached from there.
    static func datagram(_ address: SocketAddress, fromIPv6 isIPv6: Bool) -> SocketAddress? {
        switch (address.protocol, isIPv6) {
        case (.inet, true):
            guard let host = address.ipAddress, let port = address.port else { return nil }
            return try? SocketAddress(ipAddress: "::ffff:\(host)", port: port)
        case (.inet6, false): return nil
        default: return address
        }
    }

    /// Where an answer goes to; `nil` for what is no address of IP.
    static func member(_ address: SocketAddress) -> MemberAddress? {
        guard let host = self.host(address), let port = address.port else { return nil }
        return try? MemberAddress(host: host, port: port)
    }

    /// The number, of IPv4 if it is a mapped one.
    static func host(_ address: SocketAddress) -> String? {
        guard let host = address.ipAddress else { return nil }
        return self.mapped(host) ?? host
    }

    private static func mapped(_ host: String) -> String? {
        let prefix = "::ffff:"
        guard host.lowercased().hasPrefix(prefix) else { return nil }
        let rest = String(host.dropFirst(prefix.count))
        return rest.contains(".") ? rest : nil
    }

    /// Whether only processes of this host can reach it.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        guard let address = try? SocketAddress(ipAddress: host, port: 0), address.protocol == .inet else {
            return false
        }
        return host.hasPrefix("127.")
    }

    /// Whether it stands for all addresses of a host, and so for none that others can reach.
    static func isWildcard(_ host: String) -> Bool { ["0.0.0.0", "::", "*"].contains(host) }
}
