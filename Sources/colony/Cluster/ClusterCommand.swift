import ArgumentParser
import ColonyCore
import ColonyRemote

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "See which daemons are in a cluster, where a key lives among them, and have one leave.",
        discussion: """
            Example: colony cluster members --server http://127.0.0.1:7400

            A daemon is in a cluster if it was started with --cluster. Without --server it asks the one at $COLONY_SERVER, or at \
            \(CachePlace.defaultServer).
            """,
        subcommands: [ClusterMembersCommand.self, ClusterRingCommand.self, ClusterLeaveCommand.self]
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
        let text = self.server ?? Environment["COLONY_SERVER"] ?? CachePlace.defaultServer
        do {
            return try RemoteCluster(url: try EngineURL(text), token: Environment["COLONY_TOKEN"])
        } catch {
            throw Failure("invalid_request", "\(origin): \(error)", exitCode: .usage)
        }
    }
}
