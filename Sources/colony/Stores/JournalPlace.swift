import ColonyCore
import ColonyMemory
import ColonySQLite
import ColonyTransactions

#if Postgres
import ColonyPostgres
#endif

extension StorePlace {
    /// The journal of transactions at this place, or `nil` if it has none. Nothing is opened yet, but the data directory is made.
    func makeJournal() throws -> (any TransactionAdministration)? {
        switch self {
        case .file(let directory):
            try directory.create()
            return SQLiteTransactionJournal(path: directory.store)
        case .url(let url) where url.scheme == "sqlite":
            return SQLiteTransactionJournal(path: url.path)
        case .url(let url) where url.scheme == "memory":
            return MemoryTransactionJournal()
        case .url(let url):
            return try Self.postgresJournal(url)
        }
    }

    /// Closes a journal after the last call.
    static func close(_ journal: any TransactionAdministration) async {
        if let journal = journal as? SQLiteTransactionJournal { await journal.close() }
        #if Postgres
        if let journal = journal as? PostgresTransactionJournal { await journal.close() }
        #endif
    }

    /// A journal on PostgreSQL; `nil` for another kind of server, or if this build has none.
    private static func postgresJournal(_ url: EngineURL) throws -> (any TransactionAdministration)? {
        #if Postgres
        guard EngineCatalogue.entry(url.scheme)?.schemes.contains("postgres") == true else { return nil }
        do {
            return try PostgresTransactionJournal(url: url)
        } catch {
            throw Failure("invalid_request", "\(error)", exitCode: .usage)
        }
        #else
        return nil
        #endif
    }
}
