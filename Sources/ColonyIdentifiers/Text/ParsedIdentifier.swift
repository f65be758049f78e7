import ColonyCore

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// An identifier whose kind is found from its text.
public enum ParsedIdentifier: Hashable, Sendable {
    case snowflake(SnowflakeID, SnowflakeParts)
    case uuid(UUID)
    case ulid(ULID)

    /// Reads any identifier that Colony issues.
    ///
    /// | Text | Kind |
    /// | --- | --- |
    /// | digits only | Snowflake, decimal |
    /// | 13 characters | Snowflake, Crockford base 32 |
    /// | 11 characters | Snowflake, base 62 |
    /// | 26 characters | ULID |
    /// | 36 characters, hyphens in their places | UUID |
    ///
    /// - Parameter layout: What a Snowflake identifier is taken apart with. It says nothing about whether that is the
    ///   layout it was made with; the number does not know.
    /// - Throws: ``IdentifierError/Code/malformedID``, which quotes the text and says what is wrong with it.
    public init(text: String, layout: SnowflakeLayout = .classic) throws(IdentifierError) {
        let bytes = text.utf8
        if !bytes.isEmpty, bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            guard let id = SnowflakeID(text) else {
                throw IdentifierError(
                    .malformedID,
                    "\(NameRules.quoted(text)) is no Snowflake identifier: no leading zero, and 2^63 - 1 at the most")
            }
            self = .snowflake(id, try layout.parse(id))
            return
        }
        switch bytes.count {
        case OrderedTextEncoding.crockford32.length:
            let id = try SnowflakeID(text: text, encoding: .crockford32)
            self = .snowflake(id, try layout.parse(id))
        case OrderedTextEncoding.base62.length:
            let id = try SnowflakeID(text: text, encoding: .base62)
            self = .snowflake(id, try layout.parse(id))
        case 26:
            self = .ulid(try ULID(text: text))
        case 36:
            guard let uuid = UUID(uuidString: text) else {
                throw IdentifierError(
                    .malformedID, "\(NameRules.quoted(text)) is no UUID: 8-4-4-4-12 hexadecimal digits")
            }
            self = .uuid(uuid)
        default:
            throw IdentifierError(
                .malformedID,
                "\(NameRules.quoted(text)) is no identifier: a Snowflake has digits only, or 11 or 13 characters, a ULID "
                    + "26, and a UUID 36")
        }
    }
}
