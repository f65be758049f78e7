public import ColonyCore
import ColonyIdentifiers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What tells one transaction from every other one in a journal: a name that the caller gives, such as the number of an order, or one that
/// is made for it.
///
/// With a name of your own, starting again is safe: the second start finds the first.
public struct TransactionID: StoredName {
    /// The role that errors name.
    public static var role: String { "transaction identifier" }

    /// The most bytes of such a name: with those of the other names it fits into a request key.
    public static let maximumBytes = 100

    /// The name as text.
    public let rawValue: String

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidName) {
        self.rawValue = try Self.checked(text, upTo: Self.maximumBytes)
    }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.init(literal: value)
    }
}

extension TransactionID {
    /// An identifier that no other process makes: a UUID of version 7, so that identifiers order by the time of their making.
    public static func unique() -> TransactionID {
        TransactionID(literal: UUIDv7Generator.shared.next().uuidString.lowercased())
    }
}
