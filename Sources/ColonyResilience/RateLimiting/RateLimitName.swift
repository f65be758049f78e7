public import ColonyCore

/// The name of a shared limit: 1 to 255 bytes of UTF-8 without control characters, compared by its bytes.
public struct RateLimitName: Sendable {
    /// The name as text.
    public let rawValue: String

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    public init(_ text: String) throws(InvalidName) {
        if let defect = NameRules.defect(in: text) {
            throw InvalidName(role: "limit name", value: text, reason: defect)
        }
        var text = text
        text.makeContiguousUTF8()
        self.rawValue = text
    }
}

extension RateLimitName: ExpressibleByStringLiteral {
    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension RateLimitName: Hashable, Comparable, CustomStringConvertible {
    public static func == (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.elementsEqual(second.rawValue.utf8)
    }

    /// Orders names by their bytes, as stores do.
    public static func < (first: Self, second: Self) -> Bool {
        first.rawValue.utf8.lexicographicallyPrecedes(second.rawValue.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in self.rawValue.utf8 {
            hasher.combine(byte)
        }
        hasher.combine(0xFF as UInt8)
    }

    public var description: String { self.rawValue }
}
