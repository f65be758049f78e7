#if Postgres
import ColonyCore
import ColonyPostgres
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

/// A PostgreSQL of this test on a free port of 127.0.0.1 with a cluster of its own, killed when the last reference to it goes:
/// also when the test has failed.
///
/// `@unchecked Sendable`: `process` is changed by `start` and `kill` only, which one task of a test calls in turn.
final class PostgresProcess: @unchecked Sendable {
    static let password = "s3cret/word"
    let port: Int
    private let settings: [String]
    private let folder: URL
    private var process: Process?

    /// Where the server's programs are; Debian keeps them out of the path.
    static let programs: String? = {
        let versions = (12...25).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
        return (versions + ["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin"]).first {
            FileManager.default.isExecutableFile(atPath: "\($0)/initdb")
        }
    }()

    /// Whether the tests can run. Without PostgreSQL they are skipped, except under CI, where nobody reads that.
    static let isAvailable: Bool = {
        if PostgresProcess.programs != nil || ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        print("skipped: the server of PostgreSQL is not installed (Debian's package is postgresql)")
        return false
    }()

    /// Makes a cluster and starts its server.
    ///
    /// - Parameter settings: Such as `max_connections=700`.
    init(_ settings: [String] = [], isStarted: Bool = true) async throws {
        self.port = try FreePort.take()
        self.settings = settings
        // The path of a socket is short, so the folder's name is.
        self.folder = FileManager.default.temporaryDirectory.appending(path: "pg-\(UUID().uuidString.prefix(13))")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let secret = self.folder.appending(path: "password")
        try Self.password.write(to: secret, atomically: true, encoding: .utf8)
        if geteuid() == 0 {
            // The server refuses to run as root; Debian's package makes a user for it.
            try Self.run("/bin/chown", ["-R", "postgres", self.folder.path])
        }
        let initdb = try self.process(
            "initdb",
            [
                "-D", self.data, "-U", "colony", "-A", "scram-sha-256", "--pwfile", secret.path, "-E", "UTF8",
                "--locale", "C", "--no-sync",
            ])
        try initdb.run()
        initdb.waitUntilExit()
        try #require(initdb.terminationStatus == 0, "initdb failed")
        if isStarted { try await self.start() }
    }

    deinit {
        self.kill()
        remove(self.folder)
    }

    private var data: String { self.folder.appending(path: "data").path }

    /// The folder of the server's Unix socket.
    var socketFolder: String { self.folder.path }

    /// Starts it, and waits until it takes connections.
    func start() async throws {
        let clock = HostClock()
        let deadline = clock.now.advanced(by: .seconds(45))
        while true {
            var arguments = [
                "-D", self.data, "-p", "\(self.port)", "-c", "listen_addresses=127.0.0.1", "-c",
                "unix_socket_directories=\(self.folder.path)", "-c", "shared_buffers=32MB",
            ]
            for setting in self.settings { arguments += ["-c", setting] }
            let process = try self.process("postgres", arguments)
            try process.run()
            self.process = process
            while process.isRunning, clock.now < deadline {
                if (try? self.psql("SELECT 1")) == "1" { return }
                try await clock.sleep(for: .milliseconds(20))
            }
            // The processes of a killed server hold on to its memory for a moment, and it does not start meanwhile.
            try #require(clock.now < deadline, "the server did not start")
            try await clock.sleep(for: .milliseconds(100))
        }
    }

    private func process(_ program: String, _ arguments: [String]) throws -> Process {
        let path = "\(try #require(Self.programs, "the server of PostgreSQL is not installed"))/\(program)"
        let process = Process()
        if geteuid() == 0 {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments =
                ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", path] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = arguments
        }
        process.currentDirectoryURL = self.folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }

    /// Makes a certificate of its own for `localhost`, which the server uses.
    ///
    /// - Returns: The file of the certificate.
    func makeCertificate(by openssl: String) throws -> String {
        let certificate = "\(self.data)/server.crt"
        let key = "\(self.data)/server.key"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: openssl)
        process.arguments =
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl failed")
        try Self.run("/bin/chmod", ["600", key])
        if geteuid() == 0 { try Self.run("/bin/chown", ["postgres", key, certificate]) }
        return certificate
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = try Process.run(URL(fileURLWithPath: program), arguments: arguments)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(program) failed")
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

    /// Ends the postmaster without a chance to say anything, and waits until it is gone.
    func kill() {
        guard let process else { return }
        self.signal(SIGKILL)
        process.waitUntilEnded()
        self.process = nil
    }

    // MARK: The clients

    var url: String { self.url(password: Self.password) }

    func url(password: String, database: String = "postgres", _ options: String = "") -> String {
        let secret = password.replacing("/", with: "%2F")
        return "postgres://colony:\(secret)@127.0.0.1:\(self.port)/\(database)?timeout_ms=20000\(options)"
    }

    /// An engine on this server; patient enough for a busy machine unless the test says otherwise.
    func engine(_ change: (inout PostgresOptions) -> Void = { _ in }) throws -> PostgresLeaseEngine {
        PostgresLeaseEngine(try self.options(change))
    }

    func options(_ change: (inout PostgresOptions) -> Void = { _ in }) throws -> PostgresOptions {
        var options = try PostgresOptions(url: EngineURL(self.url))
        options.connections = 4
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(50))
        change(&options)
        return options
    }

    /// What the real client prints for a statement, without decoration.
    @discardableResult
    func psql(_ sql: String) throws -> String {
        let process = self.psqlProcess(["-c", sql])
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Disappointment(description: "psql failed: \(sql)") }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The real client, not started yet.
    func psqlProcess(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(Self.programs ?? "/usr/bin")/psql")
        process.arguments =
            ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", "\(self.port)", "-U", "colony"]
            + ["-d", "postgres"] + arguments
        process.environment = ["PGPASSWORD": Self.password, "PATH": "/usr/bin:/bin"]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }
}
#endif
