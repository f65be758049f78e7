import ColonyCore
import ColonyWorkloads
import Foundation

/// A PostgreSQL that prepares transactions, for one workload.
///
/// Beside that it has the settings that it has by default.
struct TransactionServer: Sendable {
    private let port: UInt16
    /// Where its data are, in a folder that is the workload's own.
    let folder: String

    static func with<Value>(
        _ options: WorkloadOptions, _ body: (TransactionServer, _ folder: String) async throws -> Value
    ) async throws -> Value {
        try await ScratchFolder.with(in: options.directory) { folder in
            let path = URL(filePath: folder).standardizedFileURL.path
            // The user of PostgreSQL must get to its own folder.
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            let own = "\(path)/server"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: false)
            let server = try CoordinationServer(
                .postgres, folder: own, settings: ["max_prepared_transactions=64"], clock: options.clock)
            defer { server.stop() }
            return try await body(TransactionServer(port: server.port, folder: own), path)
        }
    }

    /// How a client of C connects.
    func connection(to database: String) -> String {
        "host=127.0.0.1 port=\(self.port) user=colony dbname=\(database)"
    }

    /// How an engine connects.
    func url(of database: String, _ options: String = "") -> String {
        "postgres://colony@127.0.0.1:\(self.port)/\(database)" + (options.isEmpty ? "" : "?\(options)")
    }

    /// Runs statements by PostgreSQL's own program.
    func run(_ sql: String, in database: String = "postgres") throws {
        let output = "\(self.folder)/psql.log"
        let words = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.connection(to: database), "-c", sql]
        let code = try ChildProcess("/usr/bin/env", ["psql"] + words, output: output).wait()
        guard code == 0 else {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            throw WorkloadError("psql ended with \(code): \(text.suffix(500))")
        }
    }
}
