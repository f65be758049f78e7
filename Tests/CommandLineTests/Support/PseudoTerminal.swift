#if os(Linux)
import ColonyCore
import Foundation
import Synchronization
import Testing

@testable import colony

/// A shell with job control at a terminal of its own, typed at by a test.
final class PseudoTerminal: Sendable {
    private let controller: CInt
    private let shell: pid_t
    private let screen = Mutex("")

    /// `TIOCSPTLCK` and `TIOCGPTN` of Linux, which C makes from expressions that Swift does not read.
    private static let unlock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    /// - Parameter environment: Of the shell; `PS1` is set to something that a test can wait for.
    init(environment: [String: String]) throws {
        self.controller = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var number: CInt = 0
        var unlocked: CInt = 0
        guard self.controller >= 0, ioctl(self.controller, Self.unlock, &unlocked) == 0,
            ioctl(self.controller, Self.getNumber, &number) == 0
        else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        let name = "/dev/pts/\(number)"
        // The first terminal that the leader of a session opens becomes the one that controls it.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(0x80 | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var none = SignalSet.of([])
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = SignalSet.of(SignalSet.all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        let values = environment.merging(["PS1": "READY> ", "TERM": "dumb"]) { $1 }
        let words = ["sh", "-i"].map { $0.withCString { strdup($0) } } + [nil]
        let variables = values.map { "\($0.key)=\($0.value)".withCString { strdup($0) } } + [nil]
        defer { for string in words + variables { free(string) } }
        var shell: pid_t = 0
        let status = posix_spawn(&shell, "/bin/sh", &actions, &attributes, words, variables)
        guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: status) ?? .EIO) }
        self.shell = shell
        let controller = self.controller
        startThread(named: "terminal") { [weak self] in
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = read(controller, &buffer, buffer.count)
                guard count > 0, let self else { break }
                let text = String(decoding: buffer.prefix(count), as: UTF8.self)
                self.screen.withLock { $0 += text }
            }
        }
    }

    /// Types at the keyboard; `\u{3}` is Ctrl-C, `\u{1A}` Ctrl-Z, `\u{4}` the end of input.
    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(self.controller, $0.baseAddress, $0.count) }
    }

    /// Waits until `text` appears, and takes everything up to its end off the screen.
    @discardableResult
    func expect(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        var seen: String?
        try await eventually("\(text) appears on \(self.screen.withLock { $0 })", sourceLocation: sourceLocation) {
            seen = self.screen.withLock { screen -> String? in
                guard let range = screen.range(of: text) else { return nil }
                defer { screen.removeSubrange(..<range.upperBound) }
                return String(screen[..<range.upperBound])
            }
            return seen != nil
        }
        return seen ?? ""
    }

    func close() {
        kill(-self.shell, SIGKILL)
        kill(self.shell, SIGKILL)
        var status: CInt = 0
        while waitpid(self.shell, &status, 0) == -1, errno == EINTR {}
        Glibc.close(self.controller)
    }
}
#endif
