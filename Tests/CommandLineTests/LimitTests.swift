import Foundation
import Testing

/// `colony limit`: a limit that programs share, on a file, through a daemon, and in scripts.
@Suite struct LimitTests {
    private static let terms = ["--rate", "2", "--per", "1h", "--burst", "3"]

    @Test func `permits are taken until there are too few, which is no failure but a reason to come later`()
        async throws
    {
        try await Scene.run { scene in
            let take = ["limit", "take", "mails"] + Self.terms
            let first = try await scene.colony(take + ["--permits", "2"])
            #expect(first.code == 0, "\(first.errors)")
            #expect(first.output.contains("taken; 1 left"))
            let refused = try await scene.colony(take + ["--permits", "2"])
            #expect(refused.code == 75)
            #expect(refused.output.isEmpty)
            #expect(refused.errors.contains("the limit mails has 1 permits left; ask again in"))
            let json = try await scene.colony(take + ["--permits", "2", "--json"])
            #expect(json.code == 75)
            let answer = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect(answer["allowed"] as? Bool == false)
            #expect(answer["remaining"] as? Int == 1)
            #expect((answer["retry_after_ms"] as? Int ?? 0) > 1_700_000)

            let list = try await scene.colony("limit", "list")
            #expect(list.output.contains("mails") && list.output.contains("2 in 1 h"), "\(list.output)")
            let listed = try await scene.colony("limit", "list", "--json", "--prefix", "ma")
            #expect(listed.output.contains("\"mails\""))
            #expect(try await scene.colony("limit", "reset", "mails").code == 0)
            let empty = try await scene.colony("limit", "list")
            #expect(empty.output.isEmpty)
            #expect(empty.errors.contains("All limits are full."))
            #expect(try await scene.colony("limit", "reset", "mails").errors.contains("was full already"))
            #expect(try await scene.colony(take + ["--permits", "3"]).code == 0)
        }
    }

    @Test func `a daemon and the file that it serves count together`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let take = ["limit", "take", "mails"] + Self.terms + ["--permits", "3"]
                #expect(try await scene.colony(take + ["--server", daemon.url]).code == 0)
                #expect(try await scene.colony(take + ["--server", daemon.url]).code == 75)
                let list = try await scene.colony("limit", "list", "--server", daemon.url)
                #expect(list.output.contains("mails"), "\(list.errors)")
                #expect(try await scene.colony("limit", "reset", "mails", "--server", daemon.url).code == 0)
                #expect(try await scene.colony(take + ["--server", daemon.url]).code == 0)
            }
        }
    }

    @Test func `numbers that cannot be are refused with the value`() async throws {
        try await Scene.run { scene in
            for (words, part) in [
                (["--rate", "0"], "a limit of 0 permits"),
                (["--rate", "5", "--permits", "6"], "--permits 6 is not from 0"),
                (["--rate", "5", "--burst", "0"], "a burst of 0"),
                (["--rate", "5", "--per", "400d"], "is not possible: from one microsecond to 366 days"),
            ] {
                let outcome = try await scene.colony(["limit", "take", "a"] + words)
                #expect(outcome.code == 64)
                #expect(outcome.errors.contains(part), "\(outcome.errors)")
            }
            let etcd = try await scene.colony("limit", "list", "--store", "http://127.0.0.1:1")
            #expect(etcd.code == 75, "a daemon that does not answer may do so later")
        }
    }
}
