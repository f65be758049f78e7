import Foundation
import RealServers
import Testing

/// `--store` with the URL of a server of others.
@Suite(
    "Stores of others on the command line",
    .enabled(if: InstalledPrograms.redis != nil || InstalledPrograms.isMissingAnError, "redis-server is not installed"))
struct OtherStoresTests {
    @Test func `locks, elections, and numbers are kept on Redis, and queues are refused`() async throws {
        try await Self.withRedis { scene, url in
            let script = "echo $COLONY_FENCING_TOKEN"
            let first = try await scene.colony("lock", "run", "job", "--store", url, "--", "/bin/sh", "-c", script)
            let second = try await scene.colony("lock", "run", "job", "--store", url, "--", "/bin/sh", "-c", script)
            let tokens = [first, second].compactMap { Int($0.output.trimmingCharacters(in: .whitespacesAndNewlines)) }
            #expect(tokens.count == 2 && tokens[0] < tokens[1])

            let leader = try await scene.colony(
                "elect", "run", "job", "--metadata", "here", "--store", url, "--", "/bin/sh", "-c",
                "\"$COLONY\" elect status job --store \(url)")
            #expect(leader.output.contains("metadata  here"))

            let numbers = try await scene.colony("id", "new", "--kind", "segment", "--tag", "a", "--store", url)
            let next = try await scene.colony("id", "new", "--kind", "segment", "--tag", "a", "--store", url)
            #expect([numbers.output, next.output] == ["1\n", "2\n"])

            let queue = try await scene.colony("queue", "list", "--store", url)
            #expect(queue.code == 64)
            #expect(queue.errors.contains("keeps locks and numbers, and no queues"))
        }
    }

    @Test func `bench measures locks on Redis, and leaves none of them held`() async throws {
        try await Self.withRedis { scene, url in
            let outcome = try await scene.colony(
                "bench", "locks", "--store", url, "--contenders", "4", "--scale", "0.02", "--json")
            #expect(outcome.code == 0, "\(outcome.errors)")
            try BenchTests.expectStoreFigures(outcome.output)
            #expect(try await scene.colony("lock", "list", "--store", url).output.contains("colony-bench") == false)
        }
    }

    @Test func `a daemon serves locks and numbers from Redis, and keeps queues in its data directory`() async throws {
        try await Self.withRedis { scene, url in
            try await scene.whileServing(store: url) { daemon in
                let lock = try await scene.colony(
                    "lock", "run", "job", "--server", daemon.url, "--", "/bin/sh", "-c",
                    "\"$COLONY\" lock inspect job --store \(url)")
                #expect(lock.code == 0, "\(lock.errors)")
                #expect(try await scene.colony("id", "new", "--server", daemon.url).code == 0)
                let sent = try await scene.shell("echo hello | \"$COLONY\" queue publish mail --server \(daemon.url)")
                #expect(sent.code == 0, "\(sent.errors)")
            }
            #expect(FileManager.default.fileExists(atPath: scene.path("data/colony.db")))
        }
    }

    @Test func `a store that is not there is told with its URL and without its password`() async throws {
        try await Scene.run { scene in
            let port = try FreePort.take()
            let outcome = try await scene.colony(
                "lock", "list", "--store", "redis://:geheim@127.0.0.1:\(port)?timeout_ms=500")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("127.0.0.1:\(port)") && !outcome.errors.contains("geheim"))
        }
    }

    /// Runs `body` in a scene without a store of its own, beside a Redis.
    private static func withRedis(_ body: (Scene, String) async throws -> Void) async throws {
        try await Scene.run { scene in
            let place = try ServerPlace.loopback(ports: 1)
            let redis = try ServerLaunchers.redis(at: place, in: scene.folder)
            try redis.start()
            defer { redis.kill() }
            let url = "redis://127.0.0.1:\(place.ports[0])"
            let plain = scene.with([:])
            try await eventually("Redis answers") {
                try await plain.colony("lock", "list", "--store", url).code == 0
            }
            try await body(plain, url)
        }
    }
}
