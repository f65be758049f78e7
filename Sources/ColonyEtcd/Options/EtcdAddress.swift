#if Etcd
import ColonyCore

/// Where a member of an etcd cluster answers its clients.
public struct EtcdAddress: Hashable, Sendable, CustomStringConvertible {
    /// The host: a name or a numeric address, IPv6 without brackets.
    public let host: String
    /// The port.
    public let port: Int

    /// Puts the parts together.
    ///
    /// - Parameter port: From 1 to 65535; 2379 is where etcd answers clients unless told otherwise.
    public init(host: String, port: Int = 2379) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, `[ipv6]`, or `[ipv6]:port`; `nil` for anything else.
    init?(_ text: String) {
        guard let address = HostAndPort(text) else { return nil }
        self.init(host: address.host, port: address.port ?? 2379)
    }

    /// What the host is written as.
    enum Form { case name, ipv4, ipv6 }

    var form: Form {
        if self.host.contains(":") { return .ipv6 }
        let parts = self.host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } ? .ipv4 : .name
    }

    public var description: String { HostAndPort.text(host: self.host, port: self.port) }
}
#endif
