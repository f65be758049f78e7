import ArgumentParser
import ColonyCore
import ColonyRemote

struct ClusterVotersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "voters",
        abstract: "Show and change which daemons elect the leader of a cluster.",
        discussion: """
            Example: colony cluster voters set d --observer

            One change at a time: each has to reach a majority before the next. The leader is asked, wherever it is.
            """,
        subcommands: [ListVoters.self, SetVoter.self, RemoveVoter.self], defaultSubcommand: ListVoters.self
    )
}

private struct ListVoters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the daemons that vote or look on.",
        discussion: "Example: colony cluster voters list")

    @OptionGroup var place: ClusterOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let cluster = try await self.place.cluster().read()
        let election = try self.place.election(of: cluster)
        if self.output.json { return StandardOutput.write(try JSONText.of(election.voters)) }
        var table = TextTable([.init("NODE"), .init("ROLE"), .init("PRIORITY", isNumeric: true), .init("ANSWERS")])
        for voter in election.voters {
            let mark = voter.node == election.leader ? " (leads)" : ""
            table.rows.append([
                voter.node + mark, voter.role, "\(voter.priority)", voter.answers.map { $0 ? "yes" : "no" } ?? "-",
            ])
        }
        StandardOutput.write(table.lines.joined(separator: "\n"))
    }
}

private struct SetVoter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Have a member vote or look on, or give it another priority.",
        discussion: """
            Example: colony cluster voters set d --priority 10

            A new voter should look on first, until it answers. A leader hands over to a voter of a greater priority that has been well \
            for a while.
            """)

    @Argument(help: ArgumentHelp("What it is called in the cluster.", valueName: "node"))
    var node: String

    @Flag(help: "It is told who leads, and does not vote.")
    var observer = false

    @Option(help: ArgumentHelp("From 0 to 255.", valueName: "number"))
    var priority = 0

    @OptionGroup var place: ClusterOptions

    mutating func validate() throws {
        guard (0...255).contains(self.priority) else {
            throw ValidationError("--priority \(self.priority) is not from 0 to 255.")
        }
    }

    mutating func run() async throws {
        try await self.place.change { leader throws(LeaseError) in
            try await leader.setVoter(
                self.node, role: self.observer ? "observer" : "voter", priority: self.priority)
        }
    }
}

private struct RemoveVoter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Have a daemon neither vote nor look on any more.",
        discussion: "Example: colony cluster voters remove d")

    @Argument(help: ArgumentHelp("What it is called in the cluster.", valueName: "node"))
    var node: String

    @OptionGroup var place: ClusterOptions

    mutating func run() async throws {
        try await self.place.change { leader throws(LeaseError) in try await leader.removeVoter(self.node) }
    }
}
