import ColonyCore

/// Percent-encoding of one segment of a path or one value of a query.
enum PercentEncoding {
    /// Letters, digits, `-`, `_`, and `~` stay. A dot does not, although it could: `..` as a name must not climb a path.
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(UnicodeScalar(byte))
            default:
                result += "%\(NameRules.hexadecimal(byte, digits: 2))"
            }
        }
        return result
    }
}
