import ColonyCore
import Foundation
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A server, or another program, that can be started again as it was: killed, stopped, and let go on by a test. What it says
/// goes to a file. It does not outlive this process.
package final class ServerProcess: Sendable {
    /// What is started.
    package struct Command: Sendable {
        package var program: String
        package var arguments: [String]
        package var environment: [String: String]
        /// Where it runs, and where what it says is kept in `log`.
        package var folder: String
        /// The network it lives in; that of the host if there is none.
        package var namespace: String?
        /// The user it runs as when this process is root; PostgreSQL does not run as root.
        package var user: String?

        package init(
            _ program: String, _ arguments: [String], environment: [String: String] = [:], in folder: String,
            namespace: String? = nil, user: String? = nil
        ) {
            self.program = program
            self.arguments = arguments
            self.environment = environment
            self.folder = folder
            self.namespace = namespace
            self.user = user
        }
    }

    package let name: String
    package let command: Command
    private let process = Mutex<Process?>(nil)

    package init(_ name: String, _ command: Command) {
        self.name = name
        self.command = command
    }

    deinit { self.kill() }

    package var isRunning: Bool { self.process.withLock { $0?.isRunning ?? false } }

    package var number: Int32? {
        self.process.withLock { process in
            guard let process, process.isRunning else { return nil }
            return process.processIdentifier
        }
    }

    /// How it ended, if it did so by itself: the exit code, or the signal as a negative number.
    package var ending: Int32? {
        self.process.withLock { process in
            guard let process, !process.isRunning else { return nil }
            return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
        }
    }

    private var logFile: String { "\(self.command.folder)/\(self.name).log" }

    /// The last of what it has said.
    package var complaint: String {
        let text = (try? String(contentsOfFile: self.logFile, encoding: .utf8)) ?? ""
        return String(text.suffix(2_000))
    }

    /// Starts it, again if it has ended; does nothing while it runs.
    package func start() throws {
        try self.process.withLock { process in
            if let process, process.isRunning { return }
            var words = [self.command.program] + self.command.arguments
            if let user = self.command.user, geteuid() == 0 {
                words = ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--"] + words
            }
            if let namespace = self.command.namespace {
                words = ["/usr/sbin/ip", "netns", "exec", namespace] + words
            }
            let next = Process()
            next.executableURL = URL(fileURLWithPath: words[0])
            next.arguments = Array(words.dropFirst())
            next.environment = ProcessInfo.processInfo.environment.merging(self.command.environment) { $1 }
            next.currentDirectoryURL = URL(fileURLWithPath: self.command.folder)
            let descriptor = open(self.logFile, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw ServerFailure("\(self.logFile) cannot be written: error \(errno)") }
            let log = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            next.standardInput = FileHandle.nullDevice
            next.standardOutput = log
            next.standardError = log
            try next.run()
            try log.close()
            Undertaker.mine.watch(process: next.processIdentifier)
            process = next
        }
    }

    /// Stops it and its children where they are, as a hypervisor does, or a long collection of garbage.
    package func suspend() { self.signalAll(SIGSTOP) }

    /// Lets it and its children go on.
    package func resume() { self.signalAll(SIGCONT) }

    /// Asks it to end.
    package func terminate() {
        if let number { _ = Self.send(SIGTERM, to: number) }
    }

    /// Ends it and its children without a chance to say anything, and waits until it is gone.
    package func kill() {
        self.signalAll(SIGKILL)
        self.process.withLock { process in
            guard let ended = process else { return }
            ended.waitUntilEnded()
            Undertaker.mine.forget(process: ended.processIdentifier)
            process = nil
        }
    }

    private func signalAll(_ signal: Int32) {
        guard let number else { return }
        // The parent first, so that it starts no more children.
        let processes = [number] + Self.descendants(of: number)
        for process in processes { _ = Self.send(signal, to: process) }
        for process in Self.descendants(of: number) where !processes.contains(process) {
            _ = Self.send(signal, to: process)
        }
    }

    private static func send(_ signal: Int32, to process: Int32) -> Int32 {
        #if canImport(Darwin)
        Darwin.kill(process, signal)
        #elseif canImport(Musl)
        Musl.kill(process, signal)
        #else
        Glibc.kill(process, signal)
        #endif
    }

    /// Whom a process has started, and they in turn.
    private static func descendants(of process: Int32) -> [Int32] {
        let tasks = "/proc/\(process)/task"
        var children: [Int32] = []
        for task in (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? [] {
            let text = (try? String(contentsOfFile: "\(tasks)/\(task)/children", encoding: .utf8)) ?? ""
            children += text.split(separator: " ").compactMap {
                Int32($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        return children + children.flatMap { Self.descendants(of: $0) }
    }
}

/// A folder of its own, gone when the last reference to it goes, or this process.
package final class TemporaryFolder: Sendable {
    package let path: String

    /// - Parameter owner: The user it belongs to when this process is root.
    package init(_ purpose: String, owner: String? = nil) throws {
        // Short, because the path of a Unix socket is.
        self.path =
            FileManager.default.temporaryDirectory.appending(path: "\(purpose)-\(UUID().uuidString.prefix(13))").path
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        Undertaker.mine.watch(folder: self.path)
        if let owner, geteuid() == 0 { try Run.toEnd("/bin/chown", [owner, self.path]) }
    }

    deinit {
        // Children of a killed server end when they notice, and may write until then.
        for _ in 0..<100 {
            try? FileManager.default.removeItem(atPath: self.path)
            if !FileManager.default.fileExists(atPath: self.path) { return }
            _ = poll(nil, 0, 20)
        }
    }
}

/// Something around the servers that could not be done.
package struct ServerFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Runs short commands.
package enum Run {
    /// Runs a program to its end and gives what it printed.
    ///
    /// - Throws: ``ServerFailure`` with what it printed, unless it ended with zero.
    @discardableResult
    package static func toEnd(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ServerFailure("\(program) \(arguments.joined(separator: " ")) failed: \(text)")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
