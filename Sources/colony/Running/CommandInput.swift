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

    /// In memory where the system has a place for that, so that a message is not written to a disk where it does not belong.
    private static var folders: [String] {
        #if os(Linux)
        ["/dev/shm", Environment["TMPDIR"] ?? "/tmp"]
        #else
        [Environment["TMPDIR"] ?? "/tmp"]
        #endif
    }

    private static func makeFile() -> CInt {
        var file: CInt = -1
        for folder in self.folders where file < 0 {
            var path = "\(folder)/colony-message-XXXXXX".utf8.map { CChar(bitPattern: $0) } + [0]
            // No program that another thread starts may inherit it.
            file = Spawn.whileNothingStarts {
                let file = mkstemp(&path)
                if file >= 0 { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
                return file
            }
            if file >= 0 { unlink(path) }
        }
        return file
    }

    private static func failure(_ number: CInt) -> Failure {
        Failure(
            "storage_failed", "the message could not be handed to the command: \(String(cString: strerror(number))).")
    }
}
