import ColonyCore
import Foundation
import RealServers
import Synchronization

@testable import colony

/// How a process ended and what it said.
struct Outcome: Sendable {
    /// The exit code, or 128 and the number of the signal that ended it.
    let code: CInt
    let output: String
    let errors: String
}

/// A real process that a test has started, the leader of a group of its own.
final class ChildProcess: Sendable {
    let number: pid_t
    private let outputFile: String
    private let errorFile: String
    private let ending: Task<CInt, Never>
    private let isOver = Mutex(false)

    /// - Parameters:
    ///   - folder: Where what it says is kept, in files that start with `name`.
    ///   - input: What it reads, as a file.
    init(_ words: [[UInt8]], environment: [String: String], in folder: String, as name: String, input: String) throws {
        self.outputFile = "\(folder)/\(name).out"
        self.errorFile = "\(folder)/\(name).err"
        let files = try [
            (Self.descriptor(of: input, O_RDONLY), CInt(0)),
            (Self.descriptor(of: self.outputFile, O_WRONLY | O_CREAT | O_TRUNC), CInt(1)),
            (Self.descriptor(of: self.errorFile, O_WRONLY | O_CREAT | O_TRUNC), CInt(2)),
        ]
        defer { for (descriptor, _) in files { close(descriptor) } }
        let spawn = Spawn(
            path: words[0], words: words, environment: environment.map { Array("\($0.key)=\($0.value)".utf8) },
            group: 0,
            descriptors: files.map { (here: $0.0, there: $0.1) }, signals: Spawn.Signals(held: [], ignored: []))
        let number = try spawn.start().get()
        self.number = number
        self.ending = Task {
            await withCheckedContinuation { continuation in
                startThread(named: "child") {
                    var status: CInt = 0
                    while waitpid(number, &status, 0) == -1, errno == EINTR {}
                    continuation.resume(returning: CommandEnd(waitStatus: status)?.exitCode ?? -1)
                }
            }
        }
    }

    /// Waits for the end.
    func end() async -> Outcome {
        let code = await self.ending.value
        self.isOver.withLock { $0 = true }
        return Outcome(code: code, output: self.output, errors: self.errors)
    }

    /// Whether the process has neither ended nor been waited for.
    var isRunning: Bool { kill(self.number, 0) == 0 }

    var output: String { (try? String(contentsOfFile: self.outputFile, encoding: .utf8)) ?? "" }
    var errors: String { (try? String(contentsOfFile: self.errorFile, encoding: .utf8)) ?? "" }

    func send(_ signal: CInt) {
        self.isOver.withLock { if !$0 { _ = kill(self.number, signal) } }
    }

    /// Stops the process at a moment when it is not writing to a file that others write to as well.
    func stop() async throws { try await StoppedProcess.stop(self.number) }

    /// Ends the process and what is in its group, for a test that has failed in the middle.
    func destroy() async {
        self.isOver.withLock { if !$0 { _ = kill(-self.number, SIGKILL) } }
        _ = await self.end()
    }

    private static func descriptor(of path: String, _ flags: CInt) throws -> CInt {
        let descriptor = open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return descriptor
    }
}
