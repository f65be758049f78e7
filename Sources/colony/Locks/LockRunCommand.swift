import ArgumentParser
import ColonyCore

struct LockRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command while holding a lock.",
        discussion: """
            Example: colony lock run nightly-report --ttl 30s --wait 10s -- ./report.sh --full

            Waits its turn, for ever unless --wait says otherwise, then runs the command with COLONY_FENCING_TOKEN and \
            COLONY_LOCK_NAME in its environment, renews the lease while it runs, and gives the lock back when it ends.

            If the lease is lost, the command and all it has started get SIGTERM, and SIGKILL after --grace. Another holder \
            may start a tenth of --ttl after the loss was noticed, so what the command writes to should refuse a token lower \
            than the highest it has seen; see: colony explain fencing. If this program is killed, the command is killed too.

            Exit codes: the command's own, 128 + n if signal n ended it, 127 if it was not found, 126 if it cannot be run, \
            75 if the lock was not free in time, 1 if the lease was lost, 64 for wrong usage.
            """
    )

    @OptionGroup var lock: LockNameArgument

    @Option(
        help: .duration(
            "How long the lock stays taken if this host dies; renewed at every third of it. 10ms to 24h. (default: 30s)"
        ),
        transform: DurationArgument.lease)
    var ttl = DurationArgument(.seconds(30))

    @Option(
        help: .duration("How long to wait for the lock; 0s asks once. (default: for ever)"),
        transform: { try DurationArgument($0) })
    var wait: DurationArgument?

    @Option(
        help: .duration("How long after SIGTERM the command is killed when the lease is lost. (default: 10s)"),
        transform: { try DurationArgument($0) })
    var grace = DurationArgument(.seconds(10))

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
    var command: [String] = []

    mutating func validate() throws {
        if self.command.isEmpty {
            throw ValidationError("The command is missing: put it after --, as in -- ./report.sh")
        }
    }

    mutating func run() async throws {
        let session = LockSession(
            name: self.lock.name, engine: try self.stores.engine(),
            words: try CommandLineWords.ofThisProcess().command,
            ttl: self.ttl.value, wait: self.wait?.value, grace: self.grace.value,
            report: LockReport(name: self.lock.name, isJSON: self.output.json))
        Failure.exit(ExitCode(try await session.run()))
    }
}
