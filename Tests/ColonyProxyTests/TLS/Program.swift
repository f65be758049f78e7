import Foundation
import RealServers
import Testing

/// A program of others that a test runs to its end.
struct Program: Sendable {
    let status: Int32
    let output: String
    let complaint: String

    static func path(of name: String) -> String? {
        ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin"].map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Nobody waits for ever: the program is killed after a minute.
    static func run(_ name: String, _ arguments: [String], in folder: String? = nil) async throws -> Program {
        let path = try #require(Self.path(of: name), "\(name) is not installed")
        let place = try TemporaryFolder("run")
        let (output, complaint) = ("\(place.path)/output", "\(place.path)/complaint")
        for file in [output, complaint] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: complaint)
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
                let number = process.processIdentifier
                DispatchQueue.global().asyncAfter(deadline: .now() + 60) {
                    if process.isRunning, process.processIdentifier == number { process.terminate() }
                }
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        return Program(
            status: status, output: (try? String(contentsOfFile: output, encoding: .utf8)) ?? "",
            complaint: (try? String(contentsOfFile: complaint, encoding: .utf8)) ?? "")
    }

    /// curl, silent but for errors, that trusts the root and takes `example.org` and others for this host.
    static func curl(
        _ certificates: TestCertificates, _ port: Int, host: String = "example.org", _ arguments: [String],
        path: String = "/"
    ) async throws -> Program {
        try await self.run(
            "curl",
            [
                "-sS", "--max-time", "50", "--cacert", certificates.root, "--resolve", "\(host):\(port):127.0.0.1",
            ] + arguments + ["https://\(host):\(port)\(path)"])
    }
}
