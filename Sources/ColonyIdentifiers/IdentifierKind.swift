/// The kinds of identifiers by the names that the command line and the HTTP API use.
public enum IdentifierKind: String, Hashable, Sendable, CaseIterable {
    /// A 64-bit number that begins with the time: ``SnowflakeID``.
    case snowflake
    /// A UUID that begins with the time: ``UUIDv7Generator``.
    case uuid7
    /// A random UUID.
    case uuid4
    /// A ``ULID``.
    case ulid
    /// A number of a series, from a range that was taken from a store: ``SegmentIDGenerator``.
    case segment
}
