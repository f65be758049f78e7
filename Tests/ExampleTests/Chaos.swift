import Foundation
import RealServers
import Testing

/// The script of the example, and the programs that it runs.
enum Chaos {
    /// How a program ended, and what it said.
    struct Outcome: Sendable {
        let code: Int32
        let text: String
    }

    private static let script = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Examples/OrderService/chaos").path

    /// The service lies in the build directory, where the test bundle lies as well.
    static let service: String = {
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        let program = bundle ?? URL(fileURLWithPath: CommandLine.arguments[0])
        let binary = program.deletingLastPathComponent().appendingPathComponent("order-service").path
        precondition(FileManager.default.isExecutableFile(atPath: binary), "there is no program at \(binary)")
        return binary
    }()

    /// Runs the script to its end.
    ///
    /// - Parameter folder: Where the files of the services are kept.
    static func run(_ arguments: String..., in folder: TemporaryFolder) async throws -> Outcome {
        try await self.run(self.script, ["--binary", self.service] + arguments, in: folder)
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String], in folder: TemporaryFolder) async throws -> Outcome {
        let log = "\(folder.path)/said-\(UUID().uuidString)"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let output = try #require(FileHandle(forWritingAtPath: log))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": folder.path]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let code = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
                // Should this process end before: the script, and all that it has started.
                Undertaker.mine.watch(process: process.processIdentifier)
            } catch {
                continuation.resume(throwing: error)
            }
        }
        Undertaker.mine.forget(process: process.processIdentifier)
        try output.close()
        return Outcome(code: code, text: try String(contentsOfFile: log, encoding: .utf8))
    }
}
