import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Foundation

extension DaemonConfiguration {
    /// Which cluster the daemon is a member of, and how the members reach each other.
    public struct Cluster: Sendable, Hashable {
        /// The name of the cluster; `nil` keeps the daemon by itself.
        public var name: String?
        /// What the daemon is called in it; `nil` is the name of the host.
        public var node: String?
        /// Where it listens for other members, by UDP and TCP.
        public var host = "127.0.0.1"
        /// The port for both; 0 takes one that is free for both.
        public var port = ClusterNodeConfiguration.defaultPort
        /// How others reach it, as `host:port`; `nil` for where it listens.
        public var advertise: String?
        /// Members that it asks for the others, each as `host:port`.
        public var join: [String] = []
        /// A file with the keys of the cluster, one a line, the one to seal with first.
        public var keyFile: String?

        public init() {}

        func validate() throws(DaemonError) {
            guard self.name != nil else {
                guard self.join.isEmpty else {
                    throw DaemonError(
                        .invalidConfiguration,
                        "cluster.join names \(NameRules.quoted(self.join[0])), but cluster.name says of no cluster")
                }
                return
            }
            // The keys are read when the daemon is made, and not each time that its configuration is looked at.
            _ = try self.configuration(.unsealedOnAnyNetwork)
            guard self.keyFile != nil || Gatekeeper.isLoopbackHost(self.host) else {
                throw DaemonError(
                    .unsafeAddress,
                    "cluster.host \(NameRules.quoted(self.host)) is not a loopback address, so everybody on the "
                        + "network could be a member: give the cluster a key with cluster.key_file")
            }
        }

        /// What a node of it is made of; `nil` without a cluster. Reads the file of keys.
        func configuration() throws(DaemonError) -> ClusterNodeConfiguration? {
            guard let keyFile else { return try self.configuration(.unsealedOnLoopback) }
            do {
                return try self.configuration(.keyring(try ClusterKeyring(file: keyFile)))
            } catch let error as ClusterError {
                throw DaemonError(.invalidConfiguration, "cluster.key_file: \(error.message)")
            } catch {
                throw error as? DaemonError ?? DaemonError(.invalidConfiguration, "\(error)")
            }
        }

        private func configuration(_ protection: ClusterProtection) throws(DaemonError) -> ClusterNodeConfiguration? {
            guard let name else { return nil }
            let cluster: ClusterName
            do {
                cluster = try ClusterName(name)
            } catch {
                throw DaemonError(.invalidConfiguration, "cluster.name: \(error)")
            }
            do {
                let advertised = try self.advertise.map { text throws(ClusterError) in try MemberAddress(text) }
                var seeds: [MemberAddress] = []
                for text in self.join { seeds.append(try MemberAddress(text)) }
                return try ClusterNodeConfiguration(
                    cluster: cluster, name: NodeID(self.node ?? ProcessInfo.processInfo.hostName),
                    host: self.host, port: self.port, advertisedHost: advertised?.host,
                    advertisedPort: (advertised?.port).map(Int.init), protection: protection, seeds: seeds,
                    membership: MembershipSettings())
            } catch let error as ClusterError {
                throw DaemonError(.invalidConfiguration, "cluster: \(error.message)")
            } catch {
                throw DaemonError(.invalidConfiguration, "cluster.node: \(error)")
            }
        }
    }
}
