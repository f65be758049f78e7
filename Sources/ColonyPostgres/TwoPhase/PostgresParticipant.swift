#if Postgres
public import ColonyCore
public import ColonyTransactions
import Synchronization

/// A PostgreSQL database that takes part in a two-phase commit, with `PREPARE TRANSACTION`.
///
/// ```swift
/// let accounts = try PostgresParticipant("accounts", url: "postgres://app:secret@db.example.com/accounts")
/// …
/// try await work.prepare(accounts) { database in
///     let row = try await database.query("SELECT balance FROM accounts WHERE id = $1 FOR UPDATE", ["7"]).rows.first
///     …
///     try await database.query("UPDATE accounts SET balance = $1 WHERE id = $2", ["900", "7"])
/// }
/// ```
///
/// - Important: The server must have `max_prepared_transactions` greater than zero, which it has not by itself; set it to the number of
///   transactions that may be prepared at a time, restart the server, and set it on standbys as well. A prepared transaction keeps its
///   locks, and keeps vacuum from what is newer, until it is ended, over restarts too: run an ``/ColonyTransactions/OrphanSweeper``, and watch
///   the ages that it reports. When not to use two-phase commit at all is told at ``/ColonyTransactions/TwoPhaseCommit``.
///
/// **Identifiers.** A transaction is prepared under `prefix:name:transaction`, so that the same transaction can be prepared by two databases of
/// one server. What has another prefix or name, or was prepared in another database, is never looked at. Several systems of coordinators on one
/// database, each with a journal of its own, need different prefixes.
///
/// **Connections.** Each work has a connection to itself from its first statement until it is prepared, of at most `options.connections`;
/// as many again, opened when they are needed, are for commits and aborts, which must not wait for works that may themselves wait for what
/// a prepared transaction has locked. One statement may take
/// `options.timeout`, and the whole ``workLimit``. What a work has set for its session, or locked for it, is cleared away when the work has
/// ended, before anybody else has its connection, and whether or not anybody comes.
///
/// Making a participant does no I/O; the first call connects.
public final class PostgresParticipant: TwoPhaseParticipant {
    /// What is done before the promise. Statements that end the transaction, and those that PostgreSQL does not prepare, such as `LISTEN` and
    /// what uses temporary tables, are not for it.
    public typealias Work = @Sendable (PostgresBranch) async throws -> Void

    /// What it is called in definitions and journals.
    public let name: StepName
    /// Where the server is and how it is used.
    public let options: PostgresOptions
    /// What its prepared transactions begin with, in the whole server.
    public let prefix: String
    /// How long the work may take from its first statement on; then the server rolls it back.
    public let workLimit: Duration

    /// For works.
    private let pool: PostgresPool
    /// For the ends of what is prepared. Were it the same, works that wait for the locks of a prepared transaction could keep every
    /// connection from those who would end it.
    private let endings: PostgresPool
    private let mayPrepare = Atomic(false)

    /// Makes a participant.
    ///
    /// - Parameters:
    ///   - name: What it is called in definitions and journals.
    ///   - prefix: 1 to 32 bytes of letters, digits, `_` and `-`.
    ///   - workLimit: Greater than zero.
    ///   - clock: What time limits are counted on; the host's clock outside tests.
    ///   - generator: Spreads attempts to connect.
    /// - Throws: `InvalidName` for another prefix, and for a name with a colon.
    public init(
        _ name: StepName, _ options: PostgresOptions, prefix: String = "colony", workLimit: Duration = .seconds(30),
        clock: any MonotonicClock = HostClock(),
        generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(InvalidName) {
        let isLegal = prefix.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-")
        }
        guard (1...32).contains(prefix.utf8.count), isLegal else {
            throw InvalidName(
                role: "prefix of prepared transactions", value: prefix,
                reason: "1 to 32 letters, digits, _ and - are taken")
        }
        // The name ends at the colon in that of a prepared transaction.
        guard !name.rawValue.utf8.contains(UInt8(ascii: ":")) else {
            throw InvalidName(role: "participant", value: name.rawValue, reason: "it has a colon")
        }
        precondition(workLimit > .zero, "the work of a participant cannot take \(workLimit)")
        self.name = name
        self.options = options
        self.prefix = prefix
        self.workLimit = workLimit
        self.pool = PostgresPool(options, channel: "colony_two_phase", clock: clock, generator: generator)
        var endings = options
        endings.connections = max(2, options.connections)
        self.endings = PostgresPool(endings, channel: "colony_two_phase", clock: clock, generator: generator)
    }

    /// Makes a participant from a URL; see ``PostgresOptions/init(url:)``.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(_ name: StepName, url: EngineURL, prefix: String = "colony") throws(InvalidName) {
        try self.init(name, try PostgresOptions(url: url), prefix: prefix)
    }

    /// Refuses what comes later, lets what is under way end, and disconnects. What is prepared stays prepared.
    public func close() async {
        await self.pool.close()
        await self.endings.close()
    }

    // MARK: The first phase

    /// Does the work in a transaction of its own, and prepares it.
    ///
    /// - Throws: What the work throws; ``/ColonyTransactions/TwoPhaseError``: `unsupported` says what to set on the server, `invalidRequest` that
    ///   the name of the prepared transaction would be too long. A work that swallowed the error of a statement is `refused`.
    /// - Complexity: One round trip beside the work; one more the first time.
    public func prepare(_ transaction: TransactionID, _ work: Work) async throws {
        let identifier = try self.identifier(of: transaction)
        try await self.checkServer()
        let session = PostgresSession(on: self.pool, upTo: self.workLimit)
        do {
            try await work(PostgresBranch(session: session, place: self.options.description))
            let answer = try await self.reporting { () throws(PostgresFailure) in
                try await session.end(by: "PREPARE TRANSACTION \(identifier)")
            }
            // A transaction in which a statement has failed is rolled back instead, and that is no error to the server.
            guard answer.command == "PREPARE TRANSACTION" else {
                throw TwoPhaseError(
                    .refused, "\(self.options): a statement of the work has failed, so it was rolled back")
            }
        } catch {
            await session.rollBack()
            throw error
        }
    }

    // MARK: The second phase

    /// Commits what was prepared; succeeds also if there is nothing, because it was committed before.
    public func commit(_ transaction: TransactionID) async throws(TwoPhaseError) {
        try await self.end("COMMIT", transaction)
    }

    /// Takes back what was prepared; succeeds also if there is nothing.
    public func abort(_ transaction: TransactionID) async throws(TwoPhaseError) {
        try await self.end("ROLLBACK", transaction)
    }

    private func end(_ verb: String, _ transaction: TransactionID) async throws(TwoPhaseError) {
        let identifier = try self.identifier(of: transaction)
        do {
            _ = try await self.endings.run(script: "\(verb) PREPARED \(identifier)")
        } catch {
            // There is none: it was ended before, or was never prepared.
            if error.sqlState == "42704" { return }
            throw TwoPhaseError(error, at: self.options.description)
        }
    }

    /// What is prepared here under the prefix and the name of this participant, the oldest first, with its age by the server's clock.
    public func inDoubt(upTo limit: Int) async throws(TwoPhaseError) -> [PreparedBranch] {
        let beginning = "\(self.prefix):\(self.name):"
        let answer = try await self.reporting { () throws(PostgresFailure) in
            try await self.endings.perform(
                .direct(
                    """
                    SELECT substr(gid, length($1::text) + 1), (extract(epoch FROM now() - prepared) * 1000000)::bigint
                    FROM pg_prepared_xacts WHERE starts_with(gid, $1::text) AND database = current_database()
                    ORDER BY prepared LIMIT $2::bigint
                    """, [beginning, "\(max(1, limit))"]))
        }
        // What is not of this form is nobody's that could be found in a journal.
        return answer.rows.compactMap { row in
            guard row.count == 2, let id = row[0].flatMap({ try? TransactionID($0) }),
                let age = row[1].flatMap({ Int64($0) })
            else { return nil }
            return PreparedBranch(transaction: id, age: .microseconds(max(0, age)))
        }
    }

    // MARK: The server

    /// The name of a prepared transaction, as a literal.
    private func identifier(of transaction: TransactionID) throws(TwoPhaseError) -> String {
        let text = "\(self.prefix):\(self.name):\(transaction)"
        guard text.utf8.count < 200 else {
            throw TwoPhaseError(
                .invalidRequest,
                "PostgreSQL takes 199 bytes for the name of a prepared transaction, and \"\(text)\" is longer")
        }
        return "E'\(PostgresQuoting.literal(text))'"
    }

    private func checkServer() async throws(TwoPhaseError) {
        if self.mayPrepare.load(ordering: .relaxed) { return }
        let answer = try await self.reporting { () throws(PostgresFailure) in
            try await self.endings.run(
                script: "SELECT current_setting('max_prepared_transactions'), current_setting('fsync')")
        }
        guard let row = answer.rows.first, row.count == 2, let most = row[0].flatMap({ Int($0) }) else {
            throw TwoPhaseError(.unavailable, "\(self.options): the server did not tell its settings")
        }
        guard most > 0 else {
            throw TwoPhaseError(
                .unsupported,
                "\(self.options): the server prepares no transactions: set max_prepared_transactions to the number that may be "
                    + "prepared at a time, such as that of max_connections, and restart it")
        }
        guard row[1] != "off" || self.options.durability == .any else {
            throw TwoPhaseError(
                .unsupported,
                "\(self.options): the server runs with fsync = off and may lose what it has promised; turn it on, or accept that "
                    + "with durability=any in the URL")
        }
        self.mayPrepare.store(true, ordering: .relaxed)
    }

    private func reporting<Value>(
        _ body: () async throws(PostgresFailure) -> Value
    ) async throws(TwoPhaseError) -> Value {
        do {
            return try await body()
        } catch {
            throw TwoPhaseError(error, at: self.options.description)
        }
    }
}

extension TwoPhaseError {
    /// What a failure means to one who prepares or ends a transaction.
    ///
    /// - Parameter place: The URL of the server without its password.
    init(_ failure: PostgresFailure, at place: String) {
        guard case .refused(let state) = failure.kind else {
            switch failure.kind {
            case .cancelled: self.init(.cancelled, "\(place): \(failure.message)")
            case .closed: self.init(.closed, "the participant on \(place) was closed")
            default: self.init(.unavailable, "\(place): \(failure.message)")
            }
            return
        }
        let code: Code
        var advice = ""
        switch state {
        case "53200" where failure.message.contains("prepared transactions"):
            code = .unavailable
            advice = " – raise max_prepared_transactions, and see to those that nobody ends"
        // Somebody else is ending it at this moment.
        case "55000" where failure.message.contains("busy"): code = .unavailable
        case "55000", "0A000": code = .unsupported
        case "57014", "57P01", "57P02", "57P03", "57P05", "53300": code = .unavailable
        case _ where state.hasPrefix("08"): code = .unavailable
        case _ where ["53", "58", "XX", "28", "3D"].contains(String(state.prefix(2))): code = .storageFailed
        case "42501", "25006": code = .storageFailed
        default: code = .refused
        }
        self.init(code, "\(place): \(failure.message)\(advice)", cause: SQLState(rawValue: state))
    }
}
#endif
