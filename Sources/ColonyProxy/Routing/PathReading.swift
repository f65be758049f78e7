/// How a path is read where a route depends on it.
///
/// A route that closes `/admin` is worth nothing if a server takes `/%61dmin`, `//admin`, or `/x/../admin` for the same. So paths are compared
/// as nginx compares them, with percent-encoding read and runs of slashes as one, and besides without the parameters of segments, because Java
/// servers take `/admin;x` for `/admin`. What nginx and Envoy resolve or unescape on request is
/// refused here, as by Envoy with `REJECT_REQUEST`: segments of one or two dots, also encoded or with a parameter behind (`/..;/`, which Java
/// servers take for `/../`), encoded slashes, backslashes, and zeros. Browsers and their kin resolve dots before they send, so nobody misses
/// them. What is passed on stays as it came.
enum PathReading {
    /// Whether the bytes of a path mean themselves, which is so for nearly all.
    static func isPlain(_ path: UnsafeRawBufferPointer) -> Bool {
        var last: UInt8 = 0
        for byte in path {
            if byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: ";") { return false }
            if last == UInt8(ascii: "/"), byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return false }
            last = byte
        }
        return true
    }

    /// Reads a path in place.
    ///
    /// - Returns: How many bytes it has then; `nil` if it can be read in two ways, or its percent-encoding is none.
    static func normalise(_ bytes: UnsafeMutableRawBufferPointer) -> Int? {
        var read = 0
        var written = 0
        while read < bytes.count {
            if Self.skipParameter(UnsafeRawBufferPointer(bytes), &read) { continue }
            guard let (byte, length) = Self.byte(UnsafeRawBufferPointer(bytes), read) else { return nil }
            read += length
            if byte == UInt8(ascii: "/"), written > 0, bytes[written - 1] == UInt8(ascii: "/") { continue }
            bytes[written] = byte
            written += 1
        }
        return Self.hasDots(UnsafeRawBufferPointer(rebasing: bytes[..<written])) ? nil : written
    }

    /// How many bytes of a path as it came make the first `count` bytes of it as it is read.
    static func rawCount(of count: Int, in path: UnsafeRawBufferPointer) -> Int {
        var read = 0
        var written = 0
        var last: UInt8 = 0
        while read < path.count, written < count {
            if Self.skipParameter(path, &read) { continue }
            guard let (byte, length) = Self.byte(path, read) else { break }
            read += length
            if byte == UInt8(ascii: "/"), last == byte { continue }
            last = byte
            written += 1
        }
        return read
    }

    /// Passes over a semicolon and what belongs to it, if there is one.
    private static func skipParameter(_ path: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
        guard path[at] == UInt8(ascii: ";") else { return false }
        while at < path.count, path[at] != UInt8(ascii: "/") { at += 1 }
        return true
    }

    /// The byte that stands at a place, and how many bytes say so.
    private static func byte(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> (UInt8, Int)? {
        let byte = bytes[at]
        if byte == UInt8(ascii: "\\") { return nil }
        guard byte == UInt8(ascii: "%") else { return (byte, 1) }
        guard at + 2 < bytes.count, let high = Self.digit(bytes[at + 1]), let low = Self.digit(bytes[at + 2]) else {
            return nil
        }
        let decoded = high << 4 | low
        let isTwofold = decoded == UInt8(ascii: "/") || decoded == UInt8(ascii: "\\") || decoded == 0
        return isTwofold ? nil : (decoded, 3)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Whether a segment is `.` or `..`, alone or before a semicolon.
    private static func hasDots(_ path: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at < path.count {
            guard path[at] == UInt8(ascii: "/") else {
                at += 1
                continue
            }
            at += 1
            var dots = 0
            while at < path.count, path[at] == UInt8(ascii: ".") {
                dots += 1
                at += 1
            }
            let ends = at == path.count || path[at] == UInt8(ascii: "/") || path[at] == UInt8(ascii: ";")
            if ends, dots == 1 || dots == 2 { return true }
        }
        return false
    }
}
