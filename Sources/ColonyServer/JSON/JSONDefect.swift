/// What is wrong with a JSON text.
enum JSONDefect: Error, Equatable {
    /// The text breaks the grammar of JSON at a byte offset.
    case notJSON(offset: Int, reason: String)
    /// A member that nobody knows; `nearest` is the one that was probably meant.
    case unknownMember(path: String, name: String, nearest: String?)
    /// A member appears twice.
    case duplicateMember(path: String)
    /// A value of another kind; `found` is its text.
    case wrongType(path: String, expected: String, found: String)
    /// A member is not there.
    case missing(path: String)
    /// A string that cannot be a name; `reason` quotes it.
    case invalidName(path: String, reason: String)
    /// A value of the right kind that is not allowed.
    case outOfRange(path: String, reason: String)
    /// A message that is larger than any queue takes.
    case tooLarge(path: String, reason: String)
}

/// The value of a hexadecimal digit, or `nil` for any other byte.
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
