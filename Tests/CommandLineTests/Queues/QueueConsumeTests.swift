import Foundation
import Testing

/// `colony queue consume`: commands and their exit codes, signals, and what happens when it is killed.
@Suite(.timeLimit(.minutes(3))) struct QueueConsumeTests {
    @Test func `the command finds the body, and what is known of the message in its environment`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony(
                "queue", "publish", "mail", "the body", "--key", "ada", "--header", "trace=4711", "--priority", "7")
            let script =
                "cat; echo; echo $COLONY_QUEUE_NAME $COLONY_MESSAGE_ID $COLONY_MESSAGE_ATTEMPT $COLONY_MESSAGE_KEY"
                + " $COLONY_MESSAGE_PRIORITY $COLONY_MESSAGE_HEADERS; test -n \"$COLONY_MESSAGE_PUBLISHED_AT\""
            let outcome = try await scene.colony(
                "queue", "consume", "mail", "--count", "1", "--", "/bin/sh", "-c", script)
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output == "the body\nmail 1 1 ada 7 {\"trace\":\"4711\"}\n")
            #expect(try await QueueScene.statistics(of: "mail", in: scene)["count"] == 0)
        }
    }

    @Test func `a body that the command does not read, or of a megabyte, is no obstacle`() async throws {
        try await Scene.run { scene in
            _ = try await scene.shell("head -c 1048576 /dev/zero | $COLONY queue publish mail --file -")
            _ = try await scene.shell("head -c 1048576 /dev/zero | $COLONY queue publish mail --file -")
            let ignored = try await scene.colony("queue", "consume", "mail", "--count", "1", "--", "true")
            #expect(ignored.code == 0, "\(ignored.errors)")
            let read = try await scene.colony("queue", "consume", "mail", "--count", "1", "--", "wc", "-c")
            #expect(read.output.trimmingCharacters(in: .whitespaces) == "1048576\n")
        }
    }

    @Test func `0 is done, 65 is a dead letter, 75 and others are tried again until deliveries are used up`()
        async throws
    {
        try await Scene.run { scene in
            _ = try await scene.colony(
                "queue", "declare", "mail", "--delivery-limit", "3", "--backoff", "1ms", "--backoff-maximum", "1ms")
            _ = try await scene.shell("printf '0\\n65\\n75\\n3\\nkill\\n' | $COLONY queue publish mail")
            let script =
                "read -r c; echo $c $COLONY_MESSAGE_ATTEMPT >> $DIR/log; [ $c = kill ] && kill -KILL $$; exit $c"
            let outcome = try await scene.colony(
                "queue", "consume", "mail", "--wait", "500ms", "--json", "--", "/bin/sh", "-c", script)
            #expect(outcome.code == 0, "\(outcome.errors)")
            let log = try #require(scene.contents(of: "log")).split(separator: "\n").sorted()
            #expect(log == ["0 1", "3 1", "3 2", "3 3", "65 1", "75 1", "75 2", "75 3", "kill 1", "kill 2", "kill 3"])
            let events = try outcome.errors.split(separator: "\n").map {
                try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(events.count { $0["event"] as? String == "failed" } == 9)
            #expect(events.contains { $0["event"] as? String == "done" && $0["id"] as? Int == 1 })
            #expect(events.contains { $0["event"] as? String == "dead_letter" && $0["exit_code"] as? Int == 65 })
            #expect(events.contains { $0["signal"] as? Int == 9 && $0["attempt"] as? Int == 3 })
            let letters = try QueueScene.objects(
                try await scene.colony("queue", "dead", "list", "mail", "--json").output, "dead_letters")
            #expect(letters.map { $0["id"] as? Int } == [2, 3, 4, 5])
            #expect(letters.map { $0["attempts"] as? Int } == [1, 3, 3, 3])
            #expect(letters[0]["reason"] as? String == "the command exited with 65")
            #expect(
                (letters[2]["history"] as? [[String: Any]])?.map { $0["reason"] as? String }
                    == Array(repeating: "the command exited with 3", count: 3))
            #expect((letters[3]["reason"] as? String)?.contains("signal 9") == true)
        }
    }

    @Test func `people are told what failed`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "publish", "mail", "x")
            let outcome = try await scene.colony(
                "queue", "consume", "mail", "--count", "1", "--dead-letter-exit", "9", "--", "/bin/sh", "-c", "exit 9")
            #expect(outcome.code == 0)
            #expect(
                outcome.errors
                    == "colony: message 1, delivery 1: the command exited with 9 and made it a dead letter.\n")
            let list = try await scene.colony("queue", "dead", "list", "mail")
            #expect(list.output.hasPrefix("1  the command exited with 9\n    given up "), "\(list.output)")
        }
    }

    @Test func `as many commands run at a time as may, and no more messages are begun than --count`() async throws {
        try await Scene.run { scene in
            _ = try await scene.shell("seq 1 20 | $COLONY queue publish mail")
            let script = "echo > $DIR/started-$COLONY_MESSAGE_ID; while [ ! -e $DIR/go ]; do sleep 0.01; done"
            let (_, outcome) = try await scene.during(
                colony: "queue", "consume", "mail", "--concurrency", "3", "--count", "5", "--", "/bin/sh", "-c", script
            ) { _ in
                try await eventually("three start") {
                    (1...3).allSatisfy { scene.contents(of: "started-\($0)") != nil }
                }
                #expect(try await QueueScene.statistics(of: "mail", in: scene)["leased"] == 3)
                try scene.write("", to: "go")
            }
            #expect(outcome.code == 0, "\(outcome.errors)")
            let statistics = try await QueueScene.statistics(of: "mail", in: scene)
            #expect(statistics["ready"] == 15 && statistics["leased"] == 0, "\(statistics)")
        }
    }

    @Test func `SIGKILL in the middle of a message kills the command, and the message is delivered again`() async throws
    {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "publish", "mail", "x")
            let script = "sleep 600 & echo $$ > $DIR/pid; wait"
            let (group, outcome) = try await scene.during(
                colony: "queue", "consume", "mail", "--lease", "1s", "--", "/bin/sh", "-c", script
            ) { child in
                try await eventually("the command starts") { scene.number(in: "pid") != nil }
                let group = getpgid(pid_t(try #require(scene.number(in: "pid"))))
                child.send(SIGKILL)
                return group
            }
            #expect(outcome.code == 128 + SIGKILL)
            try await eventually("the group is gone") { !isAlive(group: group) }
            let next = try await scene.colony(
                "queue", "consume", "mail", "--count", "1", "--wait", "20s", "--", "/bin/sh", "-c",
                "echo $COLONY_MESSAGE_ATTEMPT")
            #expect(next.code == 0 && next.output == "2\n", "\(next.errors)")
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `a signal lets the running command end, hands back the rest, and counts nothing`(signal: Int32) async throws {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            _ = try await scene.shell("seq 1 10 | $COLONY queue publish mail")
            let script = "echo > $DIR/started; read -r line < $DIR/gate; echo $COLONY_MESSAGE_ID >> $DIR/done"
            let (_, outcome) = try await scene.during(
                colony: "queue", "consume", "mail", "--", "/bin/sh", "-c", script
            ) { child in
                try await eventually("the command starts") { scene.contents(of: "started") != nil }
                child.send(signal)
                try await eventually("nothing but the running one is leased") {
                    try await QueueScene.statistics(of: "mail", in: scene)["leased"] == 1
                }
                #expect(child.isRunning)
                try await gate.open()
            }
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(scene.contents(of: "done") == "1\n")
            let rest = try await scene.colony(
                "queue", "consume", "mail", "--wait", "0s", "--", "/bin/sh", "-c",
                "echo $COLONY_MESSAGE_ID $COLONY_MESSAGE_ATTEMPT")
            #expect(rest.output == (2...10).map { "\($0) 1\n" }.joined())
        }
    }

    @Test func `a command that goes on after the drain limit is stopped, and its message is not to blame`() async throws
    {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "publish", "mail", "x")
            let script =
                "trap 'echo stopped >> $DIR/log; exit 1' TERM; echo > $DIR/started; while :; do sleep 0.01; done"
            let (_, outcome) = try await scene.during(
                colony: "queue", "consume", "mail", "--drain", "50ms", "--", "/bin/sh", "-c", script
            ) { child in
                try await eventually("the command starts") { scene.contents(of: "started") != nil }
                child.send(SIGTERM)
            }
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(scene.contents(of: "log") == "stopped\n")
            let next = try await scene.colony(
                "queue", "consume", "mail", "--wait", "0s", "--", "/bin/sh", "-c", "echo $COLONY_MESSAGE_ATTEMPT")
            #expect(next.output == "1\n", "\(next.errors)")
        }
    }

    @Test func `a second signal stops the commands at once`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "publish", "mail", "x")
            let (_, outcome) = try await scene.during(
                colony: "queue", "consume", "mail", "--drain", "1h", "--", "/bin/sh", "-c",
                "echo > $DIR/started; exec sleep 600"
            ) { child in
                try await eventually("the command starts") { scene.contents(of: "started") != nil }
                child.send(SIGTERM)
                child.send(SIGINT)
            }
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(try await QueueScene.statistics(of: "mail", in: scene)["ready"] == 1)
        }
    }

    @Test func `a command keeps its message for many leases, and is stopped if the lease is lost all the same`()
        async throws
    {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "publish", "mail", "x")
            let script =
                "trap 'echo stopped >> $DIR/log; exit 1' TERM; echo > $DIR/started; while :; do sleep 0.01; done"
            _ = try await scene.during(
                colony: "queue", "consume", "mail", "--lease", "1s", "--", "/bin/sh", "-c", script
            ) { child in
                try await eventually("the command starts") { scene.contents(of: "started") != nil }
                // Nobody else gets it, three leases long.
                let none = try await scene.colony("queue", "consume", "mail", "--wait", "3s", "--", "true")
                #expect(none.code == 75 && scene.contents(of: "log") == nil)
                try await child.stop()
                let next = try await scene.colony(
                    "queue", "consume", "mail", "--count", "1", "--wait", "20s", "--", "true")
                child.send(SIGCONT)
                #expect(next.code == 0)
                try await eventually("the command is stopped") { scene.contents(of: "log") == "stopped\n" }
                child.send(SIGTERM)
            }
            #expect(try await QueueScene.statistics(of: "mail", in: scene)["count"] == 0)
        }
    }

    @Test func `a command that does not exist is 127 and costs no delivery`() async throws {
        try await Scene.run { scene in
            _ = try await scene.colony("queue", "publish", "mail", "x")
            let missing = try await scene.colony("queue", "consume", "mail", "--", "no-such-command")
            #expect(missing.code == 127 && missing.errors.contains("\"no-such-command\" was not found"))
            let printed = try await scene.colony("queue", "consume", "mail", "--count", "1", "--json")
            #expect(printed.output.contains(#""attempt":1,"body":"x""#), "\(printed.output)")
        }
    }

    @Test func `what cannot be printed is not done`() async throws {
        try await Scene.run { scene in
            _ = try await scene.shell("seq 1 3 | $COLONY queue publish mail")
            let outcome = try await scene.shell("$COLONY queue consume mail --wait 0s > /dev/full")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("standard output cannot be written: No space left on device"))
            let rest = try await scene.colony("queue", "consume", "mail", "--count", "3", "--wait", "10s")
            #expect(rest.output.split(separator: "\n").sorted() == ["1", "2", "3"])
        }
    }

    @Test func `two processes on one store share the work, and lose and repeat nothing`() async throws {
        try await Scene.run { scene in
            let publishers = try (1...2).map { number in
                try scene.start("queue", "publish", "mail", "from \(number)", "--wait", "30s")
            }
            for publisher in publishers { #expect(await publisher.end().code == 0) }
            _ = try await scene.shell("seq 1 298 | $COLONY queue publish mail")
            let script = "$COLONY queue consume mail --wait 300ms -- /bin/sh -c 'echo $COLONY_MESSAGE_ID'"
            async let first = scene.shell(script)
            async let second = scene.shell(script)
            let outcomes = try await [first, second]
            let ids = outcomes.flatMap { $0.output.split(separator: "\n").compactMap { Int($0) } }
            #expect(ids.sorted() == Array(1...300))
            #expect(outcomes.allSatisfy { $0.code == 0 && !$0.output.isEmpty })
        }
    }
}
