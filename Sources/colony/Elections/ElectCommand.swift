import ArgumentParser

struct ElectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "elect",
        abstract: "Run a command on one host of many, and see which one leads.",
        discussion: """
            Example: colony elect run scheduler --store etcd://10.0.0.1:2379 -- ./scheduler.sh
            """,
        subcommands: [ElectRunCommand.self, ElectStatusCommand.self]
    )
}
