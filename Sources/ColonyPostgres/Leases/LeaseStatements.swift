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
    let takePermits: PostgresStatement
    let renewPermits: PostgresStatement
    let returnPermits: PostgresStatement
    let inspectPermits: PostgresStatement
    let watchPermits: PostgresStatement
    let unwatchPermits: PostgresStatement
    let put: PostgresStatement
    let renewRecord: PostgresStatement
    let remove: PostgresStatement
    let snapshot: PostgresStatement
    let watchGroup: PostgresStatement
    let unwatchGroup: PostgresStatement

    init(schema: String) {
        func statement(_ name: String, _ sql: String) -> PostgresStatement {
            PostgresStatement(
                name: "colony_\(name)", sql: sql.replacing("$schema$", with: "\"\(schema)\""),
                isUrgent: name == "beat" || name.hasPrefix("renew"))
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
        self.takePermits = statement("take_permits", "SELECT * FROM $schema$.take_permits($1, $2, $3, $4, $5, $6)")
        self.renewPermits = statement(
            "renew_permits",
            """
            UPDATE $schema$.permit SET
                duration_ns = $4,
                expires_at = greatest(expires_at, clock_timestamp() + make_interval(secs => $4::bigint / 1e9::float8))
            WHERE name = $1 AND owner = $2 AND token = $3 AND expires_at > clock_timestamp()
            RETURNING 1
            """)
        self.returnPermits = statement("return_permits", "SELECT * FROM $schema$.return_permits($1, $2, $3)")
        self.inspectPermits = statement("inspect_permits", Self.permits)
        self.watchPermits = statement("watch_permits", "SELECT * FROM $schema$.watch_permits($1, $2, $3, $4, $5)")
        self.unwatchPermits = statement(
            "unwatch_permits", "DELETE FROM $schema$.permit_watch WHERE name = $1 AND owner = $2 AND engine = $3")
        self.put = statement("put", "SELECT * FROM $schema$.put_record($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        self.renewRecord = statement(
            "renew_record",
            """
            UPDATE $schema$.registry_record SET
                expires_at = greatest(expires_at, clock_timestamp() + make_interval(secs => $4::bigint / 1e9::float8))
            WHERE group_name = $1 AND key = $2 AND owner = $3 AND expires_at > clock_timestamp()
            RETURNING 1
            """)
        self.remove = statement("remove", "SELECT * FROM $schema$.remove_record($1, $2, $3, $4, $5)")
        self.snapshot = statement("snapshot", "SELECT * FROM $schema$.snapshot($1)")
        self.watchGroup = statement("watch_group", "SELECT * FROM $schema$.watch_group($1, $2)")
        self.unwatchGroup = statement(
            "unwatch_group", "DELETE FROM $schema$.registry_watch WHERE group_name = $1 AND engine = $2")
    }

    /// Who holds permits of a name, in the order of tokens, and then who claims them, in the order of arrival.
    private static let permits = """
        SELECT x.owner, x.permits, x.token, x.remaining, x.age
        FROM (SELECT clock_timestamp() AS t OFFSET 0) c CROSS JOIN LATERAL (
            SELECT 0 AS part, p.token AS place, p.owner, p.permits, p.token,
                $schema$.microseconds(p.expires_at - c.t) AS remaining,
                $schema$.microseconds(c.t - p.granted_at) AS age
            FROM $schema$.permit p WHERE p.name = $1 AND p.expires_at > c.t
            UNION ALL
            SELECT 1, q.ticket, q.owner, q.permits, NULL, NULL, $schema$.microseconds(c.t - q.since)
            FROM $schema$.claim q WHERE q.name = $1 AND q.expires_at > c.t
        ) x
        ORDER BY x.part, x.place
        """

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
#endif
