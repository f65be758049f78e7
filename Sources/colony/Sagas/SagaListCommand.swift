import ArgumentParser
import ColonyCore
import ColonyTransactions

struct SagaListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List transactions: stuck ones first, then open ones, then those that have ended.",
        discussion: "Example: colony saga list --state stuck,compensating --name place-order"
    )

    @Option(
        help: ArgumentHelp(
            "Only these states: running, compensating, stuck, completed, compensated; several with commas between.",
            valueName: "states"),
        transform: { try SagaArguments.states($0) })
    var state: [TransactionState] = []

    @Option(help: ArgumentHelp("Only those of this name.", valueName: "name"))
    var name: String?

    @Option(help: ArgumentHelp("No more than so many. (default: 100)", valueName: "count"))
    var limit = 100

    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        guard (1...100_000).contains(self.limit) else {
            throw ValidationError("--limit \(self.limit) is not from 1 to 100000.")
        }
    }

    mutating func run() async throws {
        let desk = try self.stores.transactions()
        let page = try await desk.list(self.state, named: self.name, limit: self.limit)
        if self.output.json { return StandardOutput.write(try JSONText.of(page)) }
        if page.transactions.isEmpty {
            StandardError.write(
                self.state.isEmpty && self.name == nil
                    ? "There is no transaction." : "There is no transaction of this state and name.")
        } else {
            StandardOutput.write(SagaPresentation.table(page.transactions, now: SystemWallClock().now))
        }
        if page.transactions.count == self.limit { StandardError.write(SagaPresentation.counts(page.counts)) }
    }
}
