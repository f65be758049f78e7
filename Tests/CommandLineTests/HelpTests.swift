import Foundation
import Testing

/// Help, version, completions, and explanations.
@Suite struct HelpTests {
    static let commands = [
        [], ["serve"], ["lock"], ["lock", "run"], ["lock", "list"], ["lock", "inspect"], ["lock", "break"], ["elect"],
        ["semaphore"], ["semaphore", "run"], ["semaphore", "list"], ["limit"], ["limit", "take"], ["limit", "list"],
        ["limit", "reset"],
        ["elect", "run"], ["elect", "status"], ["id"],
        ["id", "new"],
        ["id", "parse"], ["cache"], ["cache", "get"], ["cache", "set"], ["cache", "delete"], ["cache", "stats"],
        ["queue"], ["queue", "publish"], ["queue", "consume"], ["queue", "peek"], ["queue", "list"],
        ["queue", "inspect"],
        ["queue", "declare"], ["queue", "purge"], ["queue", "delete"], ["queue", "pause"], ["queue", "resume"],
        ["queue", "cancel"], ["queue", "dead"], ["queue", "dead", "list"], ["queue", "dead", "redrive"],
        ["queue", "dead", "drop"], ["saga"], ["saga", "start"], ["saga", "list"], ["saga", "inspect"],
        ["saga", "retry"], ["saga", "skip"], ["saga", "turn-back"], ["saga", "resolve"], ["saga", "cancel"],
        ["verify"],
        ["bench"], ["explain"],
    ]

    @Test(arguments: Self.commands)
    func `every command has help with an example of itself`(words: [String]) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony(words + ["--help"])
            #expect(outcome.code == 0)
            #expect(outcome.output.contains("Example: colony \(words.joined(separator: " "))"))
        }
    }

    @Test(arguments: Self.commands.dropFirst())
    func `the help names every command of its level`(words: [String]) async throws {
        try await Scene.run { scene in
            let parent = try await scene.colony(words.dropLast() + ["--help"])
            #expect(parent.output.contains("  \(try #require(words.last)) "))
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completion scripts are generated and know the commands`(shell: String) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony(["--generate-completion-script", shell])
            #expect(outcome.code == 0)
            for word in ["inspect", "explain", "fencing"] { #expect(outcome.output.contains(word)) }
            try scene.write(outcome.output, to: "completions")
            guard shell == "bash" else { return }
            let parsed = try await scene.shell("bash -n $DIR/completions")
            #expect(parsed.code == 0, "\(parsed.errors)")
        }
    }

    @Test func `the version is one line`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("--version")
            #expect(outcome.code == 0)
            #expect(outcome.output.split(separator: "\n").count == 1)
        }
    }

    @Test func `explain lists its topics, and each fits the width of the terminal`() async throws {
        try await Scene.run { scene in
            let list = try await scene.colony("explain")
            let topics = list.output.split(separator: "\n").compactMap {
                $0.split(separator: " ").first.map(String.init)
            }
            #expect(
                topics == [
                    "cap", "base", "locks", "fencing", "queues", "transactions", "ids", "hashing", "caches",
                    "resilience", "balancing",
                ])
            for topic in topics {
                for width in [60, 80, 100] {
                    let text = try await scene.with(["COLUMNS": "\(width)"]).colony("explain", topic)
                    #expect(text.code == 0)
                    let lines = text.output.split(separator: "\n", omittingEmptySubsequences: false)
                    #expect((25...90).contains(lines.count), "\(topic) has \(lines.count) lines")
                    #expect(lines.allSatisfy { $0.hasPrefix("  ") || $0.count <= width })
                }
            }
        }
    }
}
