import ArgumentParser
import ColonyCore

struct ElectRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command while leading an election.",
        discussion: """
            Example: colony elect run scheduler --metadata http://10.0.0.7:8080 -- ./scheduler.sh

            Campaigns, for ever unless --wait says otherwise, then runs the command with the term in COLONY_FENCING_TOKEN and \
            the name in COLONY_ELECTION_NAME, stays the leader while it runs, and resigns when it ends.

            If the leadership is lost, the command and all it has started get SIGTERM, and SIGKILL after --grace. The next \
            leader may start a tenth of --ttl after the loss was noticed, so what the command writes to should refuse a term \
            lower than the highest it has seen; see: colony explain fencing. To campaign again after a loss, let a \
            supervisor such as systemd start this program again.

            Exit codes: the command's own, 128 + n if signal n ended it, 127 if it was not found, 126 if it cannot be run, \
            75 if another led until --wait was over, 1 if the leadership was lost, 64 for wrong usage.
            """
    )

    @OptionGroup var election: ElectionNameArgument

    @Option(
        help: .duration("How long nobody leads if this host dies; renewed at every third. 10ms to 24h. (default: 30s)"),
        transform: DurationArgument.lease)
    var ttl = DurationArgument(.seconds(30))

    @Option(
        help: .duration("How long to campaign; 0s asks once. (default: for ever)"),
        transform: { try DurationArgument($0) })
    var wait: DurationArgument?

    @Option(
        help: .duration("How long after SIGTERM the command is killed when the leadership is lost. (default: 10s)"),
        transform: { try DurationArgument($0) })
    var grace = DurationArgument(.seconds(10))

    @Option(
        help: ArgumentHelp(
            "What `elect status` shows of this leader, such as an address. The store must keep records.",
            valueName: "text"))
    var metadata: String?

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
    var command: [String] = []

    mutating func validate() throws {
        if self.command.isEmpty {
            throw ValidationError("The command is missing: put it after --, as in -- ./scheduler.sh")
        }
    }

    mutating func run() async throws {
        let purpose = LockSession.Purpose.leadership(metadata: self.metadata)
        let session = LockSession(
            purpose, name: self.election.name, engine: try self.stores.engine(),
            words: try CommandLineWords.ofThisProcess().command,
            ttl: self.ttl.value, wait: self.wait?.value, grace: self.grace.value,
            report: LockReport(purpose, name: self.election.name, isJSON: self.output.json))
        Failure.exit(ExitCode(try await session.run()))
    }
}

/// The name of an election on the command line.
struct ElectionNameArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The election: 1 to 246 bytes of UTF-8 without control characters.", valueName: "name"),
        transform: { try LeaseName($0) })
    var name: LeaseName
}
