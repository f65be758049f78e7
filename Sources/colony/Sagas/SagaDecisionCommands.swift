import ArgumentParser
import ColonyCore
import ColonyTransactions

struct SagaRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Have a stuck transaction go on where it stopped.",
        discussion: """
            Example: colony saga retry order-4711 --note "the bank is back"

            What failed is tried as often as at first. Exits with 1 if it is not stuck.
            """
    )

    @OptionGroup var transaction: TransactionIDArgument
    @OptionGroup var decision: DecisionOptions
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        try await SagaDecision.make(
            .retry, self.transaction.id, self.decision, self.stores, isJSON: self.output.json, "goes on")
    }
}

struct SagaSkipCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skip",
        abstract: "Take the step at which a transaction is stuck for done, because somebody has seen to it.",
        discussion: """
            Example: colony saga skip order-4711 --output '{"receipt":"R-17"}' --note "paid by hand"

            It goes on with what comes after the step. Exits with 1 if it is not stuck.
            """
    )

    @OptionGroup var transaction: TransactionIDArgument

    @Option(
        name: .customLong("output"),
        help: ArgumentHelp("What the action would have given; not for a compensation.", valueName: "json"),
        transform: { try SagaArguments.json($0) })
    var result: [UInt8]?

    @OptionGroup var decision: DecisionOptions
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        try await SagaDecision.make(
            .skip(output: self.result), self.transaction.id, self.decision, self.stores, isJSON: self.output.json,
            "goes on after the step")
    }
}

struct SagaTurnBackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "turn-back",
        abstract: "Have a stuck transaction undo what it has done.",
        discussion: """
            Example: colony saga turn-back order-4711 --note "the customer has left"

            Possible as long as no step was begun that cannot be undone. Exits with 1 if it is not stuck.
            """
    )

    @OptionGroup var transaction: TransactionIDArgument
    @OptionGroup var decision: DecisionOptions
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        try await SagaDecision.make(
            .turnBack, self.transaction.id, self.decision, self.stores, isJSON: self.output.json, "turns back")
    }
}

struct SagaResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Close a stuck transaction as it is: nobody is called any more.",
        discussion: """
            Example: colony saga resolve order-4711 --as compensated --note "refunded and restocked by hand"

            Exits with 1 if it is not stuck.
            """
    )

    @OptionGroup var transaction: TransactionIDArgument

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("What it has come to: completed or compensated.", valueName: "end"),
        transform: { try SagaArguments.end($0) })
    var end: TransactionState

    @OptionGroup var decision: DecisionOptions
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        try await SagaDecision.make(
            .resolve(self.end), self.transaction.id, self.decision, self.stores, isJSON: self.output.json,
            "is closed as \(self.end.rawValue)")
    }
}

struct SagaCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Have a transaction undo what it has done, unless it is past the point of no return.",
        discussion: """
            Example: colony saga cancel order-4711

            Who works on it turns it back as soon as no call is under way. Exits with 1 if it has ended.
            """
    )

    @OptionGroup var transaction: TransactionIDArgument
    @OptionGroup var decision: DecisionOptions
    @OptionGroup var stores: StoreOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let document = try await self.stores.transactions().cancel(
            self.transaction.id, by: try self.decision.person(), note: self.decision.note)
        StandardOutput.write(
            self.output.json
                ? try JSONText.of(document)
                : "The transaction \(NameRules.quoted(document.id)) is to turn back; it is \(document.state).")
    }
}

/// What the commands that decide have in common.
private enum SagaDecision {
    /// - Parameter sequel: What the transaction does then, for people.
    static func make(
        _ intervention: Intervention, _ transaction: TransactionID, _ decision: DecisionOptions,
        _ stores: StoreOptions, isJSON: Bool, _ sequel: String
    ) async throws {
        let document = try await stores.transactions().decide(
            intervention, about: transaction, by: try decision.person(), note: decision.note)
        StandardOutput.write(
            isJSON
                ? try JSONText.of(document) : "The transaction \(NameRules.quoted(document.id)) \(sequel).")
    }
}
