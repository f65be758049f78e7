import Foundation
import Testing

/// `colony lock run`: turns, environment, signals, and what happens when the lease is lost.
@Suite struct LockRunTests {
    @Test func `the command finds its token and the name of the lock in its environment, and tokens rise`() async throws
    {
        try await Scene.run { scene in
            let script = "echo $COLONY_LOCK_NAME $COLONY_FENCING_TOKEN"
            let first = try await scene.colony("lock", "run", "orders/42", "--", "/bin/sh", "-c", script)
            let second = try await scene.colony("lock", "run", "orders/42", "--", "/bin/sh", "-c", script)
            let tokens = try [first, second].map { outcome -> Int in
                let parts = outcome.output.split(whereSeparator: \.isWhitespace)
                #expect(parts.first == "orders/42")
                return try #require(parts.last.flatMap { Int($0) })
            }
            #expect(tokens[0] < tokens[1])
        }
    }

    @Test func `of two terminals one runs and the other waits its turn`() async throws {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            let holder = "echo > $DIR/started; read -r line < $DIR/gate; echo first >> $DIR/log"
            _ = try await scene.during(colony: "lock", "run", "report", "--", "/bin/sh", "-c", holder) { _ in
                try await eventually("the first starts") { scene.contents(of: "started") != nil }
                _ = try await scene.during(
                    colony: "lock", "run", "report", "--", "/bin/sh", "-c", "echo second >> $DIR/log"
                ) { waiter in
                    let waiting = "[{\"age_ms\""
                    try await eventually("the second stands in the queue") {
                        try await scene.colony("lock", "inspect", "report", "--json").output.contains(waiting)
                    }
                    #expect(waiter.isRunning)
                    #expect(scene.contents(of: "log") == nil)
                    try await gate.open()
                }
            }
            #expect(scene.contents(of: "log") == "first\nsecond\n")
        }
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func `a signal is passed on to the command, and the lock is given back`(signal: Int32) async throws {
        try await Scene.run { scene in
            let (_, outcome) = try await scene.during(
                colony: "lock", "run", "job", "--", "/bin/sh", "-c", "echo > $DIR/started; exec sleep 600"
            ) { child in
                try await eventually("the command starts") { scene.contents(of: "started") != nil }
                child.send(signal)
            }
            #expect(outcome.code == 128 + signal)
            #expect(try await scene.colony("lock", "run", "job", "--wait", "0s", "--", "true").code == 0)
        }
    }

    @Test func `a command that handles the signal decides about its exit code`() async throws {
        try await Scene.run { scene in
            let script = "trap 'exit 42' INT; echo > $DIR/started; while :; do sleep 0.01; done"
            let (_, outcome) = try await scene.during(colony: "lock", "run", "job", "--", "/bin/sh", "-c", script) {
                child in
                try await eventually("the command starts") { scene.contents(of: "started") != nil }
                child.send(SIGINT)
            }
            #expect(outcome.code == 42)
        }
    }

    @Test func `Ctrl-C while waiting ends the wait and leaves nobody in the queue`() async throws {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            let holder = "echo > $DIR/started; read -r line < $DIR/gate"
            _ = try await scene.during(colony: "lock", "run", "job", "--", "/bin/sh", "-c", holder) { _ in
                try await eventually("the holder starts") { scene.contents(of: "started") != nil }
                let (_, waiter) = try await scene.during(colony: "lock", "run", "job", "--", "true") { waiter in
                    try await eventually("the waiter stands in the queue") {
                        try await scene.colony("lock", "inspect", "job", "--json").output.contains("[{\"age_ms\"")
                    }
                    waiter.send(SIGINT)
                }
                #expect(waiter.code == 128 + SIGINT)
                let record = try await scene.colony("lock", "inspect", "job", "--json")
                #expect(record.output.contains("\"waiters\":[]"))
                try await gate.open()
            }
        }
    }

    @Test func `a broken lock ends the command with SIGTERM, and the exit is 1 with a sentence`() async throws {
        try await Scene.run { scene in
            let script =
                "trap 'echo terminated >> $DIR/log; exit 9' TERM; echo > $DIR/started; while :; do sleep 0.01; done"
            let (_, outcome) = try await scene.during(
                colony: "lock", "run", "job", "--ttl", "3s", "--", "/bin/sh", "-c", script
            ) { _ in
                try await eventually("the command starts") { scene.contents(of: "started") != nil }
                let broken = try await scene.colony("lock", "break", "job", "--yes")
                #expect(broken.code == 0)
                #expect(broken.output.hasPrefix("Broke job, held by "))
            }
            #expect(outcome.code == 1)
            #expect(scene.contents(of: "log") == "terminated\n")
            #expect(outcome.errors.contains("colony: the lease of job was lost: the engine says that it is over."))
            #expect(outcome.errors.contains("exited with 9"))
        }
    }

    @Test func `a command that ignores SIGTERM is killed with all it has started when the grace is over`() async throws
    {
        try await Scene.run { scene in
            let script =
                "trap '' TERM; (while :; do sleep 0.01; done) & echo $$ > $DIR/pid; wait; while :; do sleep 0.01; done"
            let (group, outcome) = try await scene.during(
                colony: "lock", "run", "job", "--ttl", "3s", "--grace", "100ms", "--", "/bin/sh", "-c", script
            ) { _ in
                try await eventually("the command starts") { scene.number(in: "pid") != nil }
                let group = getpgid(pid_t(try #require(scene.number(in: "pid"))))
                _ = try await scene.colony("lock", "break", "job", "--yes")
                return group
            }
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("The command was ended by signal 9."))
            try await eventually("the group is gone") { !isAlive(group: group) }
        }
    }

    @Test func `SIGKILL of lock run kills the command and all it has started`() async throws {
        try await Scene.run { scene in
            let script = "sleep 600 & echo $$ > $DIR/pid; wait"
            let (group, outcome) = try await scene.during(
                colony: "lock", "run", "job", "--ttl", "2s", "--", "/bin/sh", "-c", script
            ) { child in
                try await eventually("the command starts") { scene.number(in: "pid") != nil }
                let group = getpgid(pid_t(try #require(scene.number(in: "pid"))))
                child.send(SIGKILL)
                return group
            }
            #expect(outcome.code == 128 + SIGKILL)
            try await eventually("the group is gone") { !isAlive(group: group) }
            // Nobody gave the lock back: it comes free when the lease runs out.
            #expect(try await scene.colony("lock", "run", "job", "--wait", "20s", "--", "true").code == 0)
        }
    }

    @Test func `lock run that was stopped for longer than its lease ends the command as soon as it goes on`()
        async throws
    {
        try await Scene.run { scene in
            let (_, outcome) = try await scene.during(
                colony: "lock", "run", "job", "--ttl", "2s", "--", "/bin/sh", "-c",
                "echo $COLONY_FENCING_TOKEN > $DIR/token; exec sleep 600"
            ) { child in
                try await eventually("the command starts") { scene.number(in: "token") != nil }
                let token = try #require(scene.number(in: "token"))
                try await child.stop()
                let next = try await scene.colony(
                    "lock", "run", "job", "--wait", "20s", "--", "/bin/sh", "-c", "echo $COLONY_FENCING_TOKEN")
                #expect(next.code == 0)
                #expect(try #require(Int(next.output.trimmingCharacters(in: .newlines))) > token)
                child.send(SIGCONT)
            }
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("the lease of job was lost"))
        }
    }

    @Test func `descriptors and ignored signals reach the command as the shell has set them up`() async throws {
        try await Scene.run { scene in
            let script = """
                trap '' USR1
                echo from-three > $DIR/three
                exec 3< $DIR/three
                "$COLONY" lock run job -- /bin/sh -c 'read -r line <&3; echo $line; kill -USR1 $$; kill -PIPE $$; echo unreached'
                """
            let outcome = try await scene.shell(script)
            #expect(outcome.output == "from-three\n")
            #expect(outcome.code == 128 + SIGPIPE)
        }
    }

    @Test func `with --json what happens is one object a line on standard error`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("lock", "run", "job", "--json", "--", "true")
            let events = try outcome.errors.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
            #expect(events.map { $0["event"] as? String } == ["acquired", "released"])
            #expect(events.allSatisfy { $0["name"] as? String == "job" })
        }
    }
}
