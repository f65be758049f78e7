import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file that is replaced as a whole: after a crash at any moment it is the old one or the new one.
///
/// The new content goes to a file beside it, which is flushed to the disk and then takes the name of the old one; the folder is
/// flushed last. Only the owner may read it, because configuration may hold secrets.
///
/// - Important: The calls block. They run on a thread of their own.
/// - SeeAlso: T. S. Pillai et al., *All File Systems Are Not Created Equal: On the Complexity of Crafting Crash-Consistent
///   Applications*, OSDI 2014.
package struct SafeFile: Sendable {
    let path: String

    package init(path: String) {
        self.path = path
    }

    package struct Failure: Error, CustomStringConvertible {
        let step: String
        let path: String
        let code: Int32

        package var description: String { "\(self.step) \(self.path): \(String(cString: strerror(self.code)))" }
    }

    /// What a file may hold at the most: more than all records of a group in Base64, and a bound for one that is none of ours.
    private static let maximumBytes = 512 * 1_024 * 1_024

    /// The content, or `nil` if there is no file.
    package func read() throws -> [UInt8]? {
        let descriptor = open(self.path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            if errno == ENOENT { return nil }
            throw self.failure("opening")
        }
        defer { _ = close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return content }
            if count < 0 {
                if errno == EINTR { continue }
                throw self.failure("reading")
            }
            content.append(contentsOf: buffer[..<count])
            if content.count > Self.maximumBytes {
                throw Failure(step: "reading", path: self.path, code: EFBIG)
            }
        }
    }

    /// Replaces the content, or leaves it as it was.
    package func write(_ content: [UInt8]) throws {
        let temporary = "\(self.path).new"
        do {
            try self.fill(temporary, content)
            guard rename(temporary, self.path) == 0 else { throw self.failure("renaming to") }
        } catch {
            _ = unlink(temporary)
            throw error
        }
        try self.flushFolder()
    }

    private func fill(_ temporary: String, _ content: [UInt8]) throws {
        // What a crash has left there is overwritten; one process at a time uses a path.
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw self.failure("making a file beside") }
        defer { _ = close(descriptor) }
        var rest = content[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw self.failure("writing a file beside")
            }
            rest = rest.dropFirst(count)
        }
        guard flushToMedium(descriptor) else { throw self.failure("flushing a file beside") }
    }

    private func flushFolder() throws {
        let slash = self.path.lastIndex(of: "/")
        let folder = slash.map { $0 == self.path.startIndex ? "/" : String(self.path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.failure("opening the folder of") }
        defer { _ = close(descriptor) }
        guard flushToMedium(descriptor) else { throw self.failure("flushing the folder of") }
    }

    private func failure(_ step: String) -> Failure { Failure(step: step, path: self.path, code: errno) }
}

/// The system's call, which a member of the same name would hide.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}

/// The system's call, which a member of the same name would hide.
private func systemWrite(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}
