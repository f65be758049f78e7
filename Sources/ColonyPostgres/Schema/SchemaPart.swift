#if Postgres
/// Tables that are made and raised together, with a version of their own: who uses only some of them is not kept out by a later version of
/// the others.
struct SchemaPart: Sendable {
    /// What the tables are of, for errors.
    let subject: String
    /// The table that keeps the version.
    let meta: String
    /// Raised with every change of the statements.
    let version: Int
    /// What makes the tables, with `$schema$` for the name of the schema.
    let statements: String

    /// Leases, permits, and the registry.
    static let leases = SchemaPart(
        subject: "leases", meta: "meta", version: LeaseSchema.version, statements: LeaseSchema.statements)
    /// Transactions and their coordinators.
    static let transactions = SchemaPart(
        subject: "transactions", meta: "transaction_meta", version: TransactionSchema.version,
        statements: TransactionSchema.statements)
}
#endif
