import ArgumentParser

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Publish messages, run a command for each, and deal with those that failed.",
        discussion: """
            Example: colony queue consume mail --concurrency 4 -- ./send-mail.sh
            """,
        subcommands: [
            QueuePublishCommand.self, QueueConsumeCommand.self, QueuePeekCommand.self, QueueListCommand.self,
            QueueInspectCommand.self, QueueDeclareCommand.self, QueuePurgeCommand.self, QueueDeleteCommand.self,
            QueuePauseCommand.self, QueueResumeCommand.self, QueueCancelCommand.self, QueueDeadCommand.self,
        ]
    )
}
