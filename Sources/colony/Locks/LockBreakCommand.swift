import ArgumentParser
import ColonyCore
import ColonyRemote

struct LockBreakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "break",
        abstract: "Take a lock away from its holder.",
        discussion: """
            Example: colony lock break nightly-report --yes

            The holder learns of it when it next renews, a third of its lease later at the most. Until then only the check \
            of its fencing token at the resource keeps its writes out. Exits with 1 if nobody holds the lock.
            """
    )

    @OptionGroup var lock: LockNameArgument

    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let engine = try self.stores.administration()
        if !self.yes {
            guard StandardInput.isTerminal else {
                throw Failure(
                    "invalid_request",
                    "there is no terminal to ask at. Give --yes to break \(self.lock.name) without asking.",
                    exitCode: .usage)
            }
            guard let record = try await engine.inspect(self.lock.name) else { throw self.notHeld }
            StandardError.write(LockPresentation.details(record))
            guard StandardInput.confirm("Break \(record.name), which \(record.owner) may still be working under?")
            else {
                throw Failure("refused", "nothing was broken.")
            }
        }
        guard let broken = try await engine.breakLease(self.lock.name) else { throw self.notHeld }
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(LockDocument(broken))
                : "Broke \(broken.name), held by \(broken.owner) with token \(broken.token) for \(broken.age.wholeSeconds)."
        )
    }

    private var notHeld: Failure { Failure("not_found", "nobody holds the lock \(self.lock.name).") }
}
