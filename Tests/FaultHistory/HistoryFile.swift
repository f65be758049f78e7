import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file of events that many processes append to at once: one line of JSON each, written in one piece to its end.
package final class HistoryFile: Sendable {
    package let path: String
    private let descriptor: CInt

    package init(_ path: String) throws {
        self.path = path
        self.descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    deinit { close(self.descriptor) }

    /// Appends one event. A history with holes would prove nothing, so a failure ends the process.
    package func append(_ event: HistoryEvent) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var line = try? encoder.encode(event) else { preconditionFailure("\(event) cannot be written as JSON") }
        line.append(UInt8(ascii: "\n"))
        let count = line.withUnsafeBytes { write(self.descriptor, $0.baseAddress, $0.count) }
        precondition(count == line.count, "the history \(self.path) cannot be written: error \(errno)")
    }

    /// What was written so far, in the order of its times. A last line without its end was cut off by a kill.
    package static func read(_ path: String) throws -> [HistoryEvent] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        guard let end = data.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        let decoder = JSONDecoder()
        return try data[..<end].split(separator: UInt8(ascii: "\n"))
            .map { try decoder.decode(HistoryEvent.self, from: $0) }
            .sorted { $0.at < $1.at }
    }
}
