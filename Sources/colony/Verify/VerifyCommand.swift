import ArgumentParser
import ColonyConformance
import ColonyCore

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Measure what a store of locks really guarantees.",
        discussion: """
            Example: colony verify sqlite:/var/lib/app/colony.db

            Puts the store to every promise of the lease interface and prints what held. The locks it takes have names of \
            their own and are given back. Exits with 1 if a promise was broken.
            """
    )

    @Argument(help: ArgumentHelp("The store or daemon: sqlite:FILE, memory:, or http://HOST:PORT.", valueName: "url"))
    var url: String

    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let place = try StorePlace(store: self.url, origin: "the URL")
        let engines = VerifiedEngines(place)
        // A place that cannot be reached at all has broken no promise.
        _ = try await engines.make().inspect("colony")
        let progress = ProgressLine()
        let report = await LeaseConformance.run(
            on: LiveLeaseHarness { try await engines.make() }, title: "\(place)"
        ) { event in
            if case .began(let check, let number, let count) = event {
                progress.show("\(number)/\(count) \(check.name)")
            }
        }
        progress.clear()
        StandardOutput.write(self.output.json ? try JSONText.of(report) : report.text)
        if !report.isPassed { throw ExitCode.failure }
    }
}
