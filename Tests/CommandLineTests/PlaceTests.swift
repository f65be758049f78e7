import Foundation
import Testing

/// Where the locks are if nobody says so, and what a daemon that cannot start says.
@Suite struct PlaceTests {
    @Test func `without options the file is in the user's state directory, for that user alone`() async throws {
        try await Scene.run { scene in
            let plain = scene.with([:])
            #expect(try await plain.colony("lock", "run", "job", "--", "true").code == 0)
            #expect(FileManager.default.fileExists(atPath: scene.path(".local/state/colony/colony.db")))
            let attributes = try FileManager.default.attributesOfItem(atPath: scene.path(".local/state/colony"))
            #expect(attributes[.posixPermissions] as? Int == 0o700)
            let state = scene.with(["XDG_STATE_HOME": scene.path("state")])
            #expect(try await state.colony("lock", "run", "job", "--", "true").code == 0)
            #expect(FileManager.default.fileExists(atPath: scene.path("state/colony/colony.db")))
            let data = scene.with(["COLONY_DATA": scene.path("data")])
            #expect(try await data.colony("lock", "run", "job", "--", "true").code == 0)
            #expect(FileManager.default.fileExists(atPath: scene.path("data/colony.db")))
        }
    }

    @Test func `both variables at once are refused`() async throws {
        try await Scene.run { scene in
            let both = scene.with(["COLONY_STORE": "memory:", "COLONY_SERVER": "http://127.0.0.1:1"])
            let outcome = try await both.colony("lock", "list")
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("COLONY_STORE and COLONY_SERVER are both set"))
        }
    }

    @Test func `a daemon that cannot be reached is 1 with its address`() async throws {
        try await Scene.run { scene in
            for words in [["list"], ["run", "job", "--", "true"], ["run", "job", "--wait", "100ms", "--", "true"]] {
                let outcome = try await scene.with([:]).colony(
                    ["lock", words[0], "--server", "http://127.0.0.1:1"] + words.dropFirst())
                #expect(outcome.code == 1)
                #expect(
                    outcome.errors
                        == "colony: the daemon at http://127.0.0.1:1 cannot be reached: Connection refused\n")
            }
        }
    }

    @Test func `a file that is no store is refused with its path`() async throws {
        try await Scene.run { scene in
            try scene.write(String(repeating: "this is not a database\n", count: 100), to: "colony.db")
            let outcome = try await scene.colony("lock", "run", "job", "--", "true")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains(scene.path("colony.db")))
            let daemon = try await scene.colony("serve", "--http", "127.0.0.1:0")
            #expect(daemon.code == 1)
            #expect(daemon.errors.contains(scene.path("colony.db")))
        }
    }

    @Test func `the daemon serves the locks that the command line takes directly, and says where everything is`()
        async throws
    {
        try await Scene.run { scene in
            let gate = try scene.makeGate()
            try await scene.whileServing { daemon in
                _ = try await scene.during(
                    colony: "lock", "run", "job", "--", "/bin/sh", "-c", "read -r line < $DIR/gate"
                ) { _ in
                    let client = scene.with(["COLONY_SERVER": daemon.url])
                    try await eventually("the daemon sees the holder") {
                        try await client.colony("lock", "list", "--json").output.contains("\"name\":\"job\"")
                    }
                    try await gate.open()
                }
            }
        }
    }

    @Test func `a second daemon on the same port, and a wrong setting, end with a sentence`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let second = try await scene.colony("serve", "--http", "127.0.0.1:\(daemon.port)")
                #expect(second.code == 1)
                #expect(second.errors.contains("127.0.0.1:\(daemon.port) is in use"))
            }
            try scene.write("http:\n  prot: 7400\n", to: "colony.yaml")
            let config = try await scene.colony("serve", "--config", scene.path("colony.yaml"))
            #expect(config.code == 64)
            #expect(config.errors.contains("did you mean http.port?"))
            let open = try await scene.colony("serve", "--http", "0.0.0.0:0")
            #expect(open.code == 64)
            #expect(open.errors.contains("is not a loopback address"))
        }
    }

    @Test func `verify prints what a place guarantees`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("verify", "memory:")
            #expect(outcome.code == 0, "\(outcome.output)")
            #expect(outcome.output.contains("exclusivity"))
            #expect(outcome.output.contains(", 0 failed, "))
        }
    }
}
