import ColonyCore
import ColonyIdentifiers
import NIOCore

extension IdentifierService {
    private func engine() throws(Problem) -> any SegmentEngine {
        guard let segments else { throw .notOffered("ranges") }
        return segments
    }

    /// Takes a range for a client that makes its own identifiers of it.
    func take(_ tag: SegmentTag, body: ByteBuffer) async throws(Problem) -> Answer {
        let request = try TakeSegmentRequest.read(body, of: tag)
        let engine = try self.engine()
        let segment: Segment
        do {
            try request.check()
            segment = try await engine.takeSegment(request)
        } catch {
            throw Problem(error)
        }
        self.metrics.segments.increment(by: 1)
        return Answer { body in
            body.writeJSON(#"{"tag":"#)
            body.writeJSON(string: tag.rawValue)
            body.writeJSON(#","first":""#)
            body.writeJSON(segment.range.lowerBound)
            body.writeJSON(#"","count":"#)
            body.writeJSON(segment.range.upperBound - segment.range.lowerBound)
            body.writeJSON("}")
        }
    }

    func inspect(_ tag: SegmentTag, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let engine = try self.engine()
        let record: SegmentRecord?
        do {
            record = try await engine.inspect(tag)
        } catch {
            throw Problem(error)
        }
        guard let record else {
            throw Problem(.notFound, "no range of \(NameRules.quoted(tag.rawValue)) was ever taken")
        }
        return Answer { Self.write(record, to: &$0) }
    }

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["after", "limit"])
        let limit = try parameters.integer("limit", in: 1...self.limits.batch) ?? min(100, self.limits.batch)
        var after: SegmentTag?
        if let text = parameters["after"] {
            do throws(InvalidName) {
                after = try SegmentTag(text)
            } catch {
                throw Problem(error)
            }
        }
        let engine = try self.engine()
        var records: [SegmentRecord] = []
        do throws(IdentifierError) {
            for prefix in token?.visiblePrefixes(of: "") ?? [""] where records.count < limit {
                records += try await Self.records(
                    of: engine, withPrefix: prefix, after: after, limit: limit - records.count)
            }
        } catch {
            throw Problem(error)
        }
        return Answer(capacity: 64 + records.count * 96) { body in
            body.writeJSON(#"{"segments":["#)
            for (index, record) in records.enumerated() {
                if index > 0 { body.writeJSON(",") }
                Self.write(record, to: &body)
            }
            body.writeJSON("]")
            if records.count == limit, let last = records.last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: last.tag.rawValue)
            }
            body.writeJSON("}")
        }
    }

    /// The tags of a token's prefix. The port lists from a tag on, so the tag that is the prefix itself is asked for alone.
    private static func records(
        of engine: any SegmentEngine, withPrefix prefix: String, after: SegmentTag?, limit: Int
    ) async throws(IdentifierError) -> [SegmentRecord] {
        guard let first = try? SegmentTag(prefix) else { return try await engine.records(after: after, limit: limit) }
        var records: [SegmentRecord] = []
        if after.map({ $0 < first }) ?? true, let record = try await engine.inspect(first) { records.append(record) }
        guard records.count < limit else { return records }
        let rest = try await engine.records(after: max(after ?? first, first), limit: limit - records.count)
        return records + rest.prefix { $0.tag.rawValue.utf8.starts(with: prefix.utf8) }
    }

    private static func write(_ record: SegmentRecord, to body: inout ByteBuffer) {
        body.writeJSON(#"{"tag":"#)
        body.writeJSON(string: record.tag.rawValue)
        body.writeJSON(#","next":""#)
        body.writeJSON(record.next)
        body.writeJSON(#"","segments":"#)
        body.writeJSON(record.segments)
        if let scheme = record.scheme {
            body.writeJSON(#","scheme":"#)
            body.writeJSON(string: scheme)
        }
        body.writeJSON("}")
    }
}
