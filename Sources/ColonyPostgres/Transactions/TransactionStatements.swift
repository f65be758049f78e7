#if Postgres
/// What the journal asks the server, each one round trip.
struct TransactionStatements: Sendable {
    let enlist: PostgresStatement
    let renew: PostgresStatement
    let begin: PostgresStatement
    let append: PostgresStatement
    let fence: PostgresStatement
    let intervene: PostgresStatement
    let cancel: PostgresStatement
    let claim: PostgresStatement
    let read: PostgresStatement
    let readMany: PostgresStatement
    let openPage: PostgresStatement
    let endedPage: PostgresStatement
    let counts: PostgresStatement
    let watch: PostgresStatement

    init(schema: String) {
        func statement(_ name: String, _ sql: String, isUrgent: Bool = false) -> PostgresStatement {
            PostgresStatement(
                name: "colony_transaction_\(name)", sql: sql.replacing("$schema$", with: "\"\(schema)\""),
                isUrgent: isUrgent)
        }
        self.enlist = statement("enlist", "SELECT $schema$.enlist_coordinator($1, $2)", isUrgent: true)
        self.renew = statement("renew", "SELECT * FROM $schema$.renew_coordinator($1, $2)", isUrgent: true)
        self.begin = statement(
            "begin",
            "SELECT $schema$.begin_transaction($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)")
        self.append = statement("append", "SELECT $schema$.append_decision($1, $2, $3, $4, $5, $6, $7, $8)")
        self.fence = statement(
            "fence",
            """
            UPDATE $schema$.distributed_transaction SET epoch = epoch + 1
            WHERE id = $1 AND holder = $2 AND state < 2 RETURNING epoch
            """)
        self.intervene = statement("intervene", "SELECT $schema$.intervene_in_transaction($1, $2, $3, $4, $5, $6)")
        self.cancel = statement(
            "cancel",
            "UPDATE $schema$.distributed_transaction SET cancels = true WHERE id = $1 AND state < 3 RETURNING 1")
        self.claim = statement("claim", "SELECT * FROM $schema$.claim_transactions($1, $2, $3, $4)")
        self.read = statement(
            "read", "SELECT \(Self.record) FROM $schema$.distributed_transaction t WHERE t.id = $1")
        self.readMany = statement(
            "read_many",
            """
            SELECT \(Self.record) FROM $schema$.distributed_transaction t
            WHERE t.number = ANY ($1::bigint[]) ORDER BY t.number
            """)
        self.openPage = statement("open_page", Self.page("t.number > $2 ORDER BY t.number", "number"))
        self.endedPage = statement("ended_page", Self.page("t.number < $2 ORDER BY t.number DESC", "number DESC"))
        self.counts = statement(
            "counts", "SELECT state, count(*) FROM $schema$.distributed_transaction GROUP BY state")
        self.watch = statement("watch", "SELECT $schema$.watch_transaction($1, $2, $3)")
    }

    /// The columns of a summary; the time of change is that of the latest decision, which does not touch the row.
    private static let summary = """
        t.number, t.id, t.kind, t.label, t.state, t.started_ms,
        coalesce((SELECT d.at_ms FROM $schema$.transaction_decision d WHERE d.number = t.number
            ORDER BY d.position DESC LIMIT 1), t.changed_ms) AS changed_ms, t.holder
        """

    /// Bytes are put into hexadecimal form here, because a server may be set to write them in another.
    private static let record = """
        \(Self.summary), t.definition, t.version, '\\x' || encode(t.outline, 'hex'), '\\x' || encode(t.input, 'hex'), t.timeout_ns,
        '\\x' || encode(t.beginning, 'hex'), t.cancels,
        (SELECT string_agg('\\x' || encode(d.entries, 'hex'), ',' ORDER BY d.position)
            FROM $schema$.transaction_decision d WHERE d.number = t.number)
        """

    /// A page of each state, and of those the page of all.
    private static func page(_ condition: String, _ order: String) -> String {
        """
        SELECT x.* FROM unnest($1::smallint[]) AS s (state) CROSS JOIN LATERAL (
            SELECT \(Self.summary) FROM $schema$.distributed_transaction t
            WHERE t.state = s.state AND \(condition) LIMIT $3
        ) x ORDER BY x.\(order) LIMIT $3
        """
    }
}
#endif
