import ArgumentParser
import ColonyCore

/// The command tree. Each command lives in a file of its own.
struct Colony: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "colony",
        abstract:
            "Locks, semaphores, elections, rate limits, queues, sagas, identifiers, a shared cache, and a load balancer for programs in any language, on one machine or many.",
        discussion: """
            Example: colony lock run nightly-report --ttl 30s -- ./report.sh

            Exit codes: 0 done, 1 failed, 64 wrong usage, 75 try again later (the lock is busy, the queue is full,
            no worker is free, the limit is used up, the cache does not answer).
            Shell completions: colony --generate-completion-script bash (or zsh, or fish).
            """,
        version: Version.current,
        subcommands: [
            ServeCommand.self, LockCommand.self, SemaphoreCommand.self, ElectCommand.self, LimitCommand.self,
            QueueCommand.self, SagaCommand.self,
            IdCommand.self, CacheCommand.self, ProxyCommand.self, ClusterCommand.self, VerifyCommand.self,
            BenchCommand.self, ExplainCommand.self,
        ]
    )
}
