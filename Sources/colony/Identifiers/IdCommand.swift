import ArgumentParser

struct IdCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id",
        abstract: "Make identifiers, and take them apart.",
        discussion: """
            Example: colony id new --kind uuid7 --count 3
            """,
        subcommands: [IdNewCommand.self, IdParseCommand.self]
    )
}
