import Foundation

/// What requests carry for others: text and bytes that are passed on, and members that the sender has named.
extension JSONReader {
    /// Reads a string as the bytes of its UTF-8.
    mutating func readText() throws(JSONDefect) -> [UInt8] {
        guard self.peek() == UInt8(ascii: "\"") else { throw self.wrongType(expected: "a string") }
        let start = self.position + 1
        var end = start
        // What is ASCII without escapes, as most is, is copied once and is valid as it stands.
        while end < self.bytes.count {
            let byte = self.bytes[end]
            if byte == UInt8(ascii: "\"") {
                self.position = end + 1
                return Array(self.bytes[start..<end])
            }
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\\") { break }
            end += 1
        }
        return Array(try self.scanString().utf8)
    }

    /// Reads a string as the bytes that it has in base 64, with padding.
    mutating func readBase64() throws(JSONDefect) -> [UInt8] {
        let encoded = try self.readString()
        guard let decoded = Data(base64Encoded: encoded) else {
            throw .outOfRange(
                path: self.currentPath,
                reason: "\"\(encoded.prefix(64))\(encoded.count > 64 ? "…" : "")\" is not base 64 with padding")
        }
        return Array(decoded)
    }

    /// Reads a value of any kind as the text that it stands in, byte by byte.
    mutating func readVerbatim() throws(JSONDefect) -> [UInt8] {
        let start = self.position
        try self.skipValue(depth: 0)
        return Array(self.bytes[start..<self.position])
    }

    /// Whether bytes are one JSON value, with nothing but white space around it.
    static func isValue(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            reader.skipWhitespace()
            guard (try? reader.skipValue(depth: 0)) != nil else { return false }
            reader.skipWhitespace()
            return reader.position == bytes.count
        }
    }

    /// Reads an object whose members have any names, and strings for values.
    mutating func readStrings(atMost limit: Int) throws(JSONDefect) -> [String: String] {
        guard self.peek() == UInt8(ascii: "{") else { throw self.wrongType(expected: "an object") }
        self.position += 1
        self.skipWhitespace()
        var result: [String: String] = [:]
        if self.peek() == UInt8(ascii: "}") {
            self.position += 1
            return result
        }
        while true {
            self.skipWhitespace()
            guard self.peek() == UInt8(ascii: "\"") else { throw self.invalid("the name of a member is missing") }
            let name = try self.scanString()
            guard result[name] == nil else {
                throw .duplicateMember(path: self.text(of: self.path, then: name))
            }
            guard result.count < limit else {
                throw .outOfRange(path: self.currentPath, reason: "it has more than \(limit) members")
            }
            self.skipWhitespace()
            try self.expect(UInt8(ascii: ":"), "a colon is missing after the name of a member")
            self.skipWhitespace()
            self.path.append(.named(name))
            result[name] = try self.readString()
            self.path.removeLast()
            self.skipWhitespace()
            switch self.peek() {
            case UInt8(ascii: ","): self.position += 1
            case UInt8(ascii: "}"):
                self.position += 1
                return result
            default: throw self.invalid("a comma or the end of an object is missing")
            }
        }
    }
}
