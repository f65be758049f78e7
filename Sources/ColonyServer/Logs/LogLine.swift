import ColonyCore
import NIOCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The text of log lines.
enum LogLine {
    private static let outputLock = Mutex(())

    /// Writes a line to the standard error in one piece, so that lines of several threads do not mix.
    static func write(_ line: String) {
        self.outputLock.withLock { _ in
            var line = line
            line.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)
                while let base = rest.baseAddress, rest.count > 0 {
                    #if canImport(Darwin)
                    let count = Darwin.write(STDERR_FILENO, base, rest.count)
                    #elseif canImport(Musl)
                    let count = Musl.write(STDERR_FILENO, base, rest.count)
                    #else
                    let count = Glibc.write(STDERR_FILENO, base, rest.count)
                    #endif
                    // A log that cannot be written is no reason to stop.
                    guard count > 0 else { return }
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
                }
            }
        }
    }

    static func json(_ fields: [(String, String)]) -> String {
        var buffer = ByteBufferAllocator().buffer(capacity: 256)
        for (index, field) in fields.enumerated() {
            buffer.writeJSON(index == 0 ? "{" : ",")
            buffer.writeJSON(string: field.0)
            buffer.writeJSON(":")
            buffer.writeJSON(string: field.1)
        }
        buffer.writeJSON("}\n")
        return String(buffer: buffer)
    }

    /// The text with control characters escaped, so that nobody can forge a line.
    static func singleLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar.properties.generalCategory == .control {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func quotedIfNeeded(_ text: String) -> String {
        let needsQuotes =
            text.isEmpty
            || text.utf8.contains { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "=") }
        guard needsQuotes else { return text }
        return "\"" + self.singleLine(text).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
