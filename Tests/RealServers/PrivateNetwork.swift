import Foundation
import Synchronization

/// Hosts on a network of their own, made of network namespaces that one bridge connects, any of which can be cut off.
///
/// A host that is cut off keeps its link: what it sends vanishes, and nobody tells it, as when a switch fails on the way.
package final class PrivateNetwork: Sendable {
    /// A host: a namespace with one address.
    package struct Host: Sendable {
        package let namespace: String
        package let address: String
        fileprivate let port: String
    }

    package let hosts: [Host]
    private let bridge: String
    private static let count = Mutex(0)
    private static let ip = "/usr/sbin/ip"

    /// Why there can be no such network here, or `nil`.
    package static let obstacle: String? = {
        guard geteuid() == 0 else { return "network namespaces need root" }
        guard FileManager.default.isExecutableFile(atPath: PrivateNetwork.ip) else {
            return "ip is not installed (Debian's package is iproute2)"
        }
        do {
            _ = try PrivateNetwork(1)
            return nil
        } catch {
            return "network namespaces cannot be made here: \(error)"
        }
    }()

    package init(_ size: Int) throws {
        let number = Self.count.withLock { count -> Int in
            count += 1
            return count
        }
        let prefix = "colony\(getpid())n\(number)"
        self.bridge = "\(prefix)x"
        self.hosts = (1...size).map { Host(namespace: "\(prefix)h\($0)", address: "10.77.0.\($0)", port: "p\($0)") }
        for namespace in [self.bridge] + self.hosts.map(\.namespace) {
            try Run.toEnd(Self.ip, ["netns", "add", namespace])
            Undertaker.mine.watch(namespace: namespace)
            try Run.toEnd(Self.ip, ["-n", namespace, "link", "set", "lo", "up"])
        }
        try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "add", "bridge", "type", "bridge"])
        try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "set", "bridge", "up"])
        try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "add", "aside", "type", "bridge"])
        try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "set", "aside", "up"])
        for host in self.hosts {
            try Run.toEnd(
                Self.ip,
                ["-n", self.bridge, "link", "add", host.port, "type", "veth", "peer", "eth0", "netns", host.namespace])
            try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "set", host.port, "master", "bridge", "up"])
            try Run.toEnd(Self.ip, ["-n", host.namespace, "addr", "add", "\(host.address)/24", "dev", "eth0"])
            try Run.toEnd(Self.ip, ["-n", host.namespace, "link", "set", "eth0", "up"])
        }
    }

    deinit {
        for namespace in self.hosts.map(\.namespace) + [self.bridge] {
            _ = try? Run.toEnd(Self.ip, ["netns", "del", namespace])
        }
    }

    /// Cuts a host off from all others.
    package func cut(_ host: Host) throws {
        try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "set", host.port, "nomaster"])
    }

    /// Puts a host on a second bridge: it reaches those that are there as well, and nobody else.
    package func setAside(_ host: Host) throws {
        try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "set", host.port, "master", "aside"])
    }

    /// Has everything vanish that a host sends to another one, while it hears that one as before.
    ///
    /// What it sends goes to an Ethernet address that nobody has. So it needs no module of the kernel, and `ip` only.
    package func mute(_ host: Host, towards other: Host) throws {
        try Run.toEnd(
            Self.ip,
            [
                "-n", host.namespace, "neigh", "replace", other.address, "lladdr", "02:00:00:00:00:01", "dev", "eth0",
                "nud", "permanent",
            ])
    }

    /// Lets a host be heard again by one that it was muted towards.
    package func unmute(_ host: Host, towards other: Host) throws {
        try Run.toEnd(Self.ip, ["-n", host.namespace, "neigh", "del", other.address, "dev", "eth0"])
    }

    /// Connects it again; does nothing if it is connected.
    package func mend(_ host: Host) throws {
        try Run.toEnd(Self.ip, ["-n", self.bridge, "link", "set", host.port, "master", "bridge"])
    }
}
