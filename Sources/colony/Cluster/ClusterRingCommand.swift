import ArgumentParser
import ColonyCore
import ColonyHashing
import ColonyRemote

struct ClusterRingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract: "Show which share of all keys each member of a cluster has on a hash ring, or where one key lives.",
        discussion: """
            Example: colony cluster ring --key user-42 --count 3

            The ring is the one of ColonyHashing with its standard points, of the members that are alive or suspected, by their names: \
            whoever makes the same ring finds the same owners.
            """
    )

    @Option(help: ArgumentHelp("Only where this key lives, its first owner first.", valueName: "key"))
    var key: String?

    @Option(help: ArgumentHelp("How many owners a key has. (default: 1)", valueName: "number"))
    var count = 1

    @OptionGroup var place: ClusterOptions
    @OptionGroup var output: OutputOptions

    private struct Owner: Encodable {
        let node: String
        let share: Double
    }

    private struct Ring: Encodable {
        let cluster: String
        let owners: [Owner]
    }

    private struct Place: Encodable {
        let cluster: String
        let key: String
        let owners: [String]
    }

    mutating func validate() throws {
        guard self.count >= 1 else { throw ValidationError("--count \(self.count) is less than 1.") }
        guard self.key != nil || self.count == 1 else {
            throw ValidationError("--count says something only with --key.")
        }
    }

    mutating func run() async throws {
        let cluster = try await self.place.cluster().read()
        let nodes = cluster.members.filter { $0.state == "alive" || $0.state == "suspected" }.map(\.node)
        guard !nodes.isEmpty else {
            throw Failure("out", "\(cluster.node) knows no member of the cluster.", exitCode: .tryAgainLater)
        }
        let ring = try HashRing(nodes.map { PlacementMember($0) })
        if let key {
            guard self.count <= nodes.count else {
                throw Failure(
                    "invalid_request", "--count \(self.count) is more than there are members: \(nodes.count).",
                    exitCode: .usage)
            }
            let owners = try ring.nodes(for: key, count: self.count)
            return StandardOutput.write(
                self.output.json
                    ? try JSONText.of(Place(cluster: cluster.cluster, key: key, owners: owners))
                    : owners.joined(separator: "\n"))
        }
        let owners = zip(ring.nodes, ring.shares).map { Owner(node: $0, share: $1) }.sorted { $0.node < $1.node }
        if self.output.json {
            return StandardOutput.write(try JSONText.of(Ring(cluster: cluster.cluster, owners: owners)))
        }
        var table = TextTable([.init("NODE"), .init("SHARE", isNumeric: true)])
        for owner in owners {
            let tenths = Int((owner.share * 1_000).rounded())
            table.rows.append([owner.node, "\(tenths / 10).\(tenths % 10) %"])
        }
        StandardOutput.write(table.lines.joined(separator: "\n"))
    }
}
