import ArgumentParser

struct LimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Take permits of a rate limit that many programs share, and see which limits are in use.",
        discussion: """
            Example: colony limit take mails --rate 100 --per 1h && ./send-mail.sh
            """,
        subcommands: [LimitTakeCommand.self, LimitListCommand.self, LimitResetCommand.self]
    )
}
