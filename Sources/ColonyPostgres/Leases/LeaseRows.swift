#if Postgres
import ColonyCoordination
import ColonyCore

/// Text in the form that PostgreSQL reads as an array.
enum PostgresArray {
    static func text(_ values: [String]) -> String {
        let quoted = values.map { "\"\(PostgresQuoting.element($0))\"" }
        return "{\(quoted.joined(separator: ","))}"
    }

    static func numbers(_ values: [Int64]) -> String {
        "{\(values.map(String.init).joined(separator: ","))}"
    }
}

/// What the server's answers say.
enum LeaseRows {
    /// An answer that does not have the form which the statement asks for.
    static let malformed = PostgresFailure(
        kind: .refused(sqlState: "XX000"), message: "the server's answer does not have the expected form")

    static func number(_ row: [String?], _ column: Int) throws(PostgresFailure) -> Int64 {
        guard row.indices.contains(column), let text = row[column], let value = Int64(text) else { throw malformed }
        return value
    }

    static func text(_ row: [String?], _ column: Int) throws(PostgresFailure) -> String {
        guard row.indices.contains(column), let text = row[column] else { throw malformed }
        return text
    }

    static func owner(_ row: [String?], _ column: Int) throws(PostgresFailure) -> OwnerID {
        do {
            return try OwnerID(try self.text(row, column))
        } catch let failure as PostgresFailure {
            throw failure
        } catch {
            throw PostgresFailure(
                kind: .refused(sqlState: "XX001"), message: "the schema was changed by others: \(error)")
        }
    }

    static func name(_ row: [String?], _ column: Int) throws(PostgresFailure) -> LeaseName {
        let text = try self.text(row, column)
        do {
            return try LeaseName(text)
        } catch {
            throw PostgresFailure(
                kind: .refused(sqlState: "XX001"), message: "the schema was changed by others: \(error)")
        }
    }

    static func revision(_ row: [String?], _ column: Int) throws(PostgresFailure) -> RegistryRevision {
        RegistryRevision(rawValue: UInt64(bitPattern: try self.number(row, column)))
    }

    static func token(_ row: [String?], _ column: Int) throws(PostgresFailure) -> FencingToken {
        FencingToken(rawValue: UInt64(bitPattern: try self.number(row, column)))
    }

    /// - Throws: For nanoseconds as for microseconds, if the column is no number.
    static func microseconds(_ row: [String?], _ column: Int) throws(PostgresFailure) -> Duration {
        .microseconds(try self.number(row, column))
    }

    /// Rows of ``LeaseStatements/inspect`` and its like.
    static func records(_ rows: [[String?]]) throws(PostgresFailure) -> [LeaseRecord] {
        var records: [LeaseRecord] = []
        var first = rows.startIndex
        while first < rows.endIndex {
            let row = rows[first]
            let name = try self.text(row, 0)
            var waiters: [LeaseWaiter] = []
            var next = first
            while next < rows.endIndex, try self.text(rows[next], 0).utf8.elementsEqual(name.utf8) {
                if rows[next].count > 8, rows[next][7] != nil {
                    waiters.append(
                        LeaseWaiter(owner: try self.owner(rows[next], 7), age: try self.microseconds(rows[next], 8)))
                }
                next += 1
            }
            records.append(try self.record(row, waiters))
            first = next
        }
        return records
    }

    private static func record(
        _ row: [String?], _ waiters: [LeaseWaiter]
    ) throws(PostgresFailure) -> LeaseRecord {
        return LeaseRecord(
            name: try self.name(row, 0), owner: try self.owner(row, 1), token: try self.token(row, 2),
            duration: .nanoseconds(try self.number(row, 3)), remaining: try self.microseconds(row, 4),
            age: try self.microseconds(row, 5), renewals: UInt64(max(0, try self.number(row, 6))), waiters: waiters)
    }
}
#endif
