import ColonyCore
import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Stops a process, as SIGSTOP does, at a moment when it holds no file locked for writing.
///
/// A process that is stopped in the middle of a write to a file that others write to as well, such as one of SQLite, keeps them
/// all out until it goes on. That is so with every such file, and not what a test of leases is about.
package enum StoppedProcess {
    /// Stops `process`, looks at what it holds, and lets it go on and tries again if it is in the middle of a write.
    package static func stop(_ process: Int32, within limit: Duration = .seconds(30)) async throws {
        let clock = HostClock()
        let deadline = clock.now.advanced(by: limit)
        while true {
            try await Self.freeze(process, within: clock.now.duration(to: deadline))
            if !Self.writes(process) { return }
            kill(process, SIGCONT)
            guard clock.now < deadline else {
                throw ServerFailure("\(process) has been seen in the middle of a write for \(limit)")
            }
            try await clock.sleep(for: .milliseconds(3))
        }
    }

    /// Stops `process` in whatever it is doing, and returns when none of its threads runs.
    package static func freeze(_ process: Int32, within limit: Duration = .seconds(30)) async throws {
        let clock = HostClock()
        let deadline = clock.now.advanced(by: limit)
        kill(process, SIGSTOP)
        while !Self.hasStopped(process) {
            guard clock.now < deadline else { throw ServerFailure("\(process) does not stop in \(limit)") }
            try await clock.sleep(for: .milliseconds(1))
        }
    }

    /// Whether each of its threads has stopped, or it is gone.
    private static func hasStopped(_ process: Int32) -> Bool {
        let tasks = "/proc/\(process)/task"
        return ((try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []).allSatisfy { task in
            // "12 (name) T …", and the name may have spaces and parentheses.
            guard let text = try? String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8),
                let name = text.lastIndex(of: ")")
            else { return true }
            return text[name...].dropFirst(2).first == "T"
        }
    }

    /// Whether it has locked a file or a part of one for writing: `1: POSIX ADVISORY WRITE 2219 fe:00:12 0 EOF`, or `FLOCK`, which a
    /// process holds while it opens a store.
    private static func writes(_ process: Int32) -> Bool {
        let text = (try? String(contentsOfFile: "/proc/locks", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return (words.contains("POSIX") || words.contains("FLOCK")) && words.contains("WRITE")
                && words.contains(Substring("\(process)")) && !words.contains("->")
        }
    }
}
