import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// JSON as it is sent, written straight into bytes: a batch of messages is too much for an encoder that makes a tree of it.
struct JSONText {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 256) { self.bytes.reserveCapacity(capacity) }

    /// Writes what is JSON already: punctuation and names of members.
    mutating func write(_ literal: StaticString) {
        self.bytes.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    mutating func write(_ number: some FixedWidthInteger) {
        self.bytes.append(contentsOf: String(number).utf8)
    }

    mutating func write(_ value: Bool) { self.write(value ? "true" : "false") }

    /// Writes a string with its quotes and the escapes that it needs.
    mutating func write(string text: String) {
        self.write("\"")
        var text = text
        text.withUTF8 { self.writeEscaped($0) }
        self.write("\"")
    }

    /// Writes the elements with commas between.
    mutating func write<Element>(list: some Sequence<Element>, _ write: (inout JSONText, Element) -> Void) {
        self.write("[")
        for (index, element) in list.enumerated() {
            if index > 0 { self.write(",") }
            write(&self, element)
        }
        self.write("]")
    }

    /// Writes the member `body`, or `body_base64` for what is no UTF-8.
    mutating func write(body: [UInt8]) {
        if body.allSatisfy(Self.isPlain) {
            self.write(#""body":""#)
            self.bytes.append(contentsOf: body)
            self.write("\"")
        } else if let text = String(validating: body, as: UTF8.self) {
            self.write(#""body":"#)
            self.write(string: text)
        } else {
            self.write(#""body_base64":""#)
            self.bytes.append(contentsOf: Data(body).base64EncodedString().utf8)
            self.write("\"")
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func writeEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""): self.write("\\\"")
            case UInt8(ascii: "\\"): self.write("\\\\")
            case 0..<0x20:
                self.write("\\u00")
                self.bytes.append(contentsOf: NameRules.hexadecimal(byte, digits: 2).utf8)
            default: self.bytes.append(byte)
            }
        }
    }
}
