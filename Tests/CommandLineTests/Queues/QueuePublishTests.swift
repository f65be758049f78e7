import Foundation
import Testing

@testable import colony

/// `colony queue publish`: from the words, from a file, and from standard input line by line.
@Suite(.timeLimit(.minutes(3))) struct QueuePublishTests {
    @Test func `a body is published and its number printed, and the queue is made`() async throws {
        try await Scene.run { scene in
            let first = try await scene.colony("queue", "publish", "mail", "grüße", "--key", "ada", "--header", "a=b=c")
            #expect(first.code == 0 && first.output == "1\n", "\(first.errors)")
            #expect(first.errors == "colony: the queue \"mail\" is new.\n")
            let second = try await scene.colony(
                "queue", "publish", "mail", "x", "--priority", "9", "--dedup-id", "d", "--json")
            let id = try #require(second.output.split(separator: ":").last.flatMap { Int($0.dropLast(2)) })
            #expect(id > 1 && second.output == #"{"durability":"synced","id":\#(id)}"# + "\n")
            #expect(second.errors.isEmpty)
            let again = try await scene.colony("queue", "publish", "mail", "x", "--dedup-id", "d", "--json")
            #expect(again.output == #"{"duplicate":true,"durability":"synced","id":\#(id)}"# + "\n")
            let peeked = try await scene.colony("queue", "peek", "mail", "--json")
            let messages = try QueueScene.objects(peeked.output, "messages")
            #expect(messages.map { $0["body"] as? String } == ["grüße", "x"])
            #expect(messages[0]["headers"] as? [String: String] == ["a": "b=c"])
            #expect(messages[0]["key"] as? String == "ada" && messages[0]["priority"] as? Int == 4)
            #expect(messages[1]["priority"] as? Int == 9 && messages[1]["dedup_id"] as? String == "d")
        }
    }

    @Test func `every line of standard input is a message, as it is`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.shell(
                #"printf 'one\n\ntwo \r\n\377\000x\nlast' | $COLONY queue publish mail --key k"#)
            let ids = outcome.output.split(separator: "\n").compactMap { Int($0) }
            #expect(outcome.code == 0 && ids.count == 5 && ids == ids.sorted(), "\(outcome.errors)")
            let printed = try await scene.shell("$COLONY queue consume mail --wait 0s | od -An -c | tr -d ' \\n'")
            #expect(printed.output == #"one\n\ntwo\r\n377\0x\nlast\n"#)
        }
    }

    @Test func `a long pipe is published in order, in batches, and all of it is confirmed`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.shell("seq 1 25000 | $COLONY queue publish numbers | tail -1")
            #expect(outcome.output == "25000\n", "\(outcome.errors)")
            let printed = try await scene.shell(
                "$COLONY queue consume numbers --wait 0s > $DIR/out && seq 1 25000 | cmp - $DIR/out && echo same")
            #expect(printed.output == "same\n", "\(printed.errors)")
        }
    }

    @Test func `a line that is followed by a pause goes at once`() async throws {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            let script = "(echo first; read -r line < $DIR/gate; echo second) | $COLONY queue publish mail"
            let (_, outcome) = try await scene.during(["/bin/sh", "-c", script].map { Array($0.utf8) }) { child in
                try await eventually("the first is confirmed") { child.output == "1\n" }
                try await gate.open()
            }
            #expect(outcome.code == 0 && outcome.output == "1\n2\n")
        }
    }

    @Test func `a line that is too long is named, and those before it are published`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.shell(
                "(echo one; echo two; head -c 1048577 /dev/zero; echo; echo four) | $COLONY queue publish mail --json")
            #expect(outcome.code == 1)
            #expect(outcome.output.split(separator: "\n").count == 2)
            #expect(outcome.errors.contains(#""code":"too_large""#), "\(outcome.errors)")
            #expect(outcome.errors.contains("line 3 has more than the 1048576 bytes"))
            #expect(outcome.errors.contains("The 2 lines before it were published."))
            let peeked = try QueueScene.objects(
                try await scene.colony("queue", "peek", "mail", "--json").output, "messages")
            #expect(peeked.map { $0["body"] as? String } == ["one", "two"])
            let fits = try await scene.shell("head -c 1048576 /dev/zero | $COLONY queue publish mail")
            #expect(fits.code == 0, "\(fits.errors)")
        }
    }

    @Test func `lines with a deduplication identifier may be published again`() async throws {
        try await Scene.run { scene in
            for _ in 1...2 {
                let outcome = try await scene.shell(
                    "seq 1 1500 | $COLONY queue publish mail --dedup-id import-1 | tail -1")
                #expect(outcome.output == "1500\n", "\(outcome.errors)")
            }
            #expect(try await QueueScene.statistics(of: "mail", in: scene)["ready"] == 1_500)
        }
    }

    @Test func `a full queue is 75 and says up to which line all was published`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "declare", "small", "--capacity", "3", "--overflow", "reject")
            let outcome = try await scene.shell("seq 1 5 | $COLONY queue publish small")
            #expect(outcome.code == 75 && outcome.output == "1\n2\n3\n", "\(outcome.errors)")
            #expect(
                outcome.errors
                    == "colony: the queue small has no room for line 4. The 3 lines before it were published. Try again later.\n"
            )
            let one = try await scene.colony("queue", "publish", "small", "x", "--json")
            #expect(one.code == 75 && one.output.isEmpty && one.errors.contains(#""code":"full""#))
            _ = try await scene.colony("queue", "declare", "waits", "--capacity", "1")
            _ = try await scene.colony("queue", "publish", "waits", "x")
            let late = try await scene.colony("queue", "publish", "waits", "y", "--wait", "50ms")
            #expect(late.code == 75 && late.errors.contains("no room within 50 ms"), "\(late.errors)")
        }
    }

    @Test func `a publisher waits for room that a consumer makes`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "declare", "waits", "--capacity", "1")
            _ = try await scene.colony("queue", "publish", "waits", "x")
            let publisher = try scene.start("queue", "publish", "waits", "y", "--wait", "30s")
            _ = try await scene.colony("queue", "consume", "waits", "--count", "1")
            let outcome = await publisher.end()
            #expect(outcome.code == 0 && outcome.output == "2\n", "\(outcome.errors)")
        }
    }

    @Test func `a delayed message waits for its time, and may be taken back`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "publish", "mail", "later", "--delay", "1h")
            _ = try await scene.colony("queue", "publish", "mail", "much later", "--at", "2999-12-24T18:00:00+01:00")
            let none = try await scene.colony("queue", "consume", "mail", "--wait", "0s")
            #expect(none.code == 75 && none.errors.contains("nothing was received from mail"), "\(none.errors)")
            let cancelled = try await scene.colony("queue", "cancel", "mail", "1", "2", "3")
            #expect(cancelled.code == 0 && cancelled.output == "Took back 2 of 3.\n")
            let again = try await scene.colony("queue", "cancel", "mail", "1", "--json")
            #expect(again.code == 1 && again.errors.contains(#""code":"not_found""#))
        }
    }

    @Test func `files are published whole`() async throws {
        try await Scene.run { scene in
            try scene.write("a\nb\n", to: "file")
            _ = try await scene.colony("queue", "publish", "mail", "--file", scene.path("file"))
            _ = try await scene.shell("cat $DIR/file | $COLONY queue publish mail --file -")
            let printed = try await scene.colony("queue", "consume", "mail", "--wait", "0s", "--json")
            let bodies = try printed.output.split(separator: "\n").map {
                try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])["body"] as? String
            }
            #expect(bodies == ["a\nb\n", "a\nb\n"])
            let missing = try await scene.colony("queue", "publish", "mail", "--file", "/no/such/file")
            #expect(missing.code == 1 && missing.errors.contains("\"/no/such/file\" cannot be read"))
        }
    }

    @Test(arguments: [
        (["publish", "", "x"], "\"\" cannot be a queue name: it is empty"),
        (["publish", "q", "x", "--priority", "10"], "a priority lies between 0 and 9, and 10 does not"),
        (["publish", "q", "x", "--header", "novalue"], "\"novalue\" is not a header"),
        (["publish", "q", "x", "--header", "a=1", "--header", "a=2"], "given twice"),
        (["publish", "q", "x", "--delay", "5"], "the unit is missing"),
        (["publish", "q", "x", "--at", "tomorrow"], "\"tomorrow\" is not a time with its zone"),
        (["publish", "q", "x", "--at", "2026-01-01T00:00:00Z", "--delay", "1s"], "exclude each other"),
        (["publish", "q", "x", "--file", "f"], "exclude each other"),
        (["publish", "q", "x", "--key", ""], "\"\" cannot be a key: it is empty"),
        (["consume", "q", "--concurrency", "0"], "\"0\" is not a number of messages"),
        (["consume", "q", "--concurrency", "1001"], "from 1 to 1000 messages at a time, not 1001"),
        (["consume", "q", "--lease", "1ms"], "a lease lies between 10 milliseconds and 24 hours"),
        (["consume", "q", "--dead-letter-exit", "0"], "lies between 1 and 255"),
        (["declare", "q", "--overflow", "explode"], "\"explode\" is none of wait, reject, drop_oldest"),
        (["declare", "q", "--capacity-bytes", "4GB"], "\"4GB\" is not a size"),
        (["declare", "q", "--delivery-limit", "1001"], "a delivery limit lies between 1 and 1000"),
        (["declare", "q", "--dead-letter-queue", "q"], "cannot be its own dead-letter queue"),
        (["declare", "q", "--backoff", "10m", "--backoff-maximum", "1m"], "are not possible"),
        (["purge", "q"], "Give --yes to purge q without asking"),
        (["dead", "redrive", "q"], "Say which dead letters are meant"),
        (["dead", "redrive", "q", "1", "--all"], "exclude each other"),
        (["dead", "redrive", "q", "--all", "--rate", "fast"], "\"fast\" is not a rate"),
        (["dead", "drop", "q", "x"], "\"x\" is not the number of a message"),
        (["peek", "q", "--store", "kafka://h"], "this build has no engine for kafka"),
    ])
    func `wrong usage is 64 and quotes what was wrong`(words: [String], sentence: String) async throws {
        try await Scene.run { scene in
            if words.first == "purge" { _ = try await scene.colony("queue", "declare", "q") }
            let outcome = try await scene.colony(["queue"] + words)
            #expect(outcome.code == 64, "\(outcome.errors)")
            #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func `a daemon that does not answer is 75`() async throws {
        try await Scene.run { scene in
            for words in [["publish", "q", "x"], ["consume", "q", "--wait", "0s"], ["list"]] {
                let outcome = try await scene.with([:]).colony(
                    ["queue"] + words + ["--server", "http://127.0.0.1:1", "--json"])
                #expect(outcome.code == 75 && outcome.errors.contains(#""code":"unavailable""#), "\(outcome.errors)")
            }
        }
    }

    @Test func `lines are cut as they come, in any pieces`() {
        var generator = SystemRandomNumberGenerator()
        let text = Array("one\n\nthree\nfour with more\n\n\nlast".utf8)
        for _ in 0..<200 {
            var cutter = LineCutter(limit: 14)
            var rest = text[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...7, using: &generator)
                cutter.take(rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            cutter.end()
            #expect(
                cutter.lines.map { String(decoding: $0, as: UTF8.self) }
                    == ["one", "", "three", "four with more", "", "", "last"])
            #expect(!cutter.isTooLong)
        }
        var short = LineCutter(limit: 13)
        short.take(text[...])
        short.end()
        #expect(short.isTooLong && short.lines.count == 3)
    }
}

/// What tests of queues look at.
enum QueueScene {
    static func objects(_ output: String, _ member: String) throws -> [[String: Any]] {
        let document = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
        return try #require(document[member] as? [[String: Any]])
    }

    static func statistics(of queue: String, in scene: Scene) async throws -> [String: Int] {
        let outcome = try await scene.colony("queue", "inspect", queue, "--json")
        let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        return try #require(document?["statistics"] as? [String: Int], "\(outcome.errors)")
    }
}
