import ArgumentParser
import ColonyRemote

struct ClusterMembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "List the members of a cluster, as one of them sees it.",
        discussion: """
            Example: colony cluster members --json

            A member that is suspected has not answered somebody, and is taken for failed unless it contradicts. Exits with 75 if the \
            daemon is no member yet, or another process has its name.
            """
    )

    @OptionGroup var place: ClusterOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let cluster = try await self.place.cluster().read()
        if self.output.json {
            StandardOutput.write(try JSONText.of(cluster))
        } else {
            StandardOutput.write(Self.table(cluster).lines.joined(separator: "\n"))
        }
        switch cluster.standing {
        case "joining":
            throw Failure(
                "joining", "\(cluster.node) asks for the cluster, and nobody has answered yet.",
                exitCode: .tryAgainLater)
        case "displaced":
            throw Failure(
                "displaced",
                "\(cluster.node) is no member: the process at \(cluster.displaced_by ?? "another address") has its name.",
                exitCode: .tryAgainLater)
        case "out":
            throw Failure("out", "\(cluster.node) has left the cluster.", exitCode: .tryAgainLater)
        default: break
        }
    }

    private static func table(_ cluster: ClusterDocument) -> TextTable {
        var table = TextTable([.init("NODE"), .init("STATE"), .init("ADDRESS"), .init("SERVES AT")])
        for member in cluster.members {
            let mark = member.node == cluster.node ? " *" : ""
            table.rows.append([member.node + mark, member.state, member.address, member.url ?? "-"])
        }
        return table
    }
}
