import NIOCore

/// Writing JSON text straight into the buffer that goes to the socket.
extension ByteBuffer {
    /// Writes text as it stands: punctuation, names of members, and anything that is JSON already.
    mutating func writeJSON(_ literal: StaticString) {
        self.writeStaticString(literal)
    }

    mutating func writeJSON(_ number: some FixedWidthInteger) {
        self.writeString(String(number))
    }

    mutating func writeJSON(_ value: Bool) {
        self.writeStaticString(value ? "true" : "false")
    }

    /// Writes a string with its quotes and the escapes that it needs.
    mutating func writeJSON(string text: String) {
        self.writeInteger(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            self.writeString(text)
        } else {
            for byte in text.utf8 {
                switch byte {
                case UInt8(ascii: "\""): self.writeStaticString("\\\"")
                case UInt8(ascii: "\\"): self.writeStaticString("\\\\")
                case 0x0A: self.writeStaticString("\\n")
                case 0x0D: self.writeStaticString("\\r")
                case 0x09: self.writeStaticString("\\t")
                case 0..<0x20:
                    self.writeStaticString("\\u00")
                    self.writeInteger(hexadecimalDigit(byte >> 4))
                    self.writeInteger(hexadecimalDigit(byte & 0xF))
                default: self.writeInteger(byte)
                }
            }
        }
        self.writeInteger(UInt8(ascii: "\""))
    }
}

/// The lower-case digit for a value from 0 to 15.
func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
