#if Etcd
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
        var host = text[...]
        var port: Substring?
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            host = text[text.index(after: text.startIndex)..<bracket]
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { return nil }
        guard let port else {
            self.init(host: String(host))
            return
        }
        guard let number = Int(port), (1...65_535).contains(number) else { return nil }
        self.init(host: String(host), port: number)
    }

    /// What the host is written as.
    enum Form { case name, ipv4, ipv6 }

    var form: Form {
        if self.host.contains(":") { return .ipv6 }
        let parts = self.host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } ? .ipv4 : .name
    }

    public var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
#endif
