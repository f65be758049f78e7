import ColonyCaches
import ColonyCore
import ColonyHashing
import ColonyQuorum
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

/// Some Redis servers of this test on free ports of 127.0.0.1, in a folder that goes with them.
///
/// `@unchecked Sendable`: `processes` is changed by `start` and `kill` only, which one task of a test calls in turn.
final class RedisServers: @unchecked Sendable {
    let nodes: [NodeID]
    private let ports: [Int]
    private let folder: URL
    private var processes: [Int: Process] = [:]

    static let path = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Whether the tests can run. Without Redis they are skipped, except under CI, where nobody reads that.
    static let isAvailable: Bool = {
        if RedisServers.path != nil || ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        print("skipped: redis-server is not installed (Debian's package is redis-server)")
        return false
    }()

    init(count: Int) throws {
        self.nodes = (0..<count).map { NodeID(stringLiteral: "redis-\($0)") }
        self.ports = try FreePort.take(count)
        self.folder = FileManager.default.temporaryDirectory.appending(path: "colony-quorum-\(UUID().uuidString)")
        for index in 0..<count {
            try FileManager.default.createDirectory(
                at: self.folder.appending(path: "\(index)"), withIntermediateDirectories: true)
            try self.start(index)
        }
    }

    deinit {
        for index in self.processes.keys { self.kill(index) }
        try? FileManager.default.removeItem(at: self.folder)
    }

    /// Starts a server with what it had on its disk.
    func start(_ index: Int) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.path, "redis-server is not installed"))
        process.arguments = [
            "--bind", "127.0.0.1", "--port", "\(self.ports[index])", "--dir",
            self.folder.appending(path: "\(index)").path,
            "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.processes[index] = process
    }

    /// Ends a server without a chance to say anything, and waits until it is gone.
    func kill(_ index: Int) {
        guard let process = self.processes.removeValue(forKey: index) else { return }
        if process.isRunning { _ = killProcess(process.processIdentifier, SIGKILL) }
        process.waitUntilEnded()
    }

    func tiers() throws -> [NodeID: any CacheTier] {
        var tiers: [NodeID: any CacheTier] = [:]
        for (node, port) in zip(self.nodes, self.ports) {
            var options = RedisCacheTierOptions(servers: [RedisAddress(host: "127.0.0.1", port: port)])
            options.timeout = .seconds(5)
            options.tracking = .off
            options.backoff = Backoff(initial: .milliseconds(5), maximum: .milliseconds(100))
            tiers[node] = try RedisCacheTier(options)
        }
        return tiers
    }
}

/// The system's call, which a member of the same name would hide.
private func killProcess(_ process: Int32, _ signal: Int32) -> Int32 { kill(process, signal) }
