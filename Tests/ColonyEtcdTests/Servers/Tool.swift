#if Etcd
import ColonyCore
import Foundation
import Synchronization

/// A program of the system that a test runs.
enum Tool {
    struct Output {
        let status: Int32
        let text: String
    }

    static func find(_ name: String) -> String? {
        ["/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"].map { $0 + name }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Runs a program to its end, and gives what it printed.
    static func run(_ path: String, _ arguments: [String]) async throws -> Output {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["ETCDCTL_API"] = "3"
        process.environment = environment
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        return try await withCheckedThrowingContinuation { continuation in
            // A thread of its own, because reading to the end blocks it.
            Thread.detachNewThread {
                do {
                    try process.run()
                    let data = pipe.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    continuation.resume(
                        returning: Output(
                            status: process.terminationStatus, text: String(decoding: data, as: UTF8.self)))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}

/// A program that runs until the test ends it, and whose output is read as it comes.
///
/// `@unchecked Sendable`: `process` is changed by `init` alone, and `Process` may be asked and signalled from any thread.
final class RunningTool: @unchecked Sendable {
    private let process = Process()
    private let output = Mutex("")

    init(_ path: String, _ arguments: [String]) throws {
        self.process.executableURL = URL(fileURLWithPath: path)
        self.process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["ETCDCTL_API"] = "3"
        self.process.environment = environment
        let pipe = Pipe()
        self.process.standardInput = FileHandle.nullDevice
        self.process.standardOutput = pipe
        self.process.standardError = pipe
        try self.process.run()
        Thread.detachNewThread { [weak self] in
            while true {
                let data = pipe.fileHandleForReading.availableData
                if data.isEmpty { return }
                self?.output.withLock { $0 += String(decoding: data, as: UTF8.self) }
            }
        }
    }

    deinit { if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) } }

    var text: String { self.output.withLock { $0 } }
    var isRunning: Bool { self.process.isRunning }

    func signal(_ number: Int32) {
        if self.process.isRunning { kill(self.process.processIdentifier, number) }
    }

    func waitForEnd() async throws {
        try await eventually("the program ends") { !self.process.isRunning }
    }
}
#endif
