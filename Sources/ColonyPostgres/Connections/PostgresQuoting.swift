#if Postgres

/// Text between quotes in a statement, for the few that take no parameters.
///
/// By bytes: a quote before a combining mark is one character of Swift with it, and a quote for the server all the same.
enum PostgresQuoting {
    /// The text of a literal that begins with `E'`.
    static func literal(_ text: String) -> String {
        self.text(text) { byte in
            switch byte {
            case UInt8(ascii: "\\"): UInt8(ascii: "\\")
            case UInt8(ascii: "'"): UInt8(ascii: "'")
            default: nil
            }
        }
    }

    /// The text of a name between double quotes.
    static func name(_ text: String) -> String {
        self.text(text) { $0 == UInt8(ascii: "\"") ? UInt8(ascii: "\"") : nil }
    }

    /// The text of an element of an array, between double quotes.
    static func element(_ text: String) -> String {
        self.text(text) { byte in
            byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\"") ? UInt8(ascii: "\\") : nil
        }
    }

    /// - Parameter before: What comes before a byte, if it needs something.
    private static func text(_ text: String, _ before: (UInt8) -> UInt8?) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if let mark = before(byte) { bytes.append(mark) }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
#endif
