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
        /// Who elects the leader of the cluster, each as `NAME=HOST:PORT`; the same for all daemons. Without any there is no election.
        public var voters: [String] = []
        /// Where the daemon listens for the others that vote; `nil` is the port of its own entry in ``voters``.
        public var electionPort: Int?
        /// How long voters wait for a leader that is not heard before they elect another one, at least.
        public var electionTimeout: Duration = .seconds(1)
        /// Which daemons publish for schedules.
        public var schedules = SchedulePublishers.store

        public init() {}

        func validate() throws(DaemonError) {
            guard self.name != nil else {
                guard self.join.isEmpty else {
                    throw DaemonError(
                        .invalidConfiguration,
                        "cluster.join names \(NameRules.quoted(self.join[0])), but cluster.name says of no cluster")
                }
                guard self.voters.isEmpty else {
                    throw DaemonError(
                        .invalidConfiguration,
                        "cluster.voters names \(NameRules.quoted(self.voters[0])), but cluster.name says of no cluster")
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
            try self.configuration(try self.protection())
        }

        /// What seals what members send. Reads the file of keys.
        func protection() throws(DaemonError) -> ClusterProtection {
            guard let keyFile else { return .unsealedOnLoopback }
            do throws(ClusterError) {
                return .keyring(try ClusterKeyring(file: keyFile))
            } catch {
                throw DaemonError(.invalidConfiguration, "cluster.key_file: \(error.message)", cause: error)
            }
        }

        /// What the daemon is called in the cluster.
        func member() throws(DaemonError) -> NodeID {
            do {
                return try NodeID(self.node ?? ProcessInfo.processInfo.hostName)
            } catch {
                throw DaemonError(.invalidConfiguration, "cluster.node: \(error)")
            }
        }

        func clusterName(_ name: String) throws(DaemonError) -> ClusterName {
            do {
                return try ClusterName(name)
            } catch {
                throw DaemonError(.invalidConfiguration, "cluster.name: \(error)")
            }
        }

        private func configuration(_ protection: ClusterProtection) throws(DaemonError) -> ClusterNodeConfiguration? {
            guard let name else { return nil }
            let cluster = try self.clusterName(name)
            let member = try self.member()
            do throws(ClusterError) {
                let advertised = try self.advertise.map { text throws(ClusterError) in try MemberAddress(text) }
                var seeds: [MemberAddress] = []
                for text in self.join { seeds.append(try MemberAddress(text)) }
                return try ClusterNodeConfiguration(
                    cluster: cluster, name: member, host: self.host, port: self.port, advertisedHost: advertised?.host,
                    advertisedPort: (advertised?.port).map(Int.init), protection: protection, seeds: seeds,
                    membership: MembershipSettings())
            } catch {
                throw DaemonError(.invalidConfiguration, "cluster: \(error.message)", cause: error)
            }
        }
    }
}
