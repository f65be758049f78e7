#if ZooKeeper
import ColonyCore
import ColonyZooKeeper
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

/// A server of this test on free ports of 127.0.0.1 with its data in a folder of its own, killed when the last reference to
/// it goes: also when the test has failed.
///
/// `@unchecked Sendable`: `process` is changed by `start` and `kill` only, which one task of a test calls in turn.
final class ZooKeeperProcess: @unchecked Sendable {
    let port: Int
    private let folder: URL
    private let tick: Int
    private var process: Process?

    static let java = ["/usr/bin/java", "/usr/local/bin/java", "/opt/homebrew/opt/openjdk/bin/java"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }
    static let library = ["/usr/share/java/zookeeper.jar"].first { FileManager.default.fileExists(atPath: $0) }

    /// Whether the tests can run. Without ZooKeeper they are skipped, except under CI, where nobody reads that.
    static let isAvailable: Bool = {
        if ZooKeeperProcess.java != nil, ZooKeeperProcess.library != nil { return true }
        if ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        print("skipped: the server of ZooKeeper is not installed (Debian's package is zookeeper)")
        return false
    }()

    /// - Parameters:
    ///   - tick: In milliseconds. A session lasts at least two.
    ///   - number: Which of `members` it is, from 1; without members it is alone.
    ///   - members: The lines of the configuration that name the servers of the ensemble.
    init(
        tick: Int = 200, port: Int? = nil, number: Int? = nil, members: [String] = [], isStarted: Bool = true
    ) async throws {
        self.port = try port ?? FreePort.take()
        self.tick = tick
        self.folder = FileManager.default.temporaryDirectory.appending(path: "colony-zookeeper-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let lines =
            [
                "tickTime=\(tick)", "initLimit=50", "syncLimit=10", "dataDir=\(self.folder.path)/data",
                "clientPort=\(self.port)", "clientPortAddress=127.0.0.1", "admin.enableServer=false",
                "4lw.commands.whitelist=*", "minSessionTimeout=\(2 * tick)", "maxSessionTimeout=1000000000",
                "maxClientCnxns=0", "forceSync=no",
            ] + members
        let data = self.folder.appending(path: "data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try lines.joined(separator: "\n").write(to: self.configuration, atomically: true, encoding: .utf8)
        if let number { try "\(number)".write(to: data.appending(path: "myid"), atomically: true, encoding: .utf8) }
        if isStarted {
            try self.start()
            try await self.serves()
        }
    }

    deinit {
        self.kill()
        try? FileManager.default.removeItem(at: self.folder)
    }

    private var configuration: URL { self.folder.appending(path: "zoo.cfg") }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.java, "java is not installed"))
        process.arguments = [
            "-Xmx192m", "-XX:TieredStopAtLevel=1", "-cp", try #require(Self.library, "zookeeper is not installed"),
            "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.configuration.path,
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// Waits until it answers, alone or with the others.
    func serves() async throws {
        try await eventually("a server on port \(self.port)") {
            try #require(self.process?.isRunning == true, "the server ended by itself")
            return self.mode != nil
        }
    }

    /// `standalone`, `leader`, or `follower`; `nil` while it does not serve.
    var mode: String? {
        self.ask("srvr").split(separator: "\n").first { $0.hasPrefix("Mode: ") }.map { String($0.dropFirst(6)) }
    }

    /// What the server answers to a command of four letters; empty if it does not.
    func ask(_ command: String) -> String {
        guard let socket = try? RawSocket(port: self.port) else { return "" }
        try? socket.write(command)
        return (try? socket.readToEnd()) ?? ""
    }

    /// A figure of `mntr`.
    func figure(_ name: String) -> Int? {
        for line in self.ask("mntr").split(separator: "\n") {
            let parts = line.split(separator: "\t")
            if parts.count == 2, parts[0] == name { return Int(parts[1]) }
        }
        return nil
    }

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

    func suspend() { self.signal(SIGSTOP) }

    func resume() { self.signal(SIGCONT) }

    /// Ends it without a chance to say anything, and waits until it is gone.
    func kill() {
        guard let process else { return }
        self.signal(SIGKILL)
        process.waitUntilEnded()
        self.process = nil
    }

    /// - Parameter suffix: The root and the options.
    func url(_ suffix: String = "/colony", at port: Int? = nil) throws -> EngineURL {
        try EngineURL("zookeeper://127.0.0.1:\(port ?? self.port)\(suffix)")
    }

    func engine(_ suffix: String = "/colony?session_timeout_ms=8000&timeout_ms=20000") throws -> ZooKeeperLeaseEngine {
        try ZooKeeperLeaseEngine(url: try self.url(suffix))
    }
}

/// Servers that keep what a majority of them has agreed to.
final class ZooKeeperEnsemble: Sendable {
    let servers: [ZooKeeperProcess]

    init(size: Int = 3, tick: Int = 300) async throws {
        let ports = try FreePort.take(3 * size)
        let members = (0..<size).map { index in
            "server.\(index + 1)=127.0.0.1:\(ports[size + index]):\(ports[2 * size + index])"
        }
        var servers: [ZooKeeperProcess] = []
        for index in 0..<size {
            servers.append(
                try await ZooKeeperProcess(
                    tick: tick, port: ports[index], number: index + 1, members: members, isStarted: false))
        }
        self.servers = servers
        for server in servers { try server.start() }
        for server in servers { try await server.serves() }
    }

    func engine(
        _ suffix: String = "/colony?session_timeout_ms=9000&timeout_ms=20000"
    ) throws -> ZooKeeperLeaseEngine {
        let hosts = self.servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        return try ZooKeeperLeaseEngine(url: try EngineURL("zookeeper://\(hosts)\(suffix)"))
    }

    /// Waits until all serve, and one of them leads.
    func agrees() async throws {
        try await eventually("all serve, and agree on their leader") {
            let modes = self.servers.map(\.mode)
            return modes.filter { $0 == "leader" }.count == 1
                && modes.filter { $0 == "follower" }.count == modes.count - 1
        }
    }

    func leader() throws -> ZooKeeperProcess {
        try #require(self.servers.first { $0.mode == "leader" }, "the ensemble has no leader")
    }
}
#endif
