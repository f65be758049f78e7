import ArgumentParser

struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Read and write entries of a shared cache: a daemon's, Redis, or memcached.",
        discussion: """
            Example: colony cache set greeting hello --ttl 10m

            Without --server and --store it asks the daemon at $COLONY_SERVER, or at \(CachePlace.defaultServer).
            """,
        subcommands: [
            CacheGetCommand.self, CacheSetCommand.self, CacheDeleteCommand.self, CacheStatsCommand.self,
        ]
    )
}
