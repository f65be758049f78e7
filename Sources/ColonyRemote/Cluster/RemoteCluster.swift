package import ColonyCore

/// The cluster that a daemon is in, as the daemon sees it.
package final class RemoteCluster: Sendable {
    private let connection: DaemonConnection

    /// Makes a client. Nothing is connected yet.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    package init(url: EngineURL, token: String?) throws(InvalidName) {
        self.connection = try DaemonConnection(
            url: url, token: token, configuration: RemoteLeaseEngine.Configuration())
    }

    /// Who is there.
    ///
    /// - Throws: `LeaseError`: `unsupported` from a daemon that is in no cluster.
    package func read() async throws(LeaseError) -> ClusterDocument {
        try await self.connection.get("/v1/cluster", as: ClusterDocument.self)
    }

    /// Has the daemon leave its cluster. Leaving again does nothing.
    package func leave() async throws(LeaseError) {
        let answer = try await self.connection.send(.post, "/v1/cluster/leave", waiting: Self.farewell)
        guard answer.status == 200 else { throw answer.error }
    }

    /// For how long a daemon says good-bye at the most.
    private static let farewell: Duration = .seconds(60)
}

/// A cluster as daemons tell of it.
package struct ClusterDocument: Codable, Sendable {
    package struct Member: Codable, Sendable {
        package var node: String
        package var address: String
        package var state: String
        package var incarnation: UInt64
        package var url: String?
    }

    package var cluster: String
    package var node: String
    package var address: String?
    package var standing: String
    package var displaced_by: String?
    package var sealed: Bool
    package var health_score: Int
    package var ignored: Int
    package var members: [Member]
}
