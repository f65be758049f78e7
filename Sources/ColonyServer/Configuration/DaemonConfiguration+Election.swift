import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Foundation

extension DaemonConfiguration.Cluster {
    /// Which daemons of a cluster publish for schedules.
    public enum SchedulePublishers: String, Sendable, Hashable, CaseIterable {
        /// All of them: each tick is taken by one of those that share a store.
        case store
        /// The leader, for daemons that have the same schedules in stores of their own.
        case leader
    }

    /// The port to listen on for the others that vote, where nothing says otherwise.
    static let defaultElectionPort = 7_947

    /// Who elects, and where they listen.
    private func electors() throws(DaemonError) -> [NodeID: MemberAddress] {
        var electors: [NodeID: MemberAddress] = [:]
        for text in self.voters {
            guard let equals = text.lastIndex(of: "=") else {
                throw DaemonError(
                    .invalidConfiguration, "cluster.voters: \(NameRules.quoted(text)) is not NAME=HOST:PORT")
            }
            do {
                let id = try NodeID(String(text[..<equals]))
                guard
                    electors.updateValue(try MemberAddress(String(text[text.index(after: equals)...])), forKey: id)
                        == nil
                else {
                    throw DaemonError(
                        .invalidConfiguration, "cluster.voters names \(NameRules.quoted(id.rawValue)) twice")
                }
            } catch let error as DaemonError {
                throw error
            } catch {
                let reason = (error as? ClusterError)?.message ?? "\(error)"
                throw DaemonError(.invalidConfiguration, "cluster.voters: \(NameRules.quoted(text)): \(reason)")
            }
        }
        return electors
    }

    /// Refuses what cannot work, apart from files and directories.
    ///
    /// - Parameter hasOwnStore: Whether nobody else can have the store of the daemon.
    func validateElection(hasOwnStore: Bool) throws(DaemonError) {
        guard self.name != nil else { return }
        guard !self.voters.isEmpty else {
            guard self.schedules == .store else {
                throw DaemonError(
                    .invalidConfiguration,
                    "cluster.schedules is leader, but cluster.voters says of nobody who elects one")
            }
            return
        }
        guard self.schedules == .store || hasOwnStore else {
            throw DaemonError(
                .invalidConfiguration,
                "cluster.schedules is leader, and other daemons may have the store as well: what one of them leaves to the "
                    + "leader would be lost. A store that is shared decides by itself; set cluster.schedules to store")
        }
        _ = try self.election(in: ".", .unsealedOnAnyNetwork)
    }

    /// What a node of the election is made of; `nil` without one. Reads the file of keys, and makes the directory of votes.
    ///
    /// - Parameter directory: The data directory, below which votes are written down.
    func election(in directory: String?) throws(DaemonError) -> ElectionNodeConfiguration? {
        guard self.name != nil, !self.voters.isEmpty else { return nil }
        guard let directory else {
            throw DaemonError(
                .invalidConfiguration,
                "cluster.voters needs a data directory: a vote that is not written down may be given twice")
        }
        let configuration = try self.election(in: directory, try self.protection())
        do {
            try FileManager.default.createDirectory(
                atPath: configuration.directory, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw DaemonError(
                .invalidConfiguration,
                "the directory \(NameRules.quoted(configuration.directory)) for votes cannot be made: \(error)",
                cause: error)
        }
        return configuration
    }

    private func election(
        in directory: String, _ protection: ClusterProtection
    ) throws(DaemonError) -> ElectionNodeConfiguration {
        let member = try self.member()
        let cluster = try self.clusterName(self.name ?? "")
        let electors = try self.electors()
        do throws(ClusterError) {
            let own = electors[member]
            return try ElectionNodeConfiguration(
                election: "leader", cluster: cluster, node: member,
                beginning: own == nil ? .joining : .founding(try VoterSet(voters: electors.keys)),
                addresses: electors, host: self.host,
                port: self.electionPort ?? own.map { Int($0.port) } ?? Self.defaultElectionPort,
                directory: "\(directory)/votes", protection: protection,
                settings: try VotingSettings(electionTimeout: self.electionTimeout))
        } catch {
            throw DaemonError(.invalidConfiguration, "cluster: \(error.message)", cause: error)
        }
    }
}
