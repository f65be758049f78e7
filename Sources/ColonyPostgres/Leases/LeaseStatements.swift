#if Postgres
import ColonyCore

/// What the lease engine asks the server, each one round trip.
struct LeaseStatements: Sendable {
    let acquire: PostgresStatement
    let renew: PostgresStatement
    let renewMany: PostgresStatement
    let release: PostgresStatement
    let leave: PostgresStatement
    let inspect: PostgresStatement
    let page: PostgresStatement
    let breakLease: PostgresStatement
    let count: PostgresStatement
    let present: PostgresStatement
    let watch: PostgresStatement
    let unwatch: PostgresStatement
    let beat: PostgresStatement
    let forgetEngine: PostgresStatement
    let sweep: PostgresStatement

    init(schema: String) {
        func statement(_ name: String, _ sql: String) -> PostgresStatement {
            PostgresStatement(name: "colony_\(name)", sql: sql.replacing("$schema$", with: "\"\(schema)\""))
        }
        self.acquire = statement("acquire", "SELECT * FROM $schema$.acquire($1, $2, $3, $4, $5, $6)")
        self.renew = statement(
            "renew",
            """
            UPDATE $schema$.lease SET
                duration_ns = $4,
                expires_at = greatest(expires_at, clock_timestamp() + make_interval(secs => $4::bigint / 1e9::float8)),
                renewals = renewals + 1
            WHERE name = $1 AND owner = $2 AND token = $3 AND expires_at > clock_timestamp()
            RETURNING 1
            """)
        self.renewMany = statement("renew_many", "SELECT * FROM $schema$.renew_many($1, $2, $3, $4)")
        self.release = statement("release", "SELECT * FROM $schema$.release($1, $2, $3)")
        self.leave = statement("leave", "SELECT $schema$.leave($1, $2)")
        self.inspect = statement(
            "inspect", Self.records("SELECT * FROM $schema$.lease WHERE name = $1 AND expires_at > c.t"))
        self.page = statement(
            "page",
            Self.records(
                """
                SELECT * FROM $schema$.lease
                WHERE name >= $1 AND name > $2 AND ($3::text IS NULL OR name < $3) AND expires_at > c.t
                ORDER BY name LIMIT $4
                """))
        self.breakLease = statement(
            "break",
            """
            SELECT b.name, b.owner, b.token, b.duration_ns, $schema$.microseconds(b.expires_at - clock_timestamp()),
                $schema$.microseconds(clock_timestamp() - b.granted_at), b.renewals, NULL, NULL
            FROM $schema$.break_lease($1) b
            """)
        self.count = statement("count", "SELECT count(*) FROM $schema$.lease WHERE expires_at > clock_timestamp()")
        self.present = statement("present", "SELECT * FROM $schema$.present($1)")
        self.watch = statement("watch", "SELECT * FROM $schema$.watch_name($1, $2)")
        self.unwatch = statement("unwatch", "DELETE FROM $schema$.watch WHERE name = $1 AND engine = $2")
        self.beat = statement("beat", "SELECT * FROM $schema$.beat($1)")
        self.forgetEngine = statement("forget", "SELECT $schema$.forget_engine($1)")
        self.sweep = statement("sweep", "SELECT $schema$.sweep()")
    }

    /// Leases with those who wait for them, one row for each waiter, at most a thousand for each lease.
    private static func records(_ leases: String) -> String {
        """
        SELECT l.name, l.owner, l.token, l.duration_ns, $schema$.microseconds(l.expires_at - c.t),
            $schema$.microseconds(c.t - l.granted_at), l.renewals, w.owner, w.age
        FROM (SELECT clock_timestamp() AS t OFFSET 0) c
        CROSS JOIN LATERAL (\(leases)) l
        LEFT JOIN LATERAL (
            SELECT q.owner, q.ticket, $schema$.microseconds(c.t - q.since) AS age
            FROM $schema$.waiter q JOIN $schema$.engine e ON e.id = q.engine
            WHERE q.name = l.name
                AND e.seen_at BETWEEN c.t - \(LeaseSchema.deadAfter) AND c.t + \(LeaseSchema.deadAfter)
            ORDER BY q.ticket LIMIT 1000
        ) w ON true
        ORDER BY l.name, w.ticket
        """
    }
}

/// Text in the form that PostgreSQL reads as an array.
enum PostgresArray {
    static func text(_ values: [String]) -> String {
        let quoted = values.map { value in
            "\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
        }
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
            records.append(try self.record(row, name, waiters))
            first = next
        }
        return records
    }

    private static func record(
        _ row: [String?], _ name: String, _ waiters: [LeaseWaiter]
    ) throws(PostgresFailure) -> LeaseRecord {
        let leaseName: LeaseName
        do {
            leaseName = try LeaseName(name)
        } catch {
            throw PostgresFailure(
                kind: .refused(sqlState: "XX001"), message: "the schema was changed by others: \(error)")
        }
        return LeaseRecord(
            name: leaseName, owner: try self.owner(row, 1), token: try self.token(row, 2),
            duration: .nanoseconds(try self.number(row, 3)), remaining: try self.microseconds(row, 4),
            age: try self.microseconds(row, 5), renewals: UInt64(max(0, try self.number(row, 6))), waiters: waiters)
    }
}
#endif
