import Foundation
import Testing

/// `colony elect`: one leads, the others campaign, and the term rises.
@Suite struct ElectTests {
    @Test func `the command finds its term and the name of the election in its environment, and terms rise`()
        async throws
    {
        try await Scene.run { scene in
            let script = "echo $COLONY_ELECTION_NAME $COLONY_FENCING_TOKEN"
            let first = try await scene.colony("elect", "run", "scheduler", "--", "/bin/sh", "-c", script)
            let second = try await scene.colony("elect", "run", "scheduler", "--", "/bin/sh", "-c", script)
            let terms = try [first, second].map { outcome -> Int in
                let parts = outcome.output.split(whereSeparator: \.isWhitespace)
                #expect(parts.first == "scheduler")
                return try #require(parts.last.flatMap { Int($0) })
            }
            #expect(terms[0] < terms[1])
        }
    }

    @Test func `while one leads the other campaigns, status shows who and what it says, and a loser exits with 75`()
        async throws
    {
        try await Scene.run { scene in
            let (_, outcome) = try await scene.during(
                colony: "elect", "run", "scheduler", "--metadata", "http://10.0.0.7:8080", "--",
                "/bin/sh", "-c", "echo > $DIR/started; exec sleep 600"
            ) { child in
                try await eventually("the leader starts") { scene.contents(of: "started") != nil }
                let status = try await scene.colony("elect", "status", "scheduler")
                #expect(status.code == 0)
                #expect(status.output.contains("metadata  http://10.0.0.7:8080"))
                let loser = try await scene.colony("elect", "run", "scheduler", "--wait", "0s", "--", "true")
                #expect(loser.code == 75)
                #expect(loser.errors.contains("the leadership scheduler is busy"))
                child.send(SIGTERM)
            }
            #expect(outcome.code == 128 + SIGTERM)
            #expect(try await scene.colony("elect", "status", "scheduler").code == 1)
            #expect(try await scene.colony("elect", "run", "scheduler", "--wait", "0s", "--", "true").code == 0)
        }
    }

    @Test func `a leader whose lease is broken is told to end, and the exit code says so`() async throws {
        try await Scene.run { scene in
            let (_, outcome) = try await scene.during(
                colony: "elect", "run", "scheduler", "--ttl", "1s", "--", "/bin/sh", "-c",
                "echo > $DIR/started; exec sleep 600"
            ) { _ in
                try await eventually("the leader starts") { scene.contents(of: "started") != nil }
                #expect(try await scene.colony("lock", "break", "scheduler", "--yes").code == 0)
            }
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("Another holder may have started."))
        }
    }
}
