import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Bytes that a command finds on its standard input, in a file without a name.
///
/// A pipe would have to be written to while the command runs, and a command that does not read it would block the writer.
final class CommandInput: Sendable {
    let descriptor: CInt

    /// - Throws: ``Failure`` if there is no room for the bytes.
    init(_ bytes: [UInt8]) throws {
        let descriptor = Self.makeFile()
        self.descriptor = descriptor
        guard descriptor >= 0 else { throw Self.failure(errno) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                let number = errno
                close(descriptor)
                throw Self.failure(number)
            }
            rest = rest.dropFirst(count)
        }
        lseek(descriptor, 0, SEEK_SET)
    }

    deinit { if self.descriptor >= 0 { close(self.descriptor) } }

    /// `MFD_CLOEXEC` of Linux, which C makes from an expression that Swift does not read.
    private static let closeOnExec: UInt32 = 1

    private static func makeFile() -> CInt {
        #if os(Linux)
        // In memory, so that a message is not written to a disk where it does not belong.
        let descriptor = memfd_create("colony-message", Self.closeOnExec)
        if descriptor >= 0 || errno != ENOSYS { return descriptor }
        #endif
        var path = "\(Environment["TMPDIR"] ?? "/tmp")/colony-message-XXXXXX".utf8.map { CChar(bitPattern: $0) } + [0]
        let file = mkstemp(&path)
        guard file >= 0 else { return file }
        unlink(path)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return file
    }

    private static func failure(_ number: CInt) -> Failure {
        Failure(
            "storage_failed", "the message could not be handed to the command: \(String(cString: strerror(number))).")
    }
}
