#if Etcd
import ColonyCore
import ColonyEtcd
import Foundation
import RealServers
import Testing

/// An etcd of this test on free ports of 127.0.0.1 in a folder of its own, killed when the last reference to it goes: also when
/// the test has failed.
///
/// `@unchecked Sendable`: `process` is changed by `start` and `kill` only, which one task of a test calls in turn.
final class EtcdProcess: @unchecked Sendable {
    let name: String
    let port: Int
    let peerPort: Int
    private let arguments: [String]
    private let scheme: String
    private let folder: URL
    private var process: Process?

    static let path = Tool.find("etcd")
    static let control = Tool.find("etcdctl")

    /// Whether the tests can run. Without etcd they are skipped, except under CI, where nobody reads that.
    static let isAvailable: Bool = {
        if (EtcdProcess.path != nil && EtcdProcess.control != nil)
            || ProcessInfo.processInfo.environment["CI"] == "true"
        {
            return true
        }
        print("skipped: etcd is not installed (Debian's packages are etcd-server and etcd-client)")
        return false
    }()

    /// - Parameters:
    ///   - cluster: The members with their peer ports; this one alone if none are given.
    ///   - scheme: `https` for a server whose arguments name a certificate.
    init(
        name: String = "one", _ arguments: [String] = [], ports: (client: Int, peer: Int)? = nil,
        cluster: [(name: String, peerPort: Int)] = [], scheme: String = "http", isStarted: Bool = true
    ) async throws {
        self.name = name
        let free = try FreePort.take(2)
        self.port = ports?.client ?? free[0]
        self.peerPort = ports?.peer ?? free[1]
        self.scheme = scheme
        let members = cluster.isEmpty ? [(name: name, peerPort: self.peerPort)] : cluster
        self.arguments =
            [
                "--initial-cluster",
                members.map { "\($0.name)=http://127.0.0.1:\($0.peerPort)" }.joined(separator: ","),
            ] + arguments
        self.folder = FileManager.default.temporaryDirectory.appending(path: "colony-etcd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        if isStarted {
            try self.launch()
            try await self.waitUntilReady()
        }
    }

    deinit {
        self.kill()
        try? FileManager.default.removeItem(at: self.folder)
    }

    var address: String { "127.0.0.1:\(self.port)" }
    var url: String { "etcd://\(self.address)" }

    /// Starts it without waiting.
    func launch() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.path, "etcd is not installed"))
        let client = "\(self.scheme)://\(self.address)"
        let peer = "http://127.0.0.1:\(self.peerPort)"
        process.arguments =
            [
                "--name", self.name, "--data-dir", self.folder.path, "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--logger", "zap", "--log-level", "error",
            ] + self.arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// Waits until it answers a linearizable read, which takes a leader.
    func waitUntilReady() async throws {
        try await eventually("etcd answers on port \(self.port)") {
            try #require(self.process?.isRunning == true, "etcd ended by itself")
            return try await self.control(["get", "ready"]).status == 0
        }
    }

    /// Runs etcdctl on this member.
    @discardableResult
    func control(_ arguments: [String]) async throws -> Tool.Output {
        try await Tool.run(
            try #require(Self.control), ["--endpoints", self.address, "--command-timeout", "5s"] + arguments)
    }

    /// Starts `etcdctl lock NAME`, which holds the name until it is ended.
    func lock(_ name: String) throws -> RunningTool {
        try RunningTool(try #require(Self.control), ["--endpoints", self.address, "lock", "--ttl", "5", name])
    }

    func signal(_ number: Int32) {
        if let process, process.isRunning { Foundation.kill(process.processIdentifier, number) }
    }

    /// Has it stand still, and waits until it does.
    func suspend() async throws {
        self.signal(SIGSTOP)
        #if os(Linux)
        let file = "/proc/\(try #require(self.process).processIdentifier)/stat"
        try await eventually("etcd stands still") {
            try String(contentsOfFile: file, encoding: .utf8).split(separator: ")").last?.hasPrefix(" T") == true
        }
        #endif
    }

    func resume() { self.signal(SIGCONT) }

    /// Ends it without a chance to say anything, and waits until it is gone.
    func kill() {
        guard let process else { return }
        self.signal(SIGKILL)
        process.waitUntilEnded()
        self.process = nil
    }

    /// An engine on this server; patient enough for a busy machine unless the test says otherwise.
    func engine(_ change: (inout EtcdOptions) -> Void = { _ in }) throws -> EtcdLeaseEngine {
        var options = EtcdOptions(servers: [EtcdAddress(host: "127.0.0.1", port: self.port)])
        options.timeout = .seconds(20)
        change(&options)
        return try EtcdLeaseEngine(options)
    }

    /// One of the numbers that the server counts, from its metrics.
    func metric(_ name: String) async throws -> Double {
        let socket = try RawSocket(port: self.port)
        try socket.send("GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        for line in try socket.readToEnd().split(separator: "\n") where line.hasPrefix(name + " ") {
            return try #require(Double(line.dropFirst(name.count + 1)))
        }
        throw Disappointment(description: "the server does not count \(name)")
    }
}

/// A cluster of three on loopback.
final class EtcdCluster: Sendable {
    let members: [EtcdProcess]

    init() async throws {
        let ports = try FreePort.take(6)
        let peers = (0..<3).map { (name: "m\($0)", peerPort: ports[3 + $0]) }
        var members: [EtcdProcess] = []
        for index in 0..<3 {
            members.append(
                try await EtcdProcess(
                    name: peers[index].name, ports: (ports[index], ports[3 + index]), cluster: peers,
                    isStarted: false))
        }
        for member in members { try member.launch() }
        for member in members { try await member.waitUntilReady() }
        self.members = members
    }

    /// An engine that knows all members, and begins with `first`.
    func engine(
        first: Int = 0, _ change: (inout EtcdOptions) -> Void = { _ in }
    ) throws -> EtcdLeaseEngine {
        var options = EtcdOptions(
            servers: (0..<3).map { EtcdAddress(host: "127.0.0.1", port: self.members[(first + $0) % 3].port) })
        options.timeout = .seconds(4)
        change(&options)
        return try EtcdLeaseEngine(options)
    }

    /// The index of the member that leads.
    func leader() async throws -> Int {
        for (index, member) in self.members.enumerated() {
            let status = try await member.control(["endpoint", "status", "--write-out", "fields"]).text
            func field(_ name: String) -> String? {
                status.split(separator: "\n").first { $0.hasPrefix("\"\(name)\"") }?
                    .split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
            }
            if let member = field("MemberID"), member == field("Leader") { return index }
        }
        throw Disappointment(description: "nobody leads")
    }
}
#endif
