#if ZooKeeper
import ColonyCore
import ColonyZooKeeper
import Foundation
import RealServers
import Testing

/// The Python in which dev/setup installs kazoo.
private enum Kazoo {
    static let python = [".venv/bin/python", ".venv/bin/python3"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    static let isAvailable: Bool = {
        if ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        guard ZooKeeperProcess.isAvailable, let python = Kazoo.python,
            (try? Kazoo.run(python, "import kazoo").status) == 0
        else {
            print("skipped: kazoo is not installed in .venv (dev/setup)")
            return false
        }
        return true
    }()

    static func run(_ python: String, _ text: String, _ arguments: [String] = []) throws -> (
        status: Int32, output: String
    ) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", text] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}

/// A mixed fleet shares a lock: with kazoo's Lock, run by Python, and with nodes as Apache Curator makes them.
@Suite(
    "Interoperation with kazoo and Curator", .enabled(if: Kazoo.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct ZooKeeperInteropTests {
    /// Asks for the lock with kazoo, and prints whether it was granted within `seconds`.
    private static let kazoo = """
        import sys
        from kazoo.client import KazooClient
        from kazoo.exceptions import LockTimeout
        hosts, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
        client = KazooClient(hosts=hosts, timeout=20)
        client.start(timeout=30)
        lock = client.Lock(path, "kazoo-client", extra_lock_patterns=["-lock-"])
        try:
            print("granted" if lock.acquire(timeout=seconds) else "refused", flush=True)
            if len(sys.argv) > 4:
                print(",".join(lock.contenders()), flush=True)
                sys.stdin.readline()
            lock.release()
        except LockTimeout:
            print("refused", flush=True)
        client.stop()
        client.close()
        """

    @Test func `kazoo is kept out while Colony holds, and gets in after`() async throws {
        let server = try await ZooKeeperProcess()
        let python = try #require(Kazoo.python, "no Python in .venv")
        let engine = try server.engine("/colony?session_timeout_ms=60000&timeout_ms=20000")
        let lease = try #require(try await engine.tryAcquire("orders/42", owner: "a", for: .seconds(50)).lease)
        let arguments = ["127.0.0.1:\(server.port)", "/colony/orders%2F42"]
        #expect(try Kazoo.run(python, Self.kazoo, arguments + ["1"]).output == "refused")
        #expect(try await engine.release("orders/42", owner: "a", token: lease.token))
        #expect(try Kazoo.run(python, Self.kazoo, arguments + ["10"]).output == "granted")
        await engine.close()
    }

    @Test func `Colony is kept out while kazoo holds, waits behind it, and is served`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine("/colony?session_timeout_ms=60000&timeout_ms=20000")
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: try #require(Kazoo.python, "no Python in .venv"))
        holder.arguments = ["-c", Self.kazoo, "127.0.0.1:\(server.port)", "/colony/orders%2F42", "10", "stay"]
        let (input, output) = (Pipe(), Pipe())
        holder.standardInput = input
        holder.standardOutput = output
        holder.standardError = FileHandle.nullDevice
        try holder.run()
        defer { if holder.isRunning { holder.terminate() } }
        try await eventually("kazoo holds") {
            try await engine.inspect("orders/42")?.owner == "kazoo-client"
        }
        guard case .held(let present) = try await engine.tryAcquire("orders/42", owner: "a", for: .seconds(5)) else {
            Issue.record("Colony was granted what kazoo holds")
            return
        }
        #expect(present.owner == "kazoo-client" && present.token.rawValue > 0)
        let waiter = Task { try await engine.acquire("orders/42", owner: "a", for: .seconds(50), upTo: .seconds(60)) }
        try await eventually("Colony waits") { try await engine.inspect("orders/42")?.waiters.map(\.owner) == ["a"] }
        input.fileHandleForWriting.write(Data("go\n".utf8))
        let lease = try #require(try await waiter.value.lease)
        #expect(lease.token > present.token)
        holder.waitUntilExit()
        await engine.close()
    }

    @Test func `Colony stands in one queue with nodes as Curator makes them`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine("/colony?session_timeout_ms=60000&timeout_ms=20000")
        // What InterProcessMutex writes: a protected ephemeral sequential node with the address of its host.
        let options = try ZooKeeperOptions(url: try server.url("/colony?session_timeout_ms=60000&timeout_ms=20000"))
        let source = SessionSource(options: options, clock: HostClock(), generator: SystemRandomNumberGenerator())
        let session = try await source.connected(until: HostClock().now.advanced(by: .seconds(20)))
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(50)).lease)
        func make() async throws -> ZooKeeperReply {
            let path = "/colony/job/_c_\(UUID().uuidString.lowercased())-lock-"
            let reply = await session.send(
                .create(path: path, data: Array("10.0.0.7".utf8), kind: .ephemeralSequential)
            ).value()
            #expect(reply.isDone)
            return reply
        }
        let curator = try await make()
        let waiter = Task { try await engine.acquire("job", owner: "b", for: .seconds(50), upTo: .seconds(60)) }
        try await eventually("both wait in their order") {
            try await engine.inspect("job")?.waiters.map(\.owner) == ["10.0.0.7", "b"]
        }
        #expect(try await engine.release("job", owner: "a", token: lease.token))
        #expect(try await engine.inspect("job")?.owner == "10.0.0.7")
        #expect(try await engine.tryAcquire("job", owner: "c", for: .seconds(5)).lease == nil)
        #expect(await session.send(.delete(path: curator.text)).value().isDone)
        let next = try #require(try await waiter.value.lease)
        #expect(next.token.rawValue > UInt64(bitPattern: curator.stat.creation))
        _ = source.close()
        await engine.close()
    }
}
#endif
