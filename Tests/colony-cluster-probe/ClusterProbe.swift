import ColonyCluster
import ColonyClusterTransport
import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A member of a cluster in a process of its own, for tests to stop and to kill.
///
/// `colony-cluster-probe NAME KEYFILE [SEED…]`: takes part in the cluster `orders` with the settings of the tests, prints its address, and goes on until it is killed.
///
/// `colony-cluster-probe elect KEY=VALUE…`: takes part in an election; see ``ElectionProbe``.
@main
struct ClusterProbe {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3 else { exit(64) }
        if arguments[1] == "elect" { return try await ElectionProbe(arguments[2...]).run() }
        let node = ClusterNode(
            try ClusterNodeConfiguration(
                cluster: "orders", name: try NodeID(arguments[1]), port: 0,
                protection: .keyring(try ClusterKeyring(file: arguments[2])),
                seeds: try arguments[3...].map { try MemberAddress($0) }, membership: try self.settings()))
        let changes = node.changes()
        async let running: Void = node.run()
        for await change in changes {
            if case .happened(.admitted) = change { break }
        }
        let line = "\(node.address?.description ?? "nowhere")\n"
        write(STDOUT_FILENO, line, line.utf8.count)
        try await running
    }

    /// So quick that a test takes seconds.
    static func settings() throws -> MembershipSettings {
        try MembershipSettings(
            period: .milliseconds(100), pingTimeout: .milliseconds(50), gossipInterval: .milliseconds(20),
            exchangeInterval: .milliseconds(300))
    }
}
