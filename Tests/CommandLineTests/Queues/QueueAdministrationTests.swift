import Foundation
import Testing

/// The commands that look at queues and mend them, on a file and through a daemon.
@Suite(.timeLimit(.minutes(3))) struct QueueAdministrationTests {
    enum Place: String, CaseIterable { case file, daemon }

    private static func with(_ place: Place, _ body: (Scene) async throws -> Void) async throws {
        try await Scene.run { scene in
            switch place {
            case .file: try await body(scene)
            case .daemon:
                try await scene.whileServing { try await body(scene.with(["COLONY_SERVER": $0.url])) }
            }
        }
    }

    @Test(arguments: Place.allCases)
    func `a message goes its whole way`(place: Place) async throws {
        try await Self.with(place) { scene in
            let declared = try await scene.colony(
                "queue", "declare", "mail", "--delivery-limit", "2", "--backoff", "1ms", "--retention", "7d",
                "--capacity-bytes", "64MiB", "--order", "per-key", "--json")
            #expect(declared.code == 0, "\(declared.errors)")
            #expect(
                declared.output.contains(#""capacity_bytes":67108864"#)
                    && declared.output.contains(#""delivery_limit":2"#))
            let conflict = try await scene.colony("queue", "declare", "mail", "--delivery-limit", "3", "--json")
            #expect(conflict.code == 1 && conflict.errors.contains(#""code":"conflict""#), "\(conflict.errors)")
            let lines = try await scene.shell("printf 'good\\nbad\\n' | $COLONY queue publish mail")
            #expect(lines.output == "1\n2\n", "\(lines.errors)")
            let peeked = try await scene.colony("queue", "peek", "mail", "--count", "1", "--json")
            #expect(peeked.output.contains(#""next":1"#) && peeked.output.contains(#""standing":"ready""#))
            let table = try await scene.colony("queue", "peek", "mail")
            #expect(table.output.contains("ID  STANDING") && table.output.contains("good"))
            let consumed = try await scene.colony(
                "queue", "consume", "mail", "--count", "3", "--wait", "20s", "--", "grep", "-q", "good")
            #expect(consumed.code == 0, "\(consumed.errors)")
            let dead = try QueueScene.objects(
                try await scene.colony("queue", "dead", "list", "mail", "--json").output, "dead_letters")
            #expect(dead.map { $0["body"] as? String } == ["bad"] && dead[0]["attempts"] as? Int == 2)
            let redriven = try await scene.colony("queue", "dead", "redrive", "mail", "--all", "--rate", "100/s")
            #expect(redriven.code == 0 && redriven.output == "Redrove 1 message.\n", "\(redriven.errors)")
            let again = try await scene.colony("queue", "consume", "mail", "--count", "1", "--json")
            #expect(again.output.contains(#""attempt":1,"body":"bad""#), "\(again.output)")
            #expect(try await scene.colony("queue", "delete", "mail").output == "Deleted mail.\n")
            #expect(try await scene.colony("queue", "inspect", "mail").code == 1)
        }
    }

    @Test(arguments: Place.allCases)
    func `lists and details are for people and for programs`(place: Place) async throws {
        try await Self.with(place) { scene in
            let none = try await scene.colony("queue", "list")
            #expect(none.code == 0 && none.output.isEmpty && none.errors == "There is no queue.\n")
            for queue in ["mail", "mail.dead", "orders"] { _ = try await scene.colony("queue", "declare", queue) }
            _ = try await scene.shell("seq 1 3 | $COLONY queue publish orders --key k")
            let list = try await scene.colony("queue", "list", "--prefix", "mail", "--json")
            #expect(
                try QueueScene.objects(list.output, "queues").map { $0["name"] as? String } == ["mail", "mail.dead"])
            let table = try await scene.colony("queue", "list")
            #expect(table.output.contains("NAME") && table.output.split(separator: "\n").count == 4)
            #expect(try await scene.colony("queue", "pause", "orders").output == "Paused orders.\n")
            #expect(try await scene.colony("queue", "pause", "orders").output == "orders is paused already.\n")
            let paused = try await scene.colony("queue", "consume", "orders", "--wait", "0s")
            #expect(paused.code == 75)
            let details = try await scene.colony("queue", "inspect", "orders")
            #expect(
                details.output.contains("state           paused") && details.output.contains("waiting         2 behind")
            )
            let resumed = try await scene.colony("queue", "resume", "orders", "--json")
            #expect(resumed.output == #"{"changed":true,"is_paused":false}"# + "\n")
            let refused = try await scene.colony("queue", "delete", "orders")
            #expect(refused.code == 1 && refused.errors.contains("3 messages"), "\(refused.errors)")
            #expect(try await scene.colony("queue", "purge", "orders", "--yes").output == "Removed 3 messages.\n")
            for words in [
                ["inspect", "nowhere"], ["delete", "nowhere"], ["peek", "nowhere"], ["pause", "nowhere"],
                ["purge", "nowhere", "--yes"], ["dead", "list", "nowhere"], ["cancel", "nowhere", "1"],
            ] {
                let outcome = try await scene.colony(["queue"] + words + ["--json"])
                #expect(
                    outcome.code == 1 && outcome.errors.contains(#""code":"unknown_queue""#),
                    "\(words): \(outcome.errors)")
            }
        }
    }

    @Test(arguments: Place.allCases)
    func `dead letters that were moved to a queue of their own are listed, redriven, and dropped there`(place: Place)
        async throws
    {
        try await Self.with(place) { scene in
            _ = try await scene.colony("queue", "declare", "mail.dead")
            _ = try await scene.colony("queue", "declare", "mail", "--dead-letter-queue", "mail.dead")
            _ = try await scene.shell("seq 1 4 | $COLONY queue publish mail")
            let consumed = try await scene.colony(
                "queue", "consume", "mail", "--count", "4", "--wait", "20s", "--", "/bin/sh", "-c", "exit 65")
            #expect(consumed.code == 0)
            let hint = try await scene.colony("queue", "dead", "list", "mail")
            #expect(hint.output.isEmpty && hint.errors.contains("colony queue dead list mail.dead"), "\(hint.errors)")
            let list = try await scene.colony("queue", "dead", "list", "mail.dead", "--count", "3", "--json")
            let letters = try QueueScene.objects(list.output, "dead_letters")
            #expect(letters.map { $0["id"] as? Int } == [1, 2, 3] && list.output.contains(#""next":3"#))
            #expect(
                letters.allSatisfy {
                    $0["origin"] as? String == "mail" && ($0["headers"] as? [String: Any])?.isEmpty == true
                })
            #expect(
                try await scene.colony("queue", "dead", "redrive", "mail.dead", "2", "99").output
                    == "Redrove 1 message.\n")
            let home = try await scene.colony("queue", "consume", "mail", "--count", "1")
            #expect(home.output == "2\n")
            _ = try await scene.colony("queue", "declare", "other")
            let moved = try await scene.colony("queue", "dead", "redrive", "mail.dead", "1", "--to", "other", "--json")
            #expect(moved.output == #"{"moved":1}"# + "\n")
            #expect(
                try await scene.colony("queue", "dead", "drop", "mail.dead", "3").output == "Dropped 1 dead letter.\n")
            let all = try await scene.colony("queue", "dead", "drop", "mail.dead", "--all", "--yes", "--json")
            #expect(all.output == #"{"removed":1}"# + "\n", "\(all.errors)")
            let nothing = try await scene.colony("queue", "dead", "drop", "mail.dead", "3")
            #expect(nothing.code == 1 && nothing.errors.contains("there was no such dead letter"))
        }
    }

    @Test func `where keys take turns, a key with many messages does not keep another waiting`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "declare", "work", "--order", "fair")
            #expect(try await scene.shell("seq 500 | \"$COLONY\" queue publish work --key many").code == 0)
            _ = try await scene.colony("queue", "publish", "work", "other", "--key", "few")
            let first = try await scene.colony("queue", "consume", "work", "--count", "3")
            #expect(first.output == "1\nother\n2\n", "\(first.errors)")
            let wrong = try await scene.colony("queue", "declare", "more", "--order", "fifo")
            #expect(wrong.code == 64 && wrong.errors.contains("fair_per_key"), "\(wrong.errors)")
        }
    }

    @Test func `verify has a table for each port, and its JSON has the leases as it always had`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("verify", "memory:", "--only", "segments", "--only", "queues")
            #expect(outcome.code == 0, "\(outcome.output)")
            for word in ["segments of memory:", "queues of memory:", "disjointness", "deduplication", "dead letters"] {
                #expect(outcome.output.contains(word))
            }
            #expect(!outcome.output.contains("exclusivity"))
            let json = try await scene.colony("verify", "memory:", "--only", "leases", "--only", "segments", "--json")
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect(document["engine"] as? String == "memory:" && (document["entries"] as? [Any])?.isEmpty == false)
            #expect((document["segments"] as? [String: Any])?["port"] as? String == "segments")
            let wrong = try await scene.colony("verify", "memory:", "--only", "locks")
            #expect(wrong.code == 64 && wrong.errors.contains("\"locks\" is none of leases, segments, queues"))
        }
    }

    @Test(arguments: ["sqlite", "memory"])
    func `verify puts a store to all promises of queues, exchanges, topics, and schedules`(store: String) async throws {
        try await Scene.run { scene in
            let url = store == "memory" ? "memory:" : "sqlite:\(scene.path("verified.db"))"
            let ports = ["queues", "exchanges", "topics", "schedules"]
            let outcome = try await scene.colony(["verify", url] + ports.flatMap { ["--only", $0] })
            #expect(outcome.code == 0, "\(outcome.output)")
            for port in ports { #expect(outcome.output.contains("\(port) of \(url)")) }
            #expect(outcome.output.components(separatedBy: ", 0 failed, 0 skipped").count == 1 + ports.count)
        }
    }

    @Test func `verify puts a daemon to the promises of exchanges, and has no table of what its clients cannot do`()
        async throws
    {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let outcome = try await scene.colony("verify", daemon.url, "--only", "exchanges", "--json")
                #expect(outcome.code == 0, "\(outcome.output)")
                let document = try #require(
                    try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
                let report = try #require(document["exchanges"] as? [String: Any])
                #expect(report["capabilities"] as? [String] == ["administration", "exchanges"])
                #expect(((report["entries"] as? [Any])?.count ?? 0) > 10)
                let topics = try await scene.colony("verify", daemon.url, "--only", "topics")
                #expect(topics.code == 64 && topics.errors.contains("has no topics"), "\(topics.errors)")
            }
        }
    }
}
