import Foundation
import Testing

/// `colony semaphore`: at most so many commands at a time, on a file and through a daemon.
@Suite struct SemaphoreTests {
    @Test func `the command finds its token and name, and no more run than there are permits`() async throws {
        try await Scene.run { scene in
            let (_, outcome) = try await scene.during(
                colony: "semaphore", "run", "uploads", "--limit", "2", "--", "/bin/sh", "-c",
                "echo $COLONY_SEMAPHORE_NAME $COLONY_FENCING_TOKEN > $DIR/started; exec sleep 600"
            ) { child in
                try await eventually("the first runs") { scene.contents(of: "started")?.hasSuffix("\n") ?? false }
                #expect(scene.contents(of: "started")?.hasPrefix("uploads ") == true)
                let second = ["semaphore", "run", "uploads", "--limit", "2", "--wait", "0s", "--", "true"]
                #expect(try await scene.colony(second).code == 0)
                let whole = [
                    "semaphore", "run", "uploads", "--limit", "2", "--permits", "2", "--wait", "0s", "--", "true",
                ]
                let refused = try await scene.colony(whole)
                #expect(refused.code == 75)
                #expect(refused.errors.contains("the semaphore uploads is busy, held by"))
                let list = try await scene.colony("semaphore", "list", "--json")
                #expect(list.output.contains("\"held\":1") || list.output.contains("\"held\" : 1"), "\(list.output)")
                #expect(try await scene.colony("semaphore", "list").output.contains("uploads"))
                child.send(SIGTERM)
            }
            #expect(outcome.code == 128 + SIGTERM)
            let empty = try await scene.colony("semaphore", "list")
            #expect(empty.output.isEmpty)
            #expect(empty.errors.contains("No semaphore is in use."))
        }
    }

    @Test func `permits and elections work through a daemon`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let permits = try await scene.colony(
                    "semaphore", "run", "uploads", "--limit", "1", "--server", daemon.url, "--", "/bin/sh", "-c",
                    "\"$COLONY\" semaphore list --server \(daemon.url)")
                #expect(permits.code == 0, "\(permits.errors)")
                #expect(permits.output.contains("uploads"))
                let leader = try await scene.colony(
                    "elect", "run", "job", "--metadata", "here", "--server", daemon.url, "--", "/bin/sh", "-c",
                    "\"$COLONY\" elect status job --server \(daemon.url)")
                #expect(leader.output.contains("metadata  here"), "\(leader.errors)")
            }
        }
    }

    @Test func `a limit that is none is refused with the value`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("semaphore", "run", "a", "--limit", "0", "--", "true")
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("--limit 0 is not from 1 to 1000000."))
            let many = try await scene.colony("semaphore", "run", "a", "--limit", "2", "--permits", "3", "--", "true")
            #expect(many.code == 64)
            #expect(many.errors.contains("--permits 3 is not from 1 to the limit of 2."))
        }
    }
}
