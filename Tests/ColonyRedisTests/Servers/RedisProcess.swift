import ColonyCaches
import ColonyCore
import ColonyRESP
import ColonyRedis
import Foundation
import RealServers
import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A Redis of this test on a free port of 127.0.0.1 in a folder of its own, killed when the last reference to it goes: also
/// when the test has failed.
///
/// `@unchecked Sendable`: `process` is changed by `start` and `kill` only, which one task of a test calls in turn.
final class RedisProcess: @unchecked Sendable {
    let port: Int
    private let arguments: [String]
    private let folder: URL
    private var process: Process?

    static let path = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Whether the tests can run. Without Redis they are skipped, except under CI, where nobody reads that.
    static let isAvailable: Bool = {
        if RedisProcess.path != nil || ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        print("skipped: redis-server is not installed (Debian's package is redis-server)")
        return false
    }()

    /// - Parameter port: Where it answers without TLS; a free port if none is given.
    init(_ arguments: [String] = [], port: Int? = nil, isStarted: Bool = true) async throws {
        self.port = try port ?? FreePort.take()
        self.arguments = arguments
        self.folder = FileManager.default.temporaryDirectory.appending(path: "colony-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        if isStarted { try await self.start() }
    }

    deinit {
        self.kill()
        try? FileManager.default.removeItem(at: self.folder)
    }

    /// Starts it, and waits until it answers.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.path, "redis-server is not installed"))
        process.arguments =
            [
                "--bind", "127.0.0.1", "--port", "\(self.port)", "--dir", self.folder.path, "--save", "",
                "--appendonly", "no", "--daemonize", "no",
            ] + self.arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        try await Polling.eventually("redis answers on port \(self.port)") {
            try #require(process.isRunning, "redis-server ended by itself")
            // An error is an answer: a server with a password says that one is needed.
            return (try? self.connect().ask("PING")) != nil
        }
    }

    /// A connection without the client under test.
    func connect() throws -> RawSocket { try RawSocket(port: self.port) }

    func signal(_ number: Int32) {
        guard let process, process.isRunning else { return }
        #if canImport(Darwin)
        Darwin.kill(process.processIdentifier, number)
        #elseif canImport(Musl)
        Musl.kill(process.processIdentifier, number)
        #else
        Glibc.kill(process.processIdentifier, number)
        #endif
    }

    /// Lets it go on after ``suspend()``.
    func resume() { self.signal(SIGCONT) }

    /// Has it stand still, and waits until it does.
    func suspend() async throws {
        self.signal(SIGSTOP)
        #if os(Linux)
        let file = "/proc/\(try #require(self.process).processIdentifier)/stat"
        try await Polling.eventually("redis stands still") {
            try String(contentsOfFile: file, encoding: .utf8).split(separator: ")").last?.hasPrefix(" T") == true
        }
        #endif
    }

    /// Ends it without a chance to say anything, and waits until it is gone.
    func kill() {
        guard let process else { return }
        self.signal(SIGKILL)
        process.waitUntilEnded()
        self.process = nil
    }

    var address: RedisAddress { RedisAddress(host: "127.0.0.1", port: self.port) }

    /// A tier on this server; patient enough for a busy machine unless the test says otherwise.
    func tier(_ change: (inout RedisCacheTierOptions) -> Void = { _ in }) throws -> RedisCacheTier {
        var options = RedisCacheTierOptions(servers: [self.address])
        options.timeout = .seconds(20)
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(20))
        change(&options)
        return try RedisCacheTier(options)
    }
}

/// A cluster of masters on loopback, without replicas.
final class RedisClusterProcess: Sendable {
    let nodes: [RedisProcess]

    /// Starts the servers, gives each its share of the slots, and waits until all agree.
    init(size: Int = 3, isLeftEmpty emptyNodes: Int = 0) async throws {
        let ports = try FreePort.take(2 * size)
        var nodes: [RedisProcess] = []
        for index in 0..<size {
            nodes.append(
                try await RedisProcess(
                    [
                        "--cluster-enabled", "yes", "--cluster-port", "\(ports[size + index])",
                        "--cluster-node-timeout", "2000",
                    ], port: ports[index]))
        }
        self.nodes = nodes
        let owners = size - emptyNodes
        let share = 16_384 / owners
        for (index, node) in nodes.enumerated() {
            let socket = try node.connect()
            if index < owners {
                let last = index == owners - 1 ? 16_383 : (index + 1) * share - 1
                #expect(try socket.ask("CLUSTER", "ADDSLOTSRANGE", "\(index * share)", "\(last)").errorText == nil)
            }
            // Epochs of their own, so that nobody's claim is in doubt.
            #expect(try socket.ask("CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)").errorText == nil)
        }
        let first = try nodes[0].connect()
        for index in 1..<size {
            #expect(
                try first.ask("CLUSTER", "MEET", "127.0.0.1", "\(ports[index])", "\(ports[size + index])").errorText
                    == nil)
        }
        try await Polling.eventually("the cluster agrees") {
            try nodes.allSatisfy { node in
                let information = try node.connect().ask("CLUSTER", "INFO").text ?? ""
                return information.contains("cluster_state:ok") && information.contains("cluster_known_nodes:\(size)")
            }
        }
    }

    func tier(_ change: (inout RedisCacheTierOptions) -> Void = { _ in }) throws -> RedisCacheTier {
        try self.nodes[0].tier { options in
            options.isCluster = true
            change(&options)
        }
    }

    func identifier(of node: Int) throws -> String {
        try #require(try self.nodes[node].connect().ask("CLUSTER", "MYID").text)
    }

    /// The index of the node that says it has the slot.
    func owner(of slot: Int) throws -> Int {
        let ranges = try #require(try self.nodes[0].connect().ask("CLUSTER", "SLOTS").elements)
        for range in ranges {
            let parts = try #require(range.elements)
            if let first = parts[0].integer, let last = parts[1].integer, (first...last).contains(Int64(slot)),
                let port = parts[2].elements?[1].integer,
                let index = self.nodes.firstIndex(where: { $0.port == Int(port) })
            {
                return index
            }
        }
        throw Polling.Disappointment(description: "nobody has slot \(slot)")
    }
}

/// The code of the cache error with which a call fails; `nil` if it does not.
func code(of call: () async throws -> some Any) async -> CacheError.Code? {
    do {
        _ = try await call()
    } catch let error as CacheError {
        return error.code
    } catch {
        Issue.record("not an error of a cache: \(error)")
    }
    return nil
}

func text(_ entry: CachedBytes?) -> String? { entry.map { String(decoding: $0.value, as: UTF8.self) } }

extension CacheWrite {
    init(_ key: CacheKey, text: String, timeToLive: Duration? = nil) {
        self.init(key, Array(text.utf8), timeToLive: timeToLive)
    }
}
