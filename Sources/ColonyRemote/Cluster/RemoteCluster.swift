package import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

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

    /// Has another daemon lead. To be asked of the one that leads.
    ///
    /// - Returns: Whether anything has to change.
    package func handOver(to node: String) async throws(LeaseError) -> Bool {
        try await self.change(.post, "/v1/cluster/leader", ["node": node])
    }

    /// Has a daemon vote or look on. To be asked of the one that leads.
    ///
    /// - Returns: Whether this changed anything.
    package func setVoter(_ node: String, role: String, priority: Int) async throws(LeaseError) -> Bool {
        struct Request: Encodable {
            let role: String
            let priority: Int
        }
        return try await self.change(.put, Self.path(of: node), Request(role: role, priority: priority))
    }

    /// Has a daemon neither vote nor look on. To be asked of the one that leads.
    ///
    /// - Returns: Whether this changed anything.
    package func removeVoter(_ node: String) async throws(LeaseError) -> Bool {
        try await self.change(.delete, Self.path(of: node), String?.none)
    }

    private static func path(of node: String) -> String { "/v1/cluster/voters/\(PercentEncoding.encoded(node))" }

    private func change(
        _ method: DaemonConnection.Method, _ path: String, _ request: (some Encodable)?
    ) async throws(LeaseError) -> Bool {
        let body: Data?
        do {
            body = try request.map { try JSONEncoder().encode($0) }
        } catch {
            throw LeaseError(.invalidRequest, "the request cannot be written as JSON: \(error)")
        }
        let answer = try await self.connection.send(method, path, body: body)
        // Not done, and possible later or elsewhere.
        if answer.status == 409 { throw LeaseError(.unavailable, answer.error.message) }
        guard answer.status == 200 else { throw answer.error }
        return try answer.decoded(as: Changed.self).changed
    }

    /// For how long a daemon says good-bye at the most.
    private static let farewell: Duration = .seconds(60)
}

/// Whether a request changed anything.
private struct Changed: Decodable {
    let changed: Bool
}

/// A cluster as daemons tell of it.
package struct ClusterDocument: Codable, Sendable {
    package struct Member: Codable, Sendable {
        package var node: String
        package var address: String
        package var state: String
        package var incarnation: UInt64
        package var share: Double?
        package var url: String?
    }

    /// Who leads, by the votes of the daemons.
    package struct Election: Codable, Sendable {
        package struct Voter: Codable, Sendable {
            package var node: String
            package var role: String
            package var priority: Int
            package var answers: Bool?
        }

        package struct Term: Codable, Sendable {
            package var term: UInt64
            package var leader: String
            package var since: String
            package var until: String?
            package var reason: String?
        }

        package var term: UInt64
        package var position: String?
        package var leader: String?
        package var leader_url: String?
        package var settled: Bool?
        package var schedules: String
        package var voters: [Voter]
        package var terms: [Term]
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
    package var election: Election?
}
