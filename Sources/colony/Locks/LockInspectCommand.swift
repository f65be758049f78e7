import ArgumentParser
import ColonyCore
import ColonyRemote

struct LockInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show who holds a lock, for how long, and who waits.",
        discussion: """
            Example: colony lock inspect nightly-report

            Exits with 1 if nobody holds it.
            """
    )

    @OptionGroup var lock: LockNameArgument
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        guard let record = try await self.stores.engine().inspect(self.lock.name) else {
            throw Failure("not_found", "nobody holds the lock \(self.lock.name).")
        }
        StandardOutput.write(
            self.output.json ? try JSONText.of(LockDocument(record)) : LockPresentation.details(record))
    }
}
