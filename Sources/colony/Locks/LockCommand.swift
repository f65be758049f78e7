import ArgumentParser

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Run commands one at a time, and see who holds what.",
        discussion: """
            Example: colony lock run nightly-report --ttl 30s -- ./report.sh
            """,
        subcommands: [
            LockRunCommand.self, LockListCommand.self, LockInspectCommand.self, LockBreakCommand.self,
        ]
    )
}
