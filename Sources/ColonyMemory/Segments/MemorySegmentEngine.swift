public import ColonyCore
public import ColonyIdentifiers
import Synchronization

/// Ranges of numbers from the memory of this process: the reference engine, and the fastest.
///
/// It is the contract of ``SegmentEngine`` in its plainest form: one mutex and one dictionary. Use it in tests, and for
/// numbers that need not outlive the process: the next process starts at 1 again unless it asks above what exists.
///
/// - Complexity: Every member is O(1) on average, except listing, which is O(*n* log *n*).
public final class MemorySegmentEngine: SegmentEngine {
    private let records = Mutex<[SegmentTag: SegmentRecord]>([:])

    /// Makes an engine that knows no tag.
    public init() {}

    /// Disjoint among the tasks of this process; nothing outlives it.
    public var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    /// Takes the next range; never waits, and so is not cancelled.
    public func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        try request.check()
        let result = self.records.withLock { records -> Result<Segment, IdentifierError> in
            Result { () throws(IdentifierError) in
                let decision = try request.decided(from: records[request.tag])
                records[request.tag] = decision.record
                return decision.segment
            }
        }
        return try result.get()
    }

    public func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? {
        self.records.withLock { $0[tag] }
    }

    public func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] {
        try SegmentLimits.check(page: limit)
        let records = self.records.withLock { Array($0.values) }
        let later = tag.map { tag in records.filter { $0.tag > tag } } ?? records
        return Array(later.sorted { $0.tag < $1.tag }.prefix(limit))
    }
}

extension SegmentEngine where Self == MemorySegmentEngine {
    /// Ranges from the memory of this process, for tests and for numbers that need not outlive the process.
    ///
    /// Each call makes a new engine that knows nothing of others: generators that shall not repeat each other's numbers
    /// must be given the same one.
    public static func memory() -> MemorySegmentEngine { MemorySegmentEngine() }
}
