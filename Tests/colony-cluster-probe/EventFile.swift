import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file to which all probes of a test append what happens to them, a line each: when, by the clock of the host, who, and what.
struct EventFile: Sendable {
    private let descriptor: Int32
    private let name: String

    init(path: String, name: String) {
        self.descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        self.name = name
        if self.descriptor < 0 { exit(73) }
    }

    /// - Parameter at: When it happened; the present if not given.
    func note(_ words: String, at instant: MonotonicInstant = HostClock().now) {
        // Whole lines, also of several processes, because it is one short write to the end of the file.
        let line = "\(instant.nanoseconds) \(self.name) \(words)\n"
        _ = write(self.descriptor, line, line.utf8.count)
    }
}
