import ColonyCore
import ColonyRESP
import ColonyRedis
import Foundation
import RealServers
import Testing

/// redis-py, from where dev/setup installs the tools of tests.
enum RedisPy {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let python = Self.root.appending(path: ".venv/bin/python").path

    /// Whether the tests can run. Without redis-py they are skipped, except under CI, where nobody reads that.
    static let isAvailable: Bool = {
        if ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        let probe = Process()
        probe.executableURL = URL(fileURLWithPath: Self.python)
        probe.arguments = ["-c", "import redis"]
        probe.standardError = FileHandle.nullDevice
        guard FileManager.default.isExecutableFile(atPath: Self.python), (try? probe.run()) != nil else {
            print("skipped: there is no .venv with redis-py (dev/setup makes it)")
            return false
        }
        probe.waitUntilExit()
        if probe.terminationStatus != 0 { print("skipped: redis-py is not in .venv (dev/setup installs it)") }
        return probe.terminationStatus == 0
    }()

    /// Runs a program, with `r` as the client and the rest as `sys.argv`, and gives what it printed.
    static func run(_ program: String, port: Int, _ arguments: String...) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.python)
        let opening = "import redis, sys\nr = redis.Redis(port=\(port))\n"
        process.arguments = ["-c", opening + program] + arguments
        process.standardInput = FileHandle.nullDevice
        let file = FileManager.default.temporaryDirectory.appending(path: "colony-redis-py-\(UUID().uuidString)")
        _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: file) }
        process.standardOutput = try FileHandle(forWritingTo: file)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        #expect(process.terminationStatus == 0)
        return try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

@Suite(
    "A lock shared with redis-py", .enabled(if: RedisProcess.isAvailable && RedisPy.isAvailable),
    .timeLimit(.minutes(5)))
struct RedisPyTests {
    private static let acquire = """
        lock = r.lock(sys.argv[1], timeout=float(sys.argv[2]), thread_local=False)
        print(lock.local.token.decode() if lock.acquire(blocking=False) else "held")
        """
    private static let release = """
        lock = r.lock(sys.argv[1], timeout=1, thread_local=False)
        lock.local.token = sys.argv[2].encode()
        try:
            lock.release()
            print("released")
        except redis.exceptions.LockError as error:
            print(type(error).__name__)
        """

    @Test func `what redis-py holds, Colony finds held, and takes when it is released`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases { $0.keyPrefix = "lock:" }
        let token = try await RedisPy.run(Self.acquire, port: server.port, "lock:orders/42", "600")
        #expect(token != "held")
        guard case .held(let holder) = try await engine.tryAcquire("orders/42", owner: "me", for: .seconds(60)) else {
            Issue.record("two clients hold one lock")
            return
        }
        #expect(holder.owner.rawValue == token)
        #expect(holder.token == FencingToken(rawValue: 0), "it has no token")
        #expect(holder.remaining > .seconds(500) && holder.remaining <= .seconds(600))
        let record = try #require(try await engine.inspect("orders/42"))
        #expect(record.owner == holder.owner && record.renewals == 0)
        #expect(try await !engine.release("orders/42", owner: "me", token: nil))
        let waiting = Task {
            try await engine.acquire("orders/42", owner: "me", for: .seconds(60), upTo: .seconds(60))
        }
        let watching = Task {
            try await engine.waitForChange(of: "orders/42", from: FencingToken(rawValue: 0), upTo: .seconds(60))
        }
        try await Polling.eventually("it waits") { try await engine.inspect("orders/42")?.waiters.count == 1 }
        #expect(try await RedisPy.run(Self.release, port: server.port, "lock:orders/42", token) == "released")
        let lease = try #require(try await waiting.value.lease)
        #expect(try await watching.value)
        #expect(lease.token > FencingToken(rawValue: 0))
        await engine.close()
    }

    @Test func `what Colony holds, redis-py finds held, and takes when it is released`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases { $0.keyPrefix = "lock:" }
        let lease = try #require(try await engine.tryAcquire("job", owner: "me", for: .seconds(600)).lease)
        #expect(try await RedisPy.run(Self.acquire, port: server.port, "lock:job", "600") == "held")
        #expect(try await RedisPy.run(Self.release, port: server.port, "lock:job", "not-me") == "LockNotOwnedError")
        #expect(try await engine.renew(lease, for: .seconds(600)) != nil)
        let waiting = Task {
            try await RedisPy.run(
                """
                lock = r.lock(sys.argv[1], timeout=600, thread_local=False)
                print(lock.acquire(blocking_timeout=60), lock.local.token.decode())
                """, port: server.port, "lock:job")
        }
        #expect(try await engine.release("job", owner: "me", token: lease.token))
        let words = try await waiting.value.split(separator: " ")
        #expect(words.first == "True")
        // Its former holder cannot renew or release what redis-py holds now.
        #expect(try await engine.renew(lease, for: .seconds(600)) == nil)
        #expect(try await !engine.release("job", owner: "me", token: lease.token))
        let record = try #require(try await engine.inspect("job"))
        #expect(record.owner.rawValue == words.last.map(String.init))
        // An operator may break it all the same.
        #expect(try await engine.breakLease("job")?.owner == record.owner)
        let next = try #require(try await engine.tryAcquire("job", owner: "me", for: .seconds(600)).lease)
        #expect(next.token > lease.token)
        await engine.close()
    }

    @Test func `a value that cannot be an owner, or has no end, is held as well`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        _ = try await RedisPy.run(
            "r.set('bytes', b'\\xff\\x00\\n', px=600000)\nr.set('empty', '')\nr.set('long', 'x' * 1000)",
            port: server.port)
        for name: LeaseName in ["bytes", "empty", "long"] {
            guard case .held(let holder) = try await engine.tryAcquire(name, owner: "me", for: .seconds(60)) else {
                Issue.record("\(name) was granted, which another client holds")
                continue
            }
            #expect(holder.owner.rawValue.hasPrefix("foreign:"))
            #expect(holder.remaining > .seconds(500))
            #expect(
                try await engine.acquire(name, owner: "me", for: .seconds(60), upTo: .milliseconds(50)).lease == nil)
            #expect(try await engine.breakLease(name)?.owner == holder.owner)
            #expect(try await engine.tryAcquire(name, owner: "me", for: .seconds(60)).lease != nil)
        }
        await engine.close()
    }
}
