import ArgumentParser
import ColonyCoordination
import ColonyCore

struct SemaphoreRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command while holding permits of a semaphore.",
        discussion: """
            Example: colony semaphore run uploads --limit 4 --wait 10s -- ./upload.sh

            Waits its turn, for ever unless --wait says otherwise, then runs the command with COLONY_FENCING_TOKEN and \
            COLONY_SEMAPHORE_NAME in its environment, renews the lease on the permits while it runs, and gives them back when \
            it ends. All who share a name must give the same --limit: each request is judged by the limit that it brings.

            If the lease is lost, the command and all it has started get SIGTERM, and SIGKILL after --grace; see: colony \
            explain fencing. If this program is killed, the command is killed too.

            Exit codes: the command's own, 128 + n if signal n ended it, 127 if it was not found, 126 if it cannot be run, \
            75 if the permits were not free in time, 1 if the lease was lost, 64 for wrong usage.
            """
    )

    @Argument(
        help: ArgumentHelp("The semaphore: 1 to 255 bytes of UTF-8 without control characters.", valueName: "name"),
        transform: { try LeaseName($0) })
    var name: LeaseName

    @Option(help: ArgumentHelp("How many permits there are in all.", valueName: "count"))
    var limit: Int

    @Option(help: ArgumentHelp("How many this command needs. (default: 1)", valueName: "count"))
    var permits = 1

    @Option(
        help: .duration(
            "How long the permits stay taken if this host dies; renewed at every third of it. 10ms to 24h. (default: 30s)"
        ),
        transform: DurationArgument.lease)
    var ttl = DurationArgument(.seconds(30))

    @Option(
        help: .duration("How long to wait for the permits; 0s asks once. (default: for ever)"),
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
        guard (1...PermitLimits.permits).contains(self.limit) else {
            throw ValidationError("--limit \(self.limit) is not from 1 to \(PermitLimits.permits).")
        }
        guard (1...self.limit).contains(self.permits) else {
            throw ValidationError("--permits \(self.permits) is not from 1 to the limit of \(self.limit).")
        }
        if self.command.isEmpty {
            throw ValidationError("The command is missing: put it after --, as in -- ./upload.sh")
        }
    }

    mutating func run() async throws {
        let place = try self.stores.place()
        guard let engine = try place.makeEngine() as? any PermitEngine else {
            throw Failure("invalid_request", "\(place) keeps no semaphores.", exitCode: .usage)
        }
        let purpose = LockSession.Purpose.permits(self.permits, of: self.limit, on: engine)
        let session = LockSession(
            purpose, name: self.name, engine: engine, words: try CommandLineWords.ofThisProcess().command,
            ttl: self.ttl.value, wait: self.wait?.value, grace: self.grace.value,
            report: LockReport(purpose, name: self.name, isJSON: self.output.json))
        Failure.exit(ExitCode(try await session.run()))
    }
}
