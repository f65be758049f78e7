public import ColonyCore
public import ColonyIdentifiers
import Synchronization

/// Ranges of numbers on any engine that keeps a registry, such as Redis, etcd, and PostgreSQL.
///
/// A tag is a permanent record that is replaced only in the version that was read (compare and set), so a range is given once
/// whoever asks. The engine remembers the latest record of each tag it has seen; as long as nobody else takes of the tag, a
/// range costs one round trip, and one more for each range that others took in the meantime.
///
/// *Layout.* Group `colony/segments`, key the tag, value `NEXT SEGMENTS` in decimal digits with one space between, and if the
/// tag has a scheme, another space and the scheme. A store has room for ``RegistryLimits/records`` tags.
public final class RegistrySegmentEngine: SegmentEngine {
    /// Where tags are kept.
    public static let group: LeaseName = "colony/segments"

    /// How often a write may meet that of another before the caller is told to come back: each time, another caller got its
    /// range, so this many at once are more than ranges are for.
    private static let attempts = 256

    private let registry: any RegistryEngine
    private let known = Mutex<[SegmentTag: RegistryRecord]>([:])

    /// Makes an engine that keeps its tags in `registry`.
    public init(_ registry: some RegistryEngine) {
        self.registry = registry
    }

    /// That of the registry.
    public var guarantee: Guarantee { self.registry.guarantee }

    /// Takes the next range by replacing the tag's record in the version that was read; asks again when another was faster.
    ///
    /// - Throws: As the port says; `unavailable` also after 256 others were faster, which takes as many at the same moment.
    public func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        try request.check()
        let key = try Self.key(request.tag)
        var present = self.known.withLock { $0[request.tag] }
        for _ in 0..<Self.attempts {
            let record = try present.map { record throws(IdentifierError) in try Self.read(record, request.tag) }
            let decision: (segment: Segment, record: SegmentRecord)
            do throws(IdentifierError) {
                decision = try request.decided(from: record)
            } catch {
                // What is remembered may be old: a refusal counts only on what the store has now.
                let latest = try await self.latest(key)
                if latest?.version == present?.version { throw error }
                present = latest
                continue
            }
            let write = RegistryWrite(
                Self.value(decision.record), for: key, if: present.map { .version($0.version) } ?? .absent)
            let answer: RegistryAnswer
            do throws(LeaseError) {
                answer = try await self.registry.put(write, in: Self.group)
            } catch {
                throw IdentifierError(error)
            }
            switch answer {
            case .written(let written):
                self.remember(written, request.tag)
                return decision.segment
            case .conflict(let other):
                present = other
            }
        }
        throw IdentifierError(
            .unavailable, "\(Self.attempts) other ranges of \(request.tag) were taken while this one was asked for")
    }

    /// What the store knows of a tag; reads all of them.
    public func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? {
        guard let record = try await self.latest(try Self.key(tag)) else { return nil }
        return try Self.read(record, tag)
    }

    /// Lists tags; reads all of them, whatever the page.
    public func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] {
        try SegmentLimits.check(page: limit)
        var result: [SegmentRecord] = []
        for record in try await self.snapshot().records where result.count < limit {
            let found: SegmentTag
            do {
                found = try SegmentTag(record.key.rawValue)
            } catch {
                throw IdentifierError(.storageFailed, error.description, cause: error)
            }
            if let tag, found <= tag { continue }
            result.append(try Self.read(record, found))
        }
        return result
    }

    private func latest(_ key: LeaseName) async throws(IdentifierError) -> RegistryRecord? {
        try await self.snapshot()[key]
    }

    private func snapshot() async throws(IdentifierError) -> RegistrySnapshot {
        do throws(LeaseError) {
            return try await self.registry.snapshot(of: Self.group)
        } catch {
            throw IdentifierError(error)
        }
    }

    /// Keeps the latest state, whichever of two answers comes first.
    private func remember(_ record: RegistryRecord, _ tag: SegmentTag) {
        self.known.withLock { known in
            if let present = known[tag], present.version > record.version { return }
            known[tag] = record
        }
    }
}

// MARK: What a record says

extension RegistrySegmentEngine {
    private static func key(_ tag: SegmentTag) throws(IdentifierError) -> LeaseName {
        do {
            return try LeaseName(tag.rawValue)
        } catch {
            throw IdentifierError(.invalidRequest, error.description, cause: error)
        }
    }

    static func value(_ record: SegmentRecord) -> [UInt8] {
        Array("\(record.next) \(record.segments)\(record.scheme.map { " \($0)" } ?? "")".utf8)
    }

    static func read(_ record: RegistryRecord, _ tag: SegmentTag) throws(IdentifierError) -> SegmentRecord {
        let text = String(decoding: record.value, as: UTF8.self)
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let next = Int64(parts[0]), let segments = Int64(parts[1]), next >= 1, segments >= 1
        else {
            throw IdentifierError(
                .storageFailed,
                "the record of the segment tag \(tag) says \(NameRules.quoted(text)), which no engine of this kind wrote"
            )
        }
        return SegmentRecord(
            tag: tag, next: next, segments: segments, scheme: parts.count == 3 ? String(parts[2]) : nil)
    }
}

extension IdentifierError {
    /// A registry's failure, seen from an engine of segments.
    init(_ error: LeaseError) {
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .invalidRequest: .invalidRequest
            case .storageFailed: .storageFailed
            case .closed: .closed
            default: .unavailable
            }
        self.init(code, error.message, cause: error)
    }
}
