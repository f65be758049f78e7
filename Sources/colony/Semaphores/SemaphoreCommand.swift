import ArgumentParser

struct SemaphoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "semaphore",
        abstract: "Run at most so many commands at a time, and see who holds permits.",
        discussion: """
            Example: colony semaphore run uploads --limit 4 -- ./upload.sh
            """,
        subcommands: [SemaphoreRunCommand.self, SemaphoreListCommand.self]
    )
}
