import ColonyCore
import NIOCore

/// Which addresses participants may be called at.
///
/// Whoever may begin a transaction chooses URLs, and the daemon may reach what the client does not: services that trust their own network,
/// the metadata of a cloud, the daemon's host. So only what is reachable on the internet by everybody is called, unless the operator allows
/// more. It is judged at the address that is connected to and not by its name, whose answer may be another one the next time.
///
/// - SeeAlso: IANA, *Special-Purpose Address Registries* of version 4 and 6 (RFC 6890).
struct AddressRules: Sendable {
    /// Whether the daemon listens on loopback only: then its clients are on this host, and reach its loopback anyway.
    let allowsLoopback: Bool
    /// What the operator allows besides.
    let allowed: [AddressRange]

    /// Why an address may not be called; `nil` if it may.
    func defect(of address: SocketAddress) -> String? {
        guard let bytes = AddressRange.bytes(of: address) else { return "it is no address of a network" }
        if self.allowed.contains(where: { $0.contains(bytes) }) { return nil }
        let shown = address.ipAddress ?? "\(address)"
        if Self.loopback.contains(where: { $0.contains(bytes) }) {
            return self.allowsLoopback
                ? nil
                : "\(shown) is this host itself, which may be called only while the daemon listens on loopback alone, "
                    + "or if transactions.allow has it"
        }
        let isGlobal =
            bytes.count == 4
            ? !Self.special.contains { $0.contains(bytes) }
            : Self.unicast.contains(bytes) && !Self.special.contains { $0.contains(bytes) }
        return isGlobal
            ? nil : "\(shown) is not an address of the public internet, and transactions.allow does not have it"
    }

    private static let loopback = [AddressRange(known: "127.0.0.0/8"), AddressRange(known: "::1")]

    /// What is handed out of version 6 to be reached by everybody; not the ways to write an address of version 4 in one of version 6.
    private static let unicast = AddressRange(known: "2000::/3")

    private static let special: [AddressRange] = [
        // This network, private, shared by providers, link-local, protocols, examples, benchmarks, multicast, reserved, and broadcast.
        AddressRange(known: "0.0.0.0/8"), AddressRange(known: "10.0.0.0/8"), AddressRange(known: "100.64.0.0/10"),
        AddressRange(known: "169.254.0.0/16"), AddressRange(known: "172.16.0.0/12"),
        AddressRange(known: "192.0.0.0/24"),
        AddressRange(known: "192.0.2.0/24"), AddressRange(known: "192.88.99.0/24"),
        AddressRange(known: "192.168.0.0/16"),
        AddressRange(known: "198.18.0.0/15"), AddressRange(known: "198.51.100.0/24"),
        AddressRange(known: "203.0.113.0/24"),
        AddressRange(known: "224.0.0.0/4"), AddressRange(known: "240.0.0.0/4"),
        // Protocols and Teredo, examples, 6to4, and examples again.
        AddressRange(known: "2001::/23"), AddressRange(known: "2001:db8::/32"), AddressRange(known: "2002::/16"),
        AddressRange(known: "3fff::/20"),
    ]
}
