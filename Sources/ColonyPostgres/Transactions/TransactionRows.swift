#if Postgres
import ColonyCore
import ColonyTransactions

/// What the server's answers say of transactions.
enum TransactionRows {
    private static func damaged(_ reason: String) -> PostgresFailure {
        PostgresFailure(kind: .refused(sqlState: "XX001"), message: "the schema was changed by others: \(reason)")
    }

    private static func bytes(_ row: [String?], _ column: Int) throws(PostgresFailure) -> [UInt8] {
        guard let bytes = PostgresBytes.bytes(try LeaseRows.text(row, column)) else {
            throw Self.damaged("bytes are no bytes")
        }
        return bytes
    }

    static func id(_ row: [String?], _ column: Int) throws(PostgresFailure) -> TransactionID {
        let text = try LeaseRows.text(row, column)
        do {
            return try TransactionID(text)
        } catch {
            throw Self.damaged("\(error)")
        }
    }

    static func key(_ row: [String?], name: Int, version: Int) throws(PostgresFailure) -> DefinitionKey {
        let text = try LeaseRows.text(row, name)
        let number = try LeaseRows.number(row, version)
        do {
            return DefinitionKey(try DefinitionName(text), version: Int(number))
        } catch {
            throw Self.damaged("\(error)")
        }
    }

    /// The first eight columns.
    static func summary(_ row: [String?]) throws(PostgresFailure) -> TransactionSummary {
        let id = try self.id(row, 1)
        let (kind, label) = (try LeaseRows.text(row, 2), try LeaseRows.text(row, 3))
        let state = try LeaseRows.number(row, 4)
        guard let kind = TransactionKind(rawValue: kind), let label = try? DefinitionName(label),
            let state = TransactionStateCode.state(state)
        else { throw Self.damaged("the transaction \(id) is of kind \"\(kind)\" in state \(state)") }
        let holder = try LeaseRows.token(row, 7)
        return TransactionSummary(
            id: id, kind: kind, label: label, state: state,
            startedAt: WallTime(millisecondsSince1970: try LeaseRows.number(row, 5)),
            changedAt: WallTime(millisecondsSince1970: try LeaseRows.number(row, 6)),
            coordinator: holder.rawValue == 0 ? nil : holder, number: try LeaseRows.number(row, 0))
    }

    static func record(_ row: [String?]) throws(PostgresFailure) -> TransactionRecord {
        guard row.count == 16 else { throw LeaseRows.malformed }
        var record = TransactionRecord(
            summary: try self.summary(row), definition: try self.key(row, name: 8, version: 9), outline: [],
            input: try self.bytes(row, 11),
            timeout: row[12] == nil ? nil : .nanoseconds(try LeaseRows.number(row, 12)),
            isCancellationRequested: row[14] == "t", entries: [])
        let (outline, beginning) = (try self.bytes(row, 10), try self.bytes(row, 13))
        do throws(JournalEntryCoding.Damage) {
            record.outline = try JournalEntryCoding.outline(outline)
            record.entries = try JournalEntryCoding.decode(beginning)
            for batch in (row[15] ?? "").split(separator: ",") {
                record.entries += try JournalEntryCoding.decode(PostgresBytes.bytes(String(batch)) ?? [])
            }
        } catch {
            throw Self.damaged("the transaction \(record.summary.id) cannot be read: \(error)")
        }
        return record
    }
}

extension TransactionError {
    /// What a failure means to one who works with transactions.
    ///
    /// - Parameter place: The URL of the server without its password.
    init(_ failure: PostgresFailure, at place: String) {
        let error = LeaseError(failure, at: place)
        if error.code == .closed {
            self.init(.closed, "the journal on \(place) was closed")
            return
        }
        let codes: [LeaseError.Code: Code] = [
            .unavailable: .unavailable, .cancelled: .cancelled, .invalidRequest: .invalidRequest,
        ]
        self.init(codes[error.code] ?? .storageFailed, error.message, cause: error.cause)
    }
}
#endif
