public import ColonyCore

/// A store that hands out ranges of whole numbers, each once: the port under segment identifiers and reserved time.
///
/// An engine decides exactly what must be atomic in the store. Buffering, fetching ahead, and adapting the size of a
/// range live above it, once, in ``SegmentIDGenerator``.
///
/// Every member may be called concurrently. Making an engine does no I/O; the first call opens what it needs.
public protocol SegmentEngine: AnyObject, Sendable {
    /// Among whom the ranges are disjoint, and what that outlives; constant for the life of the engine.
    var guarantee: Guarantee { get }

    /// Takes the next range of a tag, in one atomic step, and keeps for ever that it is taken.
    ///
    /// The range starts at the larger of the tag's next number and one above ``SegmentRequest/floor``; it is disjoint
    /// from every range of the tag that was ever given. Repeating the call takes another range. The first call creates
    /// the tag and writes down its scheme; see ``SegmentRequest/scheme``.
    ///
    /// - Returns: The range, of exactly the size that was asked for.
    /// - Throws: ``IdentifierError`` with `invalidRequest`, `schemeMismatch`, or `segmentsExhausted`, after which nothing
    ///   has changed; `storageFailed` or `closed`, likewise; `unavailable` or `cancelled`, after which a range may
    ///   have been taken that nobody will use.
    /// - Complexity: One round trip; O(log *n*) in the number of tags.
    func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment

    /// What the store knows of a tag, or `nil` if no range of it was ever taken.
    ///
    /// - Complexity: One round trip; O(log *n*).
    func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord?

    /// Tags in the byte order of their names.
    ///
    /// - Parameters:
    ///   - tag: Only tags after this one: the last of the page before.
    ///   - limit: How many at the most, from 1 to ``SegmentLimits/page``; others are refused with `invalidRequest`.
    /// - Complexity: One round trip; O(log *n* + *limit*).
    func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord]
}

/// The legal ranges of what an engine is asked for.
public enum SegmentLimits {
    /// Numbers in one range: from 1 to a thousand million, which no caller uses up between two round trips.
    public static let count: ClosedRange<Int64> = 1...1_000_000_000

    /// The most tags that one page may list.
    public static let page = 1_000

    /// The longest scheme in bytes of UTF-8.
    public static let schemeBytes = 255

    /// The largest number that is ever given, so that the end of a range fits its type as well.
    public static let largest = Int64.max - 1
}

/// What is asked of ``SegmentEngine/takeSegment(_:)``.
public struct SegmentRequest: Hashable, Sendable {
    /// Whose numbers are asked for.
    public var tag: SegmentTag
    /// How many numbers, in ``SegmentLimits/count``.
    public var count: Int64
    /// A number that exists already: the range starts above it. From 0; so the first number of a tag is 1.
    public var floor: Int64
    /// How the numbers are used, if users must agree on that, such as the layout of the identifiers made from them.
    ///
    /// It is written down when the tag is created. A later request with another scheme, also with none where there was
    /// one, is refused with ``IdentifierError/Code/schemeMismatch``, and the message quotes both. At most
    /// ``SegmentLimits/schemeBytes``, no control characters.
    public var scheme: String?

    /// Makes a request; the engine checks it.
    public init(_ tag: SegmentTag, count: Int64, above floor: Int64 = 0, scheme: String? = nil) {
        self.tag = tag
        self.count = count
        self.floor = floor
        self.scheme = scheme
    }
}

/// A range of numbers that belongs to whoever took it.
public struct Segment: Hashable, Sendable {
    /// The tag that the numbers belong to.
    public let tag: SegmentTag
    /// The numbers.
    public let range: Range<Int64>

    /// Puts a tag and a range together.
    public init(tag: SegmentTag, range: Range<Int64>) {
        self.tag = tag
        self.range = range
    }
}

/// What a store knows of a tag.
public struct SegmentRecord: Hashable, Sendable {
    /// The tag.
    public let tag: SegmentTag
    /// The number that the next range starts at, unless it is asked for above a larger one.
    public let next: Int64
    /// How many ranges were taken.
    public let segments: Int64
    /// The scheme that the tag was created with.
    public let scheme: String?

    /// Puts the parts together.
    public init(tag: SegmentTag, next: Int64, segments: Int64, scheme: String?) {
        self.tag = tag
        self.next = next
        self.segments = segments
        self.scheme = scheme
    }
}
