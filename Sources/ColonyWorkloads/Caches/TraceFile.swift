import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The lines of a file that may be compressed.
enum TraceFile {
    private enum Compression: String {
        case gzip, xz
    }

    /// Calls `body` with the bytes of each line that is not empty, until it says no.
    static func forEachLine(
        of path: String, _ body: (UnsafeRawBufferPointer) -> Bool
    ) throws(TraceError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Self.unreadable(path, errno) }
        if status.st_mode & S_IFMT == S_IFDIR { throw Self.unreadable(path, EISDIR) }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Self.unreadable(path, errno) }
        if let compression = Self.compression(of: path, file) {
            close(file)
            try Self.forEachLine(of: path, expandedBy: compression, body)
        } else {
            defer { close(file) }
            try Self.readLines(of: file, path, body)
        }
    }

    private static func unreadable(_ path: String, _ number: CInt) -> TraceError {
        TraceError(.unreadable, "\(path) cannot be read: \(String(cString: strerror(number)))")
    }

    /// Goes by the first bytes, and by the name, so that a broken file is not taken for a plain one.
    private static func compression(of path: String, _ file: CInt) -> Compression? {
        var start = [UInt8](repeating: 0, count: 6)
        let count = pread(file, &start, start.count, 0)
        if path.hasSuffix(".xz") || count == 6 && start == [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00] { return .xz }
        if path.hasSuffix(".gz") || count >= 2 && start[0] == 0x1F && start[1] == 0x8B { return .gzip }
        return nil
    }

    private static func forEachLine(
        of path: String, expandedBy compression: Compression, _ body: (UnsafeRawBufferPointer) -> Bool
    ) throws(TraceError) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let programs = folders.map { "\($0)/\(compression.rawValue)" }
        guard let program = programs.first(where: { access($0, X_OK) == 0 }) else {
            throw TraceError(
                .toolMissing, "\(path) is compressed, and the program \(compression.rawValue) is not installed")
        }
        let (output, errors, process) = (Pipe(), Pipe(), Process())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-dc", "--", path]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        do {
            try process.run()
        } catch {
            throw TraceError(.toolMissing, "\(program) cannot be started: \(error)")
        }
        let isWhole: Bool
        do {
            isWhole = try Self.readLines(of: output.fileHandleForReading.fileDescriptor, path, body)
        } catch {
            process.terminate()
            process.waitUntilExit()
            throw error
        }
        if !isWhole {
            process.terminate()
            process.waitUntilExit()
            return
        }
        // What these programs have to say is a line or two, and so is in the pipe whole when they have ended.
        process.waitUntilExit()
        guard process.terminationStatus != 0 || process.terminationReason != .exit else { return }
        let words = (try? errors.fileHandleForReading.readToEnd()).flatMap { $0 } ?? Data()
        let sentence = String(decoding: words, as: UTF8.self).split(separator: "\n").first ?? "it gave no reason"
        throw TraceError(.corrupt, "\(path) cannot be expanded by \(compression.rawValue): \(sentence)")
    }

    /// - Returns: Whether the file was read to its end.
    @discardableResult
    private static func readLines(
        of file: CInt, _ path: String, _ body: (UnsafeRawBufferPointer) -> Bool
    ) throws(TraceError) -> Bool {
        var capacity = 1 << 18
        var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        defer { buffer.deallocate() }
        var filled = 0
        while true {
            // A line longer than the buffer makes it grow.
            if filled == capacity {
                let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity * 2, alignment: 16)
                larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
                buffer.deallocate()
                buffer = larger
                capacity *= 2
            }
            let count = read(file, buffer.baseAddress! + filled, capacity - filled)
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.unreadable(path, errno)
            }
            filled += count
            let isLast = count == 0
            guard let rest = Self.takeLines(buffer, filled, isLast: isLast, body) else { return false }
            if isLast { return true }
            buffer.baseAddress!.copyMemory(from: buffer.baseAddress! + rest, byteCount: filled - rest)
            filled -= rest
        }
    }

    /// - Returns: Where the last line begins that is not yet complete, or `nil` if `body` wants no more.
    private static func takeLines(
        _ buffer: UnsafeMutableRawBufferPointer, _ filled: Int, isLast: Bool, _ body: (UnsafeRawBufferPointer) -> Bool
    ) -> Int? {
        guard let base = buffer.baseAddress else { return 0 }
        var start = 0
        while start < filled {
            var end = filled
            if let found = memchr(base + start, 10, filled - start) {
                end = UnsafeRawPointer(found) - UnsafeRawPointer(base)
            } else if !isLast {
                break
            }
            var length = end - start
            if length > 0, buffer[start + length - 1] == 13 { length -= 1 }
            if length > 0, !body(UnsafeRawBufferPointer(start: base + start, count: length)) { return nil }
            start = end + 1
        }
        return min(start, filled)
    }
}
