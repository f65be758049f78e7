import ArgumentParser
import ColonyCore
import ColonyRemote

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "See which daemons are in a cluster, which one leads, and where a key lives among them.",
        discussion: """
            Example: colony cluster members --server http://127.0.0.1:7400

            A daemon is in a cluster if it was started with --cluster. Without --server it asks the one at $COLONY_SERVER, or at \
            \(CachePlace.defaultServer).
            """,
        subcommands: [
            ClusterMembersCommand.self, ClusterLeaderCommand.self, ClusterVotersCommand.self, ClusterRingCommand.self,
            ClusterLeaveCommand.self,
        ]
    )
}

/// Which daemon is asked.
struct ClusterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon to ask, with the token in $COLONY_TOKEN if it wants one. "
                + "(default: $COLONY_SERVER, or \(CachePlace.defaultServer))", valueName: "url"))
    var server: String?

    func cluster() throws -> RemoteCluster {
        let origin = self.server != nil ? "--server" : "COLONY_SERVER"
        return try self.cluster(
            at: self.server ?? Environment["COLONY_SERVER"] ?? CachePlace.defaultServer, from: origin)
    }

    private func cluster(at text: String, from origin: String) throws -> RemoteCluster {
        do {
            return try RemoteCluster(url: try EngineURL(text), token: Environment["COLONY_TOKEN"])
        } catch {
            throw Failure("invalid_request", "\(origin): \(error)", exitCode: .usage)
        }
    }

    /// The election of a cluster.
    ///
    /// - Throws: ``Failure`` if there is none.
    func election(of cluster: ClusterDocument) throws -> ClusterDocument.Election {
        guard let election = cluster.election else {
            throw Failure(
                "not_offered", "\(cluster.cluster) elects nobody: set cluster.voters for all of its servers.",
                exitCode: .failure)
        }
        return election
    }

    /// The daemon that leads, which alone can change something about the election.
    ///
    /// - Throws: ``Failure`` if nobody leads, or the leader has not said where it serves.
    func leading() async throws -> RemoteCluster {
        let asked = try self.cluster()
        let cluster = try await asked.read()
        let election = try self.election(of: cluster)
        guard let leader = election.leader else { throw Self.leaderless(cluster) }
        if leader == cluster.node { return asked }
        guard let url = election.leader_url else {
            throw Failure(
                "unavailable", "\(leader) leads \(cluster.cluster), and has not said yet where it serves.",
                exitCode: .tryAgainLater)
        }
        return try self.cluster(at: url, from: "the address of \(leader)")
    }

    /// Changes something about the election.
    ///
    /// - Throws: ``Failure`` that says to try again later where the change is not possible at present.
    func change(_ body: (RemoteCluster) async throws(LeaseError) -> Bool) async throws {
        let leader = try await self.leading()
        do throws(LeaseError) {
            _ = try await body(leader)
        } catch {
            guard error.code == .unavailable else { throw error }
            throw Failure("unavailable", error.message, exitCode: .tryAgainLater)
        }
    }

    static func leaderless(_ cluster: ClusterDocument) -> Failure {
        Failure(
            "no_leader", "nobody leads \(cluster.cluster), as far as \(cluster.node) knows.", exitCode: .tryAgainLater)
    }
}
