#if Postgres
/// What the engine on advisory locks asks the server, each one round trip.
struct AdvisoryStatements: Sendable {
    let acquire: PostgresStatement
    let renew: PostgresStatement
    let release: PostgresStatement
    let present: PostgresStatement
    let expire: PostgresStatement
    let repair: PostgresStatement

    init(schema: String) {
        func statement(_ name: String, _ sql: String) -> PostgresStatement {
            PostgresStatement(
                name: "colony_advisory_\(name)", sql: sql.replacing("$schema$", with: "\"\(schema)\""))
        }
        self.acquire = statement("acquire", "SELECT * FROM $schema$.advisory_acquire($1, $2, $3)")
        self.renew = statement(
            "renew",
            """
            UPDATE $schema$.advisory_lease SET
                duration_ns = $4,
                expires_at = greatest(expires_at, clock_timestamp() + make_interval(secs => $4::bigint / 1e9::float8)),
                renewals = renewals + 1
            WHERE key = $schema$.advisory_key($1) AND name = $1 AND owner = $2 AND token = $3
                AND pid = pg_backend_pid() AND expires_at > clock_timestamp()
            RETURNING 1
            """)
        self.release = statement("release", "SELECT * FROM $schema$.advisory_release($1, $2, $3)")
        self.present = statement(
            "present",
            "SELECT * FROM $schema$.advisory_present($1)")
        self.expire = statement("expire", "SELECT $schema$.advisory_expire($1, $2)")
        self.repair = statement("repair", "SELECT $schema$.advisory_repair($1)")
    }
}
#endif
