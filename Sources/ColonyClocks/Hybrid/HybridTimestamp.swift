import ColonyCore

/// A time that keeps cause before effect and stays close to the wall clock: 48 bits of milliseconds since 1970, and 16 bits
/// that count events which share them.
///
/// The order of ``rawValue`` is the order of time. The text form has a fixed width, and sorts like the time when bytes are
/// compared: `0199b3c2f4a1-0003`, both parts in lower-case hexadecimal digits. It is also the encoded form, since 64 bits
/// are more than a JavaScript number keeps.
///
/// Two nodes may issue the same timestamp; ``WriteStamp`` adds the node.
///
/// - SeeAlso: S. S. Kulkarni, M. Demirbas, D. Madappa, B. Avva, M. Leone, *Logical Physical Clocks*, OPODIS 2014, section
///   6.2 for the compact form. The paper cuts an NTP timestamp to 48 bits and counts in the 16 that are left; milliseconds
///   need no rounding.
public struct HybridTimestamp: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// Milliseconds since 1970 in the upper 48 bits, the counter in the lower 16. Every number is a timestamp.
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The greatest number of milliseconds since 1970: a moment in the year 10889.
    public static let maximumMilliseconds: UInt64 = (1 << 48) - 1

    /// Puts a timestamp together.
    ///
    /// - Parameters:
    ///   - milliseconds: Milliseconds since 1970, up to ``maximumMilliseconds``.
    ///   - counter: Which of the events of that millisecond it is, from 0.
    /// - Throws: ``ClockError`` with code `invalidRequest` if the milliseconds do not fit.
    public init(milliseconds: UInt64, counter: UInt16) throws(ClockError) {
        guard milliseconds <= Self.maximumMilliseconds else {
            throw ClockError(
                .invalidRequest,
                "\(milliseconds) ms since 1970 do not fit the 48 bits of a hybrid timestamp, which end at "
                    + "\(Self.maximumMilliseconds)")
        }
        self.rawValue = milliseconds << 16 | UInt64(counter)
    }

    /// Milliseconds since 1970: the paper's *l*. It is the greatest wall clock reading that can have influenced the event,
    /// or a little more if a millisecond had more events than the counter holds.
    ///
    /// - Complexity: O(1).
    public var milliseconds: UInt64 { self.rawValue >> 16 }

    /// Which of the events with the same ``milliseconds`` it is, from 0: the paper's *c*.
    ///
    /// - Complexity: O(1).
    public var counter: UInt16 { UInt16(truncatingIfNeeded: self.rawValue) }

    public static func < (first: Self, second: Self) -> Bool {
        first.rawValue < second.rawValue
    }

    /// Twelve hexadecimal digits of milliseconds, a hyphen, four of the counter.
    ///
    /// - Complexity: O(1).
    public var description: String {
        NameRules.hexadecimal(self.milliseconds, digits: 12).lowercased() + "-"
            + NameRules.hexadecimal(self.counter, digits: 4).lowercased()
    }

    /// Reads a timestamp as ``description`` writes it, and in no other form, so that each has one text.
    ///
    /// - Throws: ``ClockError`` with code `malformedValue`, which quotes the text.
    /// - Complexity: O(1).
    public init(_ text: String) throws(ClockError) {
        var value: UInt64 = 0
        var position = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "-") where position == 12: break
            case UInt8(ascii: "0")...UInt8(ascii: "9") where position != 12 && position < 17:
                value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f") where position != 12 && position < 17:
                value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: throw Self.malformed(text)
            }
            position += 1
        }
        guard position == 17 else { throw Self.malformed(text) }
        self.rawValue = value
    }

    private static func malformed(_ text: String) -> ClockError {
        ClockError(
            .malformedValue,
            "\(NameRules.quoted(text)) is no hybrid timestamp: twelve lower-case hexadecimal digits, a hyphen, and four "
                + "more were expected")
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as ClockError {
            throw ClockError.malformed(error.message, at: container.codingPath)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}
