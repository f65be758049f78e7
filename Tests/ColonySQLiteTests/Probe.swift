import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// A running `colony-crash-probe`, or another of our programs, whose standard output is collected.
final class Probe: Sendable {
    private let process: Mutex<Process>
    private let output: Pipe
    private let collected = Mutex(Data())
    let pid: Int32

    convenience init(_ arguments: String...) throws {
        try self.init(program: "colony-crash-probe", arguments)
    }

    init(program: String, _ arguments: [String]) throws {
        // The package's products lie beside the bundle of its tests.
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let process = Process()
        process.executableURL = tests.deletingLastPathComponent().appendingPathComponent(program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        self.pid = process.processIdentifier
        self.output = output
        self.process = Mutex(process)
        let collector = Collector(self)
        output.fileHandleForReading.readabilityHandler = { handle in collector.take(handle.availableData) }
    }

    /// Breaks the circle of the process, its output, and the one who reads it.
    private final class Collector: Sendable {
        private let probe: Weak
        init(_ probe: Probe) { self.probe = Weak(probe) }
        func take(_ data: Data) { self.probe.value?.collected.withLock { $0.append(data) } }

        private final class Weak: Sendable {
            weak let value: Probe?
            init(_ value: Probe) { self.value = value }
        }
    }

    /// The whole lines that were printed so far.
    var lines: [String] {
        let data = self.collected.withLock { $0 }
        guard let end = data.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        return String(decoding: data[..<end], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    var isRunning: Bool { self.process.withLock { $0.isRunning } }

    func send(_ signal: Int32) { kill(self.pid, signal) }

    /// Ends the process without warning, and reads what it had printed.
    func killNow() async throws {
        self.send(SIGKILL)
        try await eventually("the process has ended") { !self.isRunning }
        self.output.fileHandleForReading.readabilityHandler = nil
        let rest = self.output.fileHandleForReading.readDataToEndOfFile()
        self.collected.withLock { $0.append(rest) }
    }

    deinit {
        self.output.fileHandleForReading.readabilityHandler = nil
        if self.isRunning { kill(self.pid, SIGKILL) }
    }
}
