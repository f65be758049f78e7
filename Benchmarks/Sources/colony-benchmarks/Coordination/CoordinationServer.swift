import ColonyCore
import ColonyWorkloads
import Foundation

/// A server of one kind on loopback, with the settings that it has by default, its data in a folder on the measured filesystem.
///
/// Three things are set because the run could not be otherwise: where it listens, where its data are, and, on ZooKeeper, that
/// more than 60 clients of one host may connect.
final class CoordinationServer {
    let kind: CoordinationKind
    let port: UInt16
    let folder: String
    private let process: ChildProcess

    /// Starts a server with nothing in it and waits until it answers.
    ///
    /// - Parameters:
    ///   - folder: An absolute path; what is below belongs to the server.
    ///   - settings: What PostgreSQL does not have by default, such as `max_prepared_transactions=64`.
    init(_ kind: CoordinationKind, folder: String, settings: [String] = [], clock: any MonotonicClock) throws {
        self.kind = kind
        self.folder = folder
        let port = try ClientSocket.freePort()
        self.port = port
        switch kind {
        case .redis: self.process = try Self.redis(port, folder)
        case .postgres: self.process = try Self.postgres(port, folder, settings)
        case .etcd: self.process = try Self.etcd(port, folder)
        case .zookeeper: self.process = try Self.zookeeper(port, folder)
        }
        let deadline = clock.now.advanced(by: .seconds(60))
        while clock.now < deadline, !self.process.hasEnded {
            if self.answers { return }
            Pause.milliseconds(20)
        }
        self.process.end()
        let log = (try? String(contentsOfFile: "\(folder)/server.log", encoding: .utf8)) ?? ""
        throw WorkloadError("\(kind.title) did not answer within a minute: \(log.suffix(500))")
    }

    /// Nothing of it is kept, so it is not asked.
    func stop() { self.process.end() }

    /// The URL of the engine.
    ///
    /// - Parameter options: What stands behind the question mark, as in `connections=1`.
    func url(_ options: String = "") -> String {
        let place =
            switch self.kind {
            case .redis: "redis://127.0.0.1:\(self.port)"
            case .postgres: "postgres://colony@127.0.0.1:\(self.port)/postgres"
            case .etcd: "etcd://127.0.0.1:\(self.port)"
            case .zookeeper: "zookeeper://127.0.0.1:\(self.port)/colony"
            }
        return options.isEmpty ? place : "\(place)?\(options)"
    }

    private var answers: Bool {
        switch self.kind {
        case .redis:
            return self.answer(to: "PING\r\n").hasPrefix("+PONG")
        case .postgres:
            let words = ["-h", "127.0.0.1", "-p", "\(self.port)", "-U", "colony", "-q"]
            guard let program = try? InstalledServer.postgres("pg_isready") else { return false }
            return (try? ChildProcess(program, words).wait()) == 0
        case .etcd:
            guard let client = try? HTTPClient(port: self.port) else { return false }
            return (try? client.ask(HTTPMessage.get("/health")))?.status == 200
        case .zookeeper:
            return self.answer(to: "srvr").contains("Mode: ")
        }
    }

    /// What the server sends first for a few bytes.
    private func answer(to question: String) -> String {
        guard let socket = try? ClientSocket(port: self.port) else { return "" }
        var bytes: [UInt8] = []
        do {
            try socket.send(Array(question.utf8))
            try socket.receive(into: &bytes)
            // ZooKeeper sends its lines one by one and then hangs up.
            while self.kind == .zookeeper { try socket.receive(into: &bytes) }
        } catch {
            return String(decoding: bytes, as: UTF8.self)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

// MARK: Starting

extension CoordinationServer {
    private static func redis(_ port: UInt16, _ folder: String) throws -> ChildProcess {
        try ChildProcess(
            try InstalledServer.find("redis-server", package: "redis-server"),
            ["--bind", "127.0.0.1", "--port", "\(port)", "--dir", folder], output: "\(folder)/server.log")
    }

    private static func etcd(_ port: UInt16, _ folder: String) throws -> ChildProcess {
        let client = "http://127.0.0.1:\(port)"
        let peer = "http://127.0.0.1:\(try ClientSocket.freePort())"
        return try ChildProcess(
            try InstalledServer.find("etcd", package: "etcd-server"),
            [
                "--data-dir", "\(folder)/data", "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", "default=\(peer)",
            ], output: "\(folder)/server.log")
    }

    private static func zookeeper(_ port: UInt16, _ folder: String) throws -> ChildProcess {
        let archive = "/usr/share/java/zookeeper.jar"
        guard FileManager.default.fileExists(atPath: archive) else {
            throw WorkloadError("ZooKeeper is not installed (Debian's package is zookeeper)")
        }
        let configuration = "\(folder)/zoo.cfg"
        // As Debian ships it, but for the places and the limit of 60 clients of one host.
        let lines = [
            "tickTime=2000", "initLimit=10", "syncLimit=5", "dataDir=\(folder)/data", "clientPort=\(port)",
            "clientPortAddress=127.0.0.1", "admin.enableServer=false", "maxClientCnxns=0", "",
        ]
        try lines.joined(separator: "\n").write(toFile: configuration, atomically: true, encoding: .utf8)
        return try ChildProcess(
            try InstalledServer.find("java", package: "default-jre-headless"),
            [
                "-cp", "\(archive):/usr/share/java/*", "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                configuration,
            ], output: "\(folder)/server.log")
    }

    /// A new cluster. PostgreSQL does not run as root, so its package's user owns it then.
    private static func postgres(_ port: UInt16, _ folder: String, _ settings: [String]) throws -> ChildProcess {
        let data = "\(folder)/data"
        var before: [String] = []
        if geteuid() == 0 {
            let code = try ChildProcess("/usr/bin/env", ["chown", "postgres", folder]).wait()
            guard code == 0 else { throw WorkloadError("there is no user postgres that could own \(folder)") }
            before = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        }
        let output = "\(folder)/initdb.log"
        let words = [
            try InstalledServer.postgres("initdb"), "-D", data, "-U", "colony", "-A", "trust", "-E", "UTF8", "--locale",
            "C",
        ]
        guard try ChildProcess("/usr/bin/env", before + words, output: output).wait() == 0 else {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            throw WorkloadError("initdb failed: \(text.suffix(500))")
        }
        return try ChildProcess(
            "/usr/bin/env",
            before + [
                try InstalledServer.postgres("postgres"), "-D", data, "-p", "\(port)", "-c",
                "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            ] + settings.flatMap { ["-c", $0] }, output: "\(folder)/server.log")
    }
}

/// Where the programs of servers are.
enum InstalledServer {
    static func find(_ name: String, package: String) throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let places = path.split(separator: ":").map { "\($0)/\(name)" }
        guard let file = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw WorkloadError("\(name) is not installed (Debian's package is \(package))")
        }
        return file
    }

    /// Debian keeps the programs of PostgreSQL's server out of the path, one folder for each version.
    static func postgres(_ name: String) throws -> String {
        let folders = (12...30).reversed().map { "/usr/lib/postgresql/\($0)/bin/\(name)" }
        if let file = folders.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) { return file }
        return try self.find(name, package: "postgresql")
    }
}
