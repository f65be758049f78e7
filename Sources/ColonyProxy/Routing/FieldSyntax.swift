/// What may stand in a head, for text that comes from a configuration.
enum FieldSyntax {
    /// The longest value of a field that a configuration may have, in bytes.
    static let longestValue = 4_096

    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { ByteScan.classes[Int($0)] & ByteScan.token != 0 }
    }

    /// RFC 9110, section 5.5, without bytes above 127: what servers make of those is not one thing.
    static func isValue(_ text: String) -> Bool {
        text.utf8.count <= Self.longestValue && text.utf8.allSatisfy { $0 == 0x09 || (0x20...0x7E).contains($0) }
    }

    /// Bytes that a request target may have.
    static func isTarget(_ text: String) -> Bool {
        text.utf8.count <= Self.longestValue && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x23 }
    }

    static func isHost(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { HostSyntax.portStart($0, 0, bytes.count) != nil } ?? false
        }
    }

    static func isHostWithoutPort(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { HostSyntax.portStart($0, 0, bytes.count) == bytes.count } ?? false
                && bytes.last != UInt8(ascii: ":")
        }
    }

    static func check(name: String) throws(ProxyError) {
        guard Self.isToken(name), name.utf8.count <= 256 else {
            throw ProxyError(.invalidConfiguration, "\"\(name)\" is no name of a header field")
        }
    }

    static func check(value: String, of name: String) throws(ProxyError) {
        guard Self.isValue(value) else {
            throw ProxyError(
                .invalidConfiguration,
                // The value may be a secret.
                "the value of \(name), of \(value.utf8.count) bytes, is longer than \(Self.longestValue) bytes, or has bytes that header fields have not, such as line ends"
            )
        }
    }
}
