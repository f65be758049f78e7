/// The rule that every name in Colony obeys, in one place: 1 to 255 bytes of UTF-8 without control characters.
///
/// 255 bytes is what every store that Colony speaks to takes as a key or a file name. Control characters are refused
/// because names travel through logs, terminals, and HTTP headers.
package enum NameRules {
    package static let maximumBytes = 255

    /// What is wrong with `text` as a name of so many bytes at the most, or `nil` if nothing is.
    package static func defect(in text: String, upTo most: Int = maximumBytes) -> String? {
        let byteCount = text.utf8.count
        if byteCount == 0 {
            return "it is empty"
        }
        if byteCount > most {
            return "it has \(byteCount) bytes, and \(most) are the most"
        }
        // Printable ASCII is the common case and needs no look at Unicode properties.
        if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return nil
        }
        for scalar in text.unicodeScalars where scalar.properties.generalCategory == .control {
            return "it contains the control character U+\(hexadecimal(scalar.value, digits: 4))"
        }
        return nil
    }

    /// `text` as it can be shown anywhere: what does not print is escaped, and it is cut after 64 characters.
    ///
    /// A character may be made of any number of code points, so those are limited as well.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        var scalarCount = 0
        for (position, character) in text.enumerated() {
            scalarCount += character.unicodeScalars.count
            if position == 64 || scalarCount > 256 {
                result += "…"
                break
            }
            for scalar in character.unicodeScalars {
                switch scalar.properties.generalCategory {
                // Besides control characters those that break lines or turn the direction of writing.
                case .control, .lineSeparator, .paragraphSeparator, .format:
                    result += "\\u{\(String(scalar.value, radix: 16))}"
                default:
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    package static func hexadecimal(_ value: some BinaryInteger, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

/// A name was refused. Nothing was done.
public struct InvalidName: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the name was meant for, such as `lock name`.
    public let role: String
    /// The refused text, escaped so that it can be shown anywhere, and cut after 64 characters.
    public let quotedValue: String
    /// What is wrong with it.
    public let reason: String

    package init(role: String, value: String, reason: String) {
        self.role = role
        self.quotedValue = NameRules.quoted(value)
        self.reason = reason
    }

    public var description: String {
        "\(self.quotedValue) cannot be a \(self.role): \(self.reason)"
    }
}
