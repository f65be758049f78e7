import ArgumentParser

struct SagaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saga",
        abstract: "Start transactions across services, see where they stand, and decide about those that are stuck.",
        discussion: """
            Example: colony saga list --state stuck

            Sagas, TCC, and two-phase commits: colony explain transactions.
            """,
        subcommands: [
            SagaStartCommand.self, SagaListCommand.self, SagaInspectCommand.self, SagaRetryCommand.self,
            SagaSkipCommand.self, SagaTurnBackCommand.self, SagaResolveCommand.self, SagaCancelCommand.self,
        ]
    )
}
