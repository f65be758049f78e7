import ArgumentParser
import ColonyCore
import ColonyTransactions

struct SagaInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show the steps of a transaction, what has happened, and what can be decided if it is stuck.",
        discussion: """
            Example: colony saga inspect order-4711

            Exits with 1 if there is no such transaction.
            """
    )

    @OptionGroup var transaction: TransactionIDArgument
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let document = try await self.stores.transactions().existing(self.transaction.id)
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(document) : SagaPresentation.details(document, now: SystemWallClock().now))
    }
}
