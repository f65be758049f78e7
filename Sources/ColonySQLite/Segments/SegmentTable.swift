import ColonyCore
import ColonyIdentifiers

/// Tags in the file. What a request is given is decided by ``SegmentRequest/decided(from:)``, as in every engine; here
/// the record is read and written, inside a transaction of the caller.
enum SegmentTable {
    private static let select = SQL("SELECT next, segments, scheme FROM segment WHERE tag = ?")
    private static let replace = SQL("INSERT OR REPLACE INTO segment (tag, next, segments, scheme) VALUES (?, ?, ?, ?)")
    private static let page = SQL("SELECT next, segments, scheme, tag FROM segment ORDER BY tag LIMIT ?")
    private static let pageAfter = SQL(
        "SELECT next, segments, scheme, tag FROM segment WHERE tag > ? ORDER BY tag LIMIT ?")

    /// Takes the next range; changes the file with one statement, or not at all.
    static func take(
        _ request: SegmentRequest, in transaction: WriteTransaction
    ) throws(StoreError) -> Result<Segment, IdentifierError> {
        let record = try Self.record(request.tag, on: transaction.connection)
        let decision: (segment: Segment, record: SegmentRecord)
        do throws(IdentifierError) {
            decision = try request.decided(from: record)
        } catch {
            return .failure(error)
        }
        let statement = try transaction.connection.prepared(Self.replace)
        statement.bind(request.tag.rawValue, at: 1)
        statement.bind(decision.record.next, at: 2)
        statement.bind(decision.record.segments, at: 3)
        statement.bind(optional: decision.record.scheme, at: 4)
        try statement.run()
        return .success(decision.segment)
    }

    static func record(_ tag: SegmentTag, on connection: Connection) throws(StoreError) -> SegmentRecord? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(tag.rawValue, at: 1)
        guard try statement.step() else { return nil }
        return try Self.record(tag, statement, connection)
    }

    /// SQLite compares the bytes of texts, as names do.
    static func records(
        after tag: SegmentTag?, limit: Int, on connection: Connection
    ) throws(StoreError) -> [SegmentRecord] {
        let statement = try connection.prepared(tag == nil ? Self.page : Self.pageAfter)
        defer { statement.reset() }
        if let tag { statement.bind(tag.rawValue, at: 1) }
        statement.bind(Int64(limit), at: tag == nil ? 1 : 2)
        var records: [SegmentRecord] = []
        while try statement.step() {
            let tag: SegmentTag
            do {
                tag = try SegmentTag(statement.text(3))
            } catch {
                throw StoreError.damaged("\(error)", in: connection)
            }
            records.append(try Self.record(tag, statement, connection))
        }
        return records
    }

    private static func record(
        _ tag: SegmentTag, _ statement: PreparedStatement, _ connection: Connection
    ) throws(StoreError) -> SegmentRecord {
        let record = SegmentRecord(
            tag: tag, next: statement.integer(0), segments: statement.integer(1),
            scheme: statement.isNull(2) ? nil : statement.text(2))
        // A number below the first one was never written by us. Going on from it would repeat numbers.
        guard record.next >= 1, record.segments >= 1 else {
            throw StoreError.damaged(
                "the tag \(NameRules.quoted(tag.rawValue)) goes on at \(record.next) after \(record.segments) ranges",
                in: connection)
        }
        return record
    }

}
