import ColonyCore

/// Where a member can be reached: a host, as name or number, and a port that is the same for datagrams and connections.
public struct MemberAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A name or a numeric address of 1 to 255 bytes; IPv6 without brackets.
    public let host: String
    /// From 1 to 65,535.
    public let port: UInt16

    /// Makes an address.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes what is wrong.
    public init(host: String, port: Int) throws(ClusterError) {
        if let defect = NameRules.defect(in: host) {
            throw ClusterError(
                .invalidConfiguration, "\(NameRules.quoted(host)) cannot be the host of a member: \(defect)")
        }
        if let defect = SettingRange.defect(of: port, in: 1...65_535, as: "the port of a member") {
            throw ClusterError(.invalidConfiguration, defect)
        }
        self.host = host
        self.port = UInt16(port)
    }

    /// Reads `host:port` or `[ipv6]:port`.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the text.
    public init(_ text: String) throws(ClusterError) {
        guard let parts = HostAndPort(text), let port = parts.port else {
            throw ClusterError(
                .invalidConfiguration,
                "\(NameRules.quoted(text)) is no address of a member: host:port or [ipv6]:port is")
        }
        try self.init(host: parts.host, port: port)
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.host == second.host ? first.port < second.port : first.host < second.host
    }

    public var description: String { HostAndPort.text(host: self.host, port: Int(self.port)) }
}
