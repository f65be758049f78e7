import ColonyCore
import ColonyProxy

/// `proxies`: proxies by their names.
enum ProxiesDocument {
    /// The most proxies.
    static let most = 256

    static func read(_ value: SectionValue) throws(DaemonError) -> [ProxyDefinition] {
        if value.isNull { return [] }
        let members = try value.members()
        guard members.count <= Self.most else {
            throw value.refused("\(members.count) proxies are not possible: at most \(Self.most)")
        }
        var proxies: [ProxyDefinition] = []
        var takenBy: [ListenAddress: String] = [:]
        for member in members {
            let proxy = try ProxyDocument.read(member.key, member.value)
            for address in proxy.listen where address.port != 0 {
                // Also where ports are shared: the system would give each of them a part of the connections.
                if let other = takenBy.updateValue(proxy.name, forKey: address) {
                    throw member.value.refused(
                        other == proxy.name
                            ? "\(member.value.path) listens at \(address) twice"
                            : "\(member.value.path) listens at \(address), where the proxy \(other) listens already")
                }
            }
            proxies.append(proxy)
        }
        return proxies
    }
}
