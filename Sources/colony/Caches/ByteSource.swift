import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Bytes from a file or from standard input, as they are.
enum ByteSource {
    /// Reads to the end, or until there are `limit` bytes.
    ///
    /// - Parameter path: `nil` reads standard input.
    /// - Throws: ``Failure`` that quotes the path and says why it cannot be read.
    static func bytes(of path: String?, atMost limit: Int) throws -> [UInt8] {
        var descriptor = STDIN_FILENO
        if let path {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(path, errno) }
        }
        defer { if path != nil { close(descriptor) } }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < limit {
            let count = part.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress, min($0.count, limit - bytes.count))
            }
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.failure(path, errno)
            }
            bytes += part[..<count]
        }
        return bytes
    }

    private static func failure(_ path: String?, _ number: CInt) -> Failure {
        Failure(
            "unreadable",
            "\(path.map { NameRules.quoted($0) } ?? "standard input") cannot be read: \(String(cString: strerror(number)))."
        )
    }
}
