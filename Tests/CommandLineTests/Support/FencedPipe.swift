import ColonyCore
import Foundation
import Synchronization

/// A resource that many processes write to and that checks fencing tokens: a named pipe whose reader refuses what is lower
/// than the highest token it has seen.
///
/// A write is a line `WRITER TOKEN`. Lines this short are written to a pipe in one piece.
final class FencedPipe: Sendable {
    struct Write: Sendable {
        let writer: String
        let token: UInt64
    }

    private struct State {
        var highest: UInt64 = 0
        var accepted: [Write] = []
        var refused: [Write] = []
    }

    private let state = Mutex(State())

    init(_ path: String) throws {
        guard mkfifo(path, 0o600) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        // Open for both, so that the pipe does not end while nobody writes.
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        startThread(named: "fenced-pipe") { [weak self] in
            var rest: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0, let self else { break }
                rest += buffer.prefix(count)
                while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    self.take(String(decoding: rest[..<newline], as: UTF8.self))
                    rest.removeSubrange(...newline)
                }
            }
            close(descriptor)
        }
    }

    var accepted: [Write] { self.state.withLock { $0.accepted } }
    var refused: [Write] { self.state.withLock { $0.refused } }

    private func take(_ line: String) {
        let parts = line.split(separator: " ")
        guard parts.count == 2, let token = UInt64(parts[1]) else { return }
        let write = Write(writer: String(parts[0]), token: token)
        self.state.withLock { state in
            if token >= state.highest {
                state.highest = token
                state.accepted.append(write)
            } else {
                state.refused.append(write)
            }
        }
    }
}
