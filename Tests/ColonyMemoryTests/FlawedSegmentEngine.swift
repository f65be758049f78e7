import ColonyCore
import ColonyIdentifiers
import Synchronization

/// A segment engine with one flaw, or none, to find out whether the conformance suite notices.
final class FlawedSegmentEngine: SegmentEngine {
    enum Flaw: String, CaseIterable, Sendable, CustomStringConvertible {
        case overlapsByOne = "gives the last number of a range again"
        case forgetsUnderLoad = "reads and writes a record in two steps"
        case startsAtZero = "starts at zero"
        case ignoresFloor = "ignores the floor"
        case floorIsInclusive = "gives the floor itself"
        case floorIsForgotten = "goes on below a floor that it was asked above"
        case ignoresScheme = "accepts any scheme"
        case comparesCharacters = "takes two spellings of a scheme for one"
        case schemeMismatchTakes = "takes a range before it refuses the scheme"
        case emptySchemeIsNone = "keeps an empty scheme as none"
        case wrapsAround = "starts again after the largest number"
        case stopsEarly = "never gives the largest number"
        case acceptsNothing = "gives empty ranges"
        case acceptsTooMany = "gives ranges beyond the limit"
        case givesLess = "gives fewer numbers than were asked for"
        case mixesTags = "gives all tags numbers of one series"
        case folds = "takes upper and lower case for the same"
        case listsUnsorted = "lists tags in no order"
        case listsLastAgain = "begins a page with the last tag of the page before"
        case ignoresPage = "lists more than a page"
        case countsWrong = "does not count ranges"
        case cancelledIsReused = "gives a cancelled request's range again"
        case forgetsOnReopen = "forgets what another client has taken"

        var description: String { self.rawValue }
    }

    private let flaw: Flaw?
    private let records = Mutex<[SegmentTag: SegmentRecord]>([:])

    init(_ flaw: Flaw?) { self.flaw = flaw }

    var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    /// The same engine as a client sees it that opens it anew.
    func reopened() -> FlawedSegmentEngine {
        if self.flaw == .forgetsOnReopen { self.records.withLock { $0 = [:] } }
        return self
    }

    private func stored(_ tag: SegmentTag) -> SegmentTag {
        switch self.flaw {
        case .mixesTags: "one"
        case .folds: (try? SegmentTag(tag.rawValue.lowercased())) ?? tag
        default: tag
        }
    }

    private func renamed(_ record: SegmentRecord, _ tag: SegmentTag, scheme: String?) -> SegmentRecord {
        SegmentRecord(tag: tag, next: record.next, segments: record.segments, scheme: scheme)
    }

    func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        var asked = request
        asked.tag = self.stored(request.tag)
        switch self.flaw {
        case .ignoresFloor: asked.floor = min(0, asked.floor)
        case .floorIsInclusive where asked.floor > 0: asked.floor -= 1
        case .givesLess where asked.count > 5: asked.count -= 1
        case .emptySchemeIsNone where asked.scheme == "": asked.scheme = nil
        case .acceptsNothing where asked.count == 0:
            return Segment(tag: request.tag, range: 1..<1)
        case .acceptsTooMany where asked.count > SegmentLimits.count.upperBound:
            return Segment(tag: request.tag, range: 1..<2)
        case .stopsEarly where asked.floor > SegmentLimits.largest - 1_000:
            throw IdentifierError(.segmentsExhausted, "too near to the end")
        default: break
        }
        try asked.check()
        let checked = asked
        if self.flaw == .forgetsUnderLoad {
            let before = self.records.withLock { $0[checked.tag] }
            await Task.yield()
            let decision = try checked.decided(from: before)
            self.records.withLock { $0[checked.tag] = decision.record }
            return Segment(tag: request.tag, range: decision.segment.range)
        }
        let result = self.records.withLock { records -> Result<Segment, IdentifierError> in
            Result { () throws(IdentifierError) in try self.take(checked, request, &records) }
        }
        if self.flaw == .cancelledIsReused {
            await Task.yield()
            if Task.isCancelled {
                self.records.withLock { records in
                    guard let record = records[checked.tag] else { return }
                    records[checked.tag] = SegmentRecord(
                        tag: checked.tag, next: record.next - checked.count, segments: record.segments,
                        scheme: record.scheme)
                }
                throw IdentifierError(.cancelled, "cancelled")
            }
        }
        return try result.get()
    }

    private func take(
        _ asked: SegmentRequest, _ request: SegmentRequest, _ records: inout [SegmentTag: SegmentRecord]
    ) throws(IdentifierError) -> Segment {
        var before = records[asked.tag]
        if let record = before {
            let isAccepted =
                switch self.flaw {
                case .ignoresScheme, .mixesTags: true
                case .comparesCharacters: record.scheme == asked.scheme
                default: false
                }
            if isAccepted { before = self.renamed(record, asked.tag, scheme: asked.scheme) }
            if self.flaw == .schemeMismatchTakes, record.scheme != asked.scheme {
                records[asked.tag] = SegmentRecord(
                    tag: asked.tag, next: record.next + asked.count, segments: record.segments, scheme: record.scheme)
            }
            if self.flaw == .wrapsAround, record.next > SegmentLimits.largest - asked.count { before = nil }
        }
        var (segment, record) = try asked.decided(from: before)
        switch self.flaw {
        case .overlapsByOne:
            record = SegmentRecord(
                tag: asked.tag, next: max(2, record.next - 1), segments: record.segments, scheme: record.scheme)
        case .startsAtZero where before == nil && asked.floor == 0:
            segment = Segment(tag: asked.tag, range: 0..<asked.count)
        case .floorIsForgotten where asked.floor > 0 && (before?.next ?? 1) <= asked.floor:
            record = SegmentRecord(
                tag: asked.tag, next: (before?.next ?? 1) + asked.count, segments: record.segments,
                scheme: record.scheme)
        case .countsWrong:
            record = SegmentRecord(tag: asked.tag, next: record.next, segments: 1, scheme: record.scheme)
        default: break
        }
        records[asked.tag] = record
        return Segment(tag: request.tag, range: segment.range)
    }

    func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? {
        self.records.withLock { $0[self.stored(tag)] }.map { self.renamed($0, tag, scheme: $0.scheme) }
    }

    func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] {
        try SegmentLimits.check(page: limit)
        let all = self.records.withLock { Array($0.values) }.sorted {
            self.flaw == .listsUnsorted ? $0.tag.rawValue > $1.tag.rawValue : $0.tag < $1.tag
        }
        let later = all.filter { record in
            guard let tag else { return true }
            return self.flaw == .listsLastAgain ? record.tag >= tag : record.tag > tag
        }
        return Array(later.prefix(self.flaw == .ignoresPage ? limit + 1 : limit))
    }
}
