#if Postgres
import ColonyCore
import Synchronization

/// Lets calls through once the schema is there: looks on the first call of an engine, and makes or raises it if necessary.
///
/// Any number of processes may start at once: the statements run under an advisory lock of the server that ends with
/// their transaction, and whoever comes after the first does nothing.
final class SchemaGate: Sendable {
    private enum State {
        case closed
        case opening(Task<Result<Void, PostgresFailure>, Never>)
        case open
    }

    private let pool: PostgresPool
    private let part: SchemaPart
    private let state = Mutex(State.closed)

    init(_ pool: PostgresPool, of part: SchemaPart = .leases) {
        self.pool = pool
        self.part = part
    }

    /// Returns when the schema is there.
    func pass() async throws(PostgresFailure) {
        let task = self.state.withLock { state -> Task<Result<Void, PostgresFailure>, Never>? in
            switch state {
            case .open: return nil
            case .opening(let task): return task
            case .closed:
                // A task of its own: who comes at the same time waits for it too, and must not be cancelled with the first.
                let task = Task { await self.open() }
                state = .opening(task)
                return task
            }
        }
        if let task { try await task.value.get() }
    }

    private func open() async -> Result<Void, PostgresFailure> {
        do throws(PostgresFailure) {
            try await self.prepare()
            self.state.withLock { $0 = .open }
            return .success(())
        } catch {
            // The next call tries again.
            self.state.withLock { $0 = .closed }
            return .failure(error)
        }
    }

    private func prepare() async throws(PostgresFailure) {
        let settings = try await self.pool.run(
            script: """
                SELECT getdatabaseencoding(), current_setting('fsync'), current_setting('synchronous_commit'),
                    current_setting('server_version_num')
                """)
        let values = (settings.rows.first ?? []).map { $0 ?? "" }
        guard values.count == 4 else {
            throw PostgresFailure(kind: .unreachable, message: "the server did not tell its settings")
        }
        func refused(_ message: String) -> PostgresFailure {
            PostgresFailure(kind: .refused(sqlState: "55000"), message: message)
        }
        guard values[0] == "UTF8" else {
            throw refused("the database has the encoding \(values[0]); one that was created with UTF8 is needed")
        }
        guard let number = Int(values[3]), number >= 120_000 else {
            throw refused("the server is older than PostgreSQL 12")
        }
        if self.pool.options.durability == .synced {
            for (setting, value) in [("fsync", values[1]), ("synchronous_commit", values[2])] where value == "off" {
                throw refused(
                    "the server runs with \(setting) = off and may lose a grant that it has acknowledged; turn it on, "
                        + "or accept that with durability=any in the URL")
            }
        }
        if try await self.isCurrent() { return }
        _ = try await self.pool.run(script: self.migration)
    }

    /// - Throws: If the schema was made by a later version, whose rules this one does not know.
    private func isCurrent() async throws(PostgresFailure) -> Bool {
        let schema = self.pool.options.schema
        let found = try await self.pool.run(script: "SELECT to_regclass('\"\(schema)\".\(self.part.meta)') IS NOT NULL")
        guard found.rows.first?.first == "t" else { return false }
        let answer = try await self.pool.run(script: "SELECT max(version) FROM \"\(schema)\".\(self.part.meta)")
        guard let text = answer.rows.first?.first ?? nil, let version = Int(text) else { return false }
        guard version <= self.part.version else {
            throw PostgresFailure(
                kind: .refused(sqlState: "55000"),
                message:
                    "the tables of \(self.part.subject) in the schema \(schema) have version \(version), and this program "
                    + "knows \(self.part.version): they were made by a later version of Colony")
        }
        return version == self.part.version
    }

    /// One block, so one transaction, whose end is that of the lock. The key of the lock is the word "Colony" as a number.
    ///
    /// Who has waited for the lock looks again: to make the schema once more would change nothing, but it locks tables one after
    /// the other, and who already works with them locks them in another order.
    private var migration: String {
        let schema = self.pool.options.schema
        let (meta, version) = (self.part.meta, self.part.version)
        let statements = self.part.statements.replacing("$schema$", with: "\"\(schema)\"")
        return """
            DO $migration$
            BEGIN
                PERFORM pg_advisory_xact_lock(\(0x436F_6C6F_6E79));
                -- Read from the catalogue itself: what this session remembers of names is as old as the start of this statement.
                IF EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = '\(schema)' AND tablename = '\(meta)') THEN
                    IF (SELECT max(version) >= \(version) FROM "\(schema)".\(meta)) THEN
                        RETURN;
                    END IF;
                END IF;
                EXECUTE $statements$
                    CREATE SCHEMA IF NOT EXISTS "\(schema)";
                    CREATE TABLE IF NOT EXISTS "\(schema)".\(meta) (version int NOT NULL PRIMARY KEY);
                    \(statements)
                    INSERT INTO "\(schema)".\(meta) (version) VALUES (\(version)) ON CONFLICT DO NOTHING;
                $statements$;
            END
            $migration$
            """
    }
}
#endif
