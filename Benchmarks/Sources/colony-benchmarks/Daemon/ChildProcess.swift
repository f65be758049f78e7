import ColonyCore
import ColonyWorkloads
import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A program that a benchmark runs, started without Foundation, which takes longer than some of what is measured.
final class ChildProcess {
    let id: pid_t
    private var status: Int32?

    /// Starts a program; what it prints goes to `output`, or nowhere.
    init(_ path: String, _ arguments: [String], output: String = "/dev/null") throws {
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        #else
        var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // A thread of the pool blocks all signals, and a child would inherit that: a shell, for one, could not be stopped then.
        #if canImport(Darwin)
        var attributes: posix_spawnattr_t?
        #else
        var attributes = posix_spawnattr_t()
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var id: pid_t = 0
        let failure = posix_spawn(&id, path, &actions, &attributes, words, environ)
        guard failure == 0 else {
            throw WorkloadError("\(path) could not be started: \(String(cString: strerror(failure)))")
        }
        self.id = id
    }

    deinit {
        self.end()
    }

    /// Waits for the end.
    ///
    /// - Returns: The exit code, or 128 and the number of the signal.
    @discardableResult
    func wait() -> Int32 {
        if let status { return status }
        var raw: Int32 = 0
        while waitpid(self.id, &raw, 0) < 0, errno == EINTR {}
        let signal = raw & 0x7F
        let result = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
        self.status = result
        return result
    }

    var hasEnded: Bool {
        if self.status != nil { return true }
        var raw: Int32 = 0
        guard waitpid(self.id, &raw, WNOHANG) == self.id else { return false }
        let signal = raw & 0x7F
        self.status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
        return true
    }

    /// Asks the program to end, and waits until it has.
    func stop() {
        guard self.status == nil else { return }
        kill(self.id, SIGTERM)
        self.wait()
    }

    /// Ends the program without asking it, and waits until it has.
    func end() {
        guard self.status == nil else { return }
        kill(self.id, SIGKILL)
        self.wait()
    }

    /// The processor time that the program has used so far.
    func processorTime() throws -> Duration {
        let text = try String(contentsOfFile: "/proc/\(self.id)/stat", encoding: .utf8)
        // The name in brackets may hold anything; the 14th and 15th fields are counted from behind it.
        guard let bracket = text.lastIndex(of: ")") else { throw WorkloadError("/proc has no times of the daemon") }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 12, let user = Int64(fields[11]), let system = Int64(fields[12]) else {
            throw WorkloadError("/proc has no times of the daemon")
        }
        return .milliseconds((user + system) * 1_000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// The memory that the program has in use now (`VmRSS`) or had at the most (`VmHWM`), in KiB.
    func memoryKibibytes(_ field: String) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(self.id)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        guard let value = line?.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) else {
            throw WorkloadError("/proc has no \(field) of the daemon")
        }
        return value
    }
}
