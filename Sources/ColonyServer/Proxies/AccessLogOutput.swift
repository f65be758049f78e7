import ColonyCore
import ColonyProxy
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Writes a line for each request of a proxy to standard output or to a file, on a thread of its own: a full disk, or a reader that has
/// stopped, must not stop the proxy.
///
/// Lines that find more than ``room`` others waiting are lost.
final class AccessLogOutput: Sendable {
    /// How many lines may wait.
    static let room = 65_536

    let settings: AccessLogDocument
    private let entries: AsyncStream<AccessLogEntry>.Continuation
    private let end = OneShotSignal()
    private let isFinishing = Atomic(false)
    private let file: OpenFile?

    /// Opens the file, and makes it if it is not there.
    ///
    /// - Throws: ``DaemonError`` with code `invalidConfiguration` if it cannot be written.
    init(_ settings: AccessLogDocument) throws(DaemonError) {
        self.settings = settings
        self.file = if let path = settings.file { try OpenFile(path) } else { nil }
        let (stream, continuation) = AsyncStream.makeStream(
            of: AccessLogEntry.self, bufferingPolicy: .bufferingOldest(Self.room))
        self.entries = continuation
        let isJSON = settings.format == .json
        Task(executorPreference: DedicatedExecutor(named: "colony-log")) { [file, end] in
            for await entry in stream {
                let line = Array((entry.line(asJSON: isJSON) + "\n").utf8)
                if let file { file.write(line) } else { OpenFile.write(line, to: STDOUT_FILENO) }
            }
            end.fire()
        }
    }

    /// What the proxy tells.
    var log: AccessLog {
        let entries = self.entries
        return AccessLog { entries.yield($0) }
    }

    /// Opens the file anew, so that one that was moved away is written no more.
    func reopen() throws(DaemonError) { try self.file?.reopen() }

    /// Writes what waits, for at most a second. Whoever calls it later does not wait.
    func finish() async {
        guard !self.isFinishing.exchange(true, ordering: .relaxed) else { return }
        self.entries.finish()
        let clock = HostClock()
        _ = try? await self.end.wait(until: clock.now.advanced(by: .seconds(1)), on: clock)
    }
}

/// A file that is appended to, and that can be opened anew while others write.
private final class OpenFile: Sendable {
    private let path: String
    private let descriptor: Mutex<CInt>

    init(_ path: String) throws(DaemonError) {
        self.path = path
        self.descriptor = Mutex(try Self.open(path))
    }

    deinit { self.descriptor.withLock { _ = close($0) } }

    private static func open(_ path: String) throws(DaemonError) -> CInt {
        #if canImport(Darwin)
        let descriptor = Darwin.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        #elseif canImport(Musl)
        let descriptor = Musl.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        #else
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        #endif
        guard descriptor >= 0 else {
            throw DaemonError(
                .invalidConfiguration,
                "the access log \(NameRules.quoted(path)) cannot be written: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    func reopen() throws(DaemonError) {
        let fresh = try Self.open(self.path)
        let old = self.descriptor.withLock { descriptor in
            defer { descriptor = fresh }
            return descriptor
        }
        close(old)
    }

    func write(_ bytes: [UInt8]) {
        self.descriptor.withLock { Self.write(bytes, to: $0) }
    }

    static func write(_ bytes: [UInt8], to descriptor: CInt) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
                #if canImport(Darwin)
                let count = Darwin.write(descriptor, start, rest.count)
                #elseif canImport(Musl)
                let count = Musl.write(descriptor, start, rest.count)
                #else
                let count = Glibc.write(descriptor, start, rest.count)
                #endif
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }
}
