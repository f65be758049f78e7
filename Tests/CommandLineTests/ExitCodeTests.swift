import Foundation
import Testing

/// What scripts rely on: the exit codes, and that every refusal quotes what was wrong.
@Suite struct ExitCodeTests {
    @Test(arguments: [("exit 0", 0), ("exit 3", 3), ("exit 75", 75), ("kill -TERM $$", 143), ("kill -KILL $$", 137)])
    func `lock run passes the command's exit code through`(script: String, code: Int32) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("lock", "run", "job", "--", "/bin/sh", "-c", script)
            #expect(outcome.code == code)
            #expect(outcome.errors.isEmpty)
        }
    }

    @Test func `a command that does not exist is 127, and one that cannot be run is 126`() async throws {
        try await Scene.run { scene in
            let missing = try await scene.colony("lock", "run", "job", "--", "no-such-command")
            #expect(missing.code == 127)
            #expect(missing.errors.contains("\"no-such-command\" was not found"))
            try scene.write("not a program", to: "plain")
            for command in [scene.path("plain"), scene.folder] {
                let outcome = try await scene.colony("lock", "run", "job", "--", command)
                #expect(outcome.code == 126)
                #expect(outcome.errors.contains("cannot be run"))
            }
            let listed = try await scene.colony("lock", "list", "--json")
            #expect(listed.output == "{\"locks\":[]}\n")
        }
    }

    @Test func `a busy lock is 75 at once with a wait of zero, and after the wait otherwise`() async throws {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            let (_, holder) = try await scene.during(
                colony: "lock", "run", "job", "--", "/bin/sh", "-c", "echo > $DIR/started; read -r line < $DIR/gate"
            ) { _ in
                try await eventually("the holder starts") { scene.contents(of: "started") != nil }
                let first = try await scene.colony("lock", "run", "job", "--wait", "0s", "--", "true")
                #expect(first.code == 75)
                #expect(first.errors.contains("the lock job is busy, held by "))
                let second = try await scene.colony("lock", "run", "job", "--wait", "150ms", "--", "true")
                #expect(second.code == 75)
                #expect(second.errors.contains("the lock job was not free within 150 ms"))
                try await gate.open()
            }
            #expect(holder.code == 0)
        }
    }

    @Test(arguments: [
        (["lock", "run", "", "--", "true"], "\"\" cannot be a lock name: it is empty"),
        (["lock", "run", "a\u{7}b", "--", "true"], "it contains the control character U+0007"),
        (["lock", "run", String(repeating: "n", count: 256), "--", "true"], "it has 256 bytes, and 255 are the most"),
        (["lock", "run", "job"], "The command is missing"),
        (["lock", "run", "job", "--ttl", "5", "--", "true"], "\"5\" cannot be a duration: the unit is missing"),
        (["lock", "run", "job", "--ttl", "0s", "--", "true"], "it lasts from 10 milliseconds to 24 hours"),
        (["lock", "run", "job", "--ttl", "25h", "--", "true"], "it lasts from 10 milliseconds to 24 hours"),
        (["lock", "run", "job", "--wait=-1s", "--", "true"], "it is negative"),
        (["lock", "inspect"], "Missing expected argument '<name>'"),
        (["lock", "break", "job"], "Give --yes to break job without asking"),
        (["lock", "list", "--store", "kafka://h"], "this build has no engine for kafka"),
        (["lock", "list", "--store", "colony.db"], "it has no scheme"),
        (["lock", "list", "--store", "sqlite:"], "names no file"),
        (["lock", "list", "--server", "sqlite:a"], "is not a daemon's address"),
        (["lock", "list", "--server", "http://a", "--store", "memory:"], "exclude each other"),
        (["lock", "listen"], "Unexpected argument 'listen'"),
        (["explain", "lock"], "Did you mean locks?"),
        (["serve", "--set", "limits.wiat=3s"], "Did you mean limits.wait?"),
        (["serve", "--http", "7400"], "\"7400\" is not HOST:PORT"),
        (["verify", "kafka://h"], "this build has no engine for kafka"),
    ])
    func `wrong usage is 64 and quotes what was wrong`(words: [String], sentence: String) async throws {
        try await Scene.run { scene in
            let (_, outcome) = try await scene.during(
                ([ColonyBinary.path] + words).map { Array($0.utf8) }
            ) { _ in }
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func `a word that is not UTF-8 is 64, unless it belongs to the command, which gets its bytes`() async throws {
        try await Scene.run { scene in
            let bad: [UInt8] = [0x61, 0xFF]
            let program = Array(ColonyBinary.path.utf8)
            let words = ["lock", "run"].map { Array($0.utf8) }
            let (_, refused) = try await scene.during([program] + words + [bad, Array("--".utf8), Array("true".utf8)]) {
                _ in
            }
            #expect(refused.code == 64)
            #expect(refused.errors.contains("\"a\\xff\" is not UTF-8"))
            let print = ["job", "--", "/bin/sh", "-c", "printf %s \"$1\" | od -An -tx1", "sh"].map { Array($0.utf8) }
            let (_, passed) = try await scene.during([program] + words + print + [bad]) { _ in }
            #expect(passed.output == " 61 ff\n")
        }
    }

    @Test func `a lock that nobody holds is 1 for inspect and break`() async throws {
        try await Scene.run { scene in
            for words in [["inspect", "job"], ["break", "job", "--yes"]] {
                let outcome = try await scene.colony(["lock"] + words)
                #expect(outcome.code == 1)
                #expect(outcome.errors == "colony: nobody holds the lock job.\n")
            }
        }
    }

    @Test func `with --json a refusal is one object with a code for programs`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("lock", "inspect", "job", "--json")
            #expect(outcome.code == 1)
            #expect(outcome.errors == "{\"code\":\"not_found\",\"detail\":\"nobody holds the lock job.\"}\n")
        }
    }
}
