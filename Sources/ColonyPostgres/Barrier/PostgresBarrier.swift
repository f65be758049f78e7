#if Postgres
import ColonyCore
public import ColonyTransactions

/// Has each call of a participant take effect once, in *your* PostgreSQL database, in the transaction that does the work.
///
/// ```sql
/// BEGIN;
/// SELECT * FROM colony_barrier_enter('t-4711', 'seats', 'try');   -- (proceed, NULL): do the work
/// UPDATE seats SET free = free - 1 WHERE id = 7;
/// SELECT colony_barrier_keep('t-4711', 'seats', 'try', '"7A"');   -- what a repetition is answered with
/// COMMIT;
/// ```
///
/// A call that is repeated, a cancel without its try, and a try after its cancel do no work; why they come, and how they are told, is written
/// at ``/ColonyTransactions/BarrierDecision``. The marks are in the table `colony_barrier`, and are rolled back with the work.
///
/// **Your connection.** Everything here is a statement of your own transaction, for the client library, the language, and the pool of your
/// choice. ``once(_:running:_:)-(_,_,()->Value)`` puts them together for a client in Swift.
///
/// **Waiting.** A call that comes while another one of the same branch is at work waits for the end of its transaction, and then finds its
/// marks. Ask the barrier first in the transaction: then a try and its cancels never wait for one another in a circle. At `READ COMMITTED`
/// whoever waited goes on; at stricter levels the server ends its transaction with SQLSTATE 40001, and it is repeated.
///
/// **How long marks stay.** A mark stays until somebody has said with ``ending(_:)`` that its transaction is over, and after that for as
/// long as you choose for ``sweeping(endedFor:upTo:)``; take longer than a call can be on its way.
public enum PostgresBarrier {
    /// A statement with the values of its parameters, all of type `text`, for the client library of your choice.
    public struct Statement: Hashable, Sendable {
        /// With `$1`, `$2`, and so on in place of the values.
        public let sql: String
        /// The values.
        public let parameters: [String]
    }

    /// An answer of the server that is not one of the functions of ``installation``.
    public struct UnknownAnswer: Error, Hashable, Sendable, CustomStringConvertible {
        /// What came in the column `decision`.
        public let decision: String?

        public var description: String {
            "the barrier answered \(self.decision.map { "\"\($0)\"" } ?? "nothing"): its functions are not of this version"
        }
    }

    // MARK: The barrier

    /// The statement that leaves the marks of a call, and answers with one row: `decision`, a ``/ColonyTransactions/BarrierDecision``, and
    /// `result`, what was kept if it is `repeated`.
    public static func entry(of call: BarrierCall) -> Statement {
        Statement(
            sql: "SELECT decision, result FROM colony_barrier_enter($1::text, $2::text, $3::text)",
            parameters: [call.transaction.rawValue, call.branch.rawValue, call.operation.rawValue])
    }

    /// The statement that keeps what the work of a call gave, for repetitions.
    ///
    /// - Parameter result: Text of your choice; ``once(_:running:_:)-(_,_,()->Value)`` takes JSON.
    public static func keeping(_ result: String, of call: BarrierCall) -> Statement {
        Statement(
            sql: "SELECT colony_barrier_keep($1::text, $2::text, $3::text, $4::text)",
            parameters: [call.transaction.rawValue, call.branch.rawValue, call.operation.rawValue, result])
    }

    /// Reads the column `decision` of ``entry(of:)``.
    public static func decision(_ text: String?) throws(UnknownAnswer) -> BarrierDecision {
        guard let decision = text.flatMap({ BarrierDecision(rawValue: $0) }) else {
            throw UnknownAnswer(decision: text)
        }
        return decision
    }

    /// Does the work of a call unless it was done before, may not be done any more, or has nothing to undo.
    ///
    /// What the work gives is kept, so that a repetition gives the same.
    ///
    /// - Important: Call it inside a transaction, and let its error end that transaction: it takes back the marks with the work.
    /// - Parameters:
    ///   - call: Which call it is: `call.barrier` in a step, or what a program elsewhere has sent along.
    ///   - run: Runs a statement on the connection of the transaction, and returns the values of its rows as text.
    ///   - work: What to do, on the same connection. Its value is stored as JSON.
    /// - Throws: What the statements and the work throw; ``UnknownAnswer``; `DecodingError` if the kept value is of another type.
    /// - Complexity: Two round trips beside the work, or one if no work is done.
    @discardableResult
    public static func once<Value: Codable & Sendable>(
        _ call: BarrierCall, running run: (Statement) async throws -> [[String?]], _ work: () async throws -> Value
    ) async throws -> BarrierOutcome<Value> {
        let row = try await run(Self.entry(of: call)).first ?? []
        switch try Self.decision(row.first ?? nil) {
        case .proceed:
            let value = try await work()
            let text = String(decoding: try JSONCoding.encode(value), as: UTF8.self)
            _ = try await run(Self.keeping(text, of: call))
            return .done(value)
        case .repeated:
            let kept = row.count > 1 ? row[1] : nil
            return .repeated(try JSONCoding.decode(Value.self, from: Array((kept ?? "").utf8)))
        case .empty: return .empty
        case .hanging: return .hanging
        }
    }

    /// Does the work of a call that gives nothing, unless it was done before, may not be done any more, or has nothing to undo.
    ///
    /// - Complexity: One round trip beside the work.
    @discardableResult
    public static func once(
        _ call: BarrierCall, running run: (Statement) async throws -> [[String?]], _ work: () async throws -> Void
    ) async throws -> BarrierOutcome<Void> {
        switch try Self.decision(try await run(Self.entry(of: call)).first?.first ?? nil) {
        case .proceed:
            try await work()
            return .done(())
        case .repeated: return .repeated(())
        case .empty: return .empty
        case .hanging: return .hanging
        }
    }

    // MARK: The end of marks

    /// The statement that says of transactions that they are over: their coordinators will not call anybody any more. Saying it again changes
    /// nothing. Their marks stay nevertheless, for calls that are still on their way.
    public static func ending(_ transactions: [TransactionID]) -> Statement {
        Statement(
            sql: "UPDATE colony_barrier SET ended_at = now() WHERE tx = ANY ($1::text[]) AND ended_at IS NULL",
            parameters: [PostgresArray.text(transactions.map(\.rawValue))])
    }

    /// The statement that gives transactions, one a row, that have marks and of which nobody has said that they are over, in the order of
    /// their names.
    ///
    /// - Parameters:
    ///   - last: The last one of the page before.
    ///   - limit: The most that are given; at least 1.
    public static func transactions(after last: TransactionID? = nil, upTo limit: Int) -> Statement {
        Self.names(after: last?.rawValue, upTo: limit)
    }

    /// The same after any text, for a `BarrierSweeper`.
    static func names(after last: String?, upTo limit: Int) -> Statement {
        Statement(
            sql: """
                SELECT DISTINCT tx FROM colony_barrier WHERE tx > $1::text AND ended_at IS NULL ORDER BY tx LIMIT $2::text::bigint
                """, parameters: [last ?? "", "\(limit)"])
    }

    /// The statement that removes marks of transactions of which it was said so long ago that they are over: choose more than a call
    /// can be on its way, with all the queues and retries between coordinator and participant; a day, rather than a minute.
    ///
    /// - Parameters:
    ///   - age: How long ago; zero or more. By the clock of the server.
    ///   - limit: The most that are removed.
    public static func sweeping(endedFor age: Duration, upTo limit: Int) -> Statement {
        Statement(
            sql: """
                DELETE FROM colony_barrier WHERE (tx, branch, operation) IN (
                    SELECT tx, branch, operation FROM colony_barrier
                    WHERE ended_at < now() - $1::text::bigint * interval '1 microsecond' LIMIT $2::text::bigint
                    FOR UPDATE SKIP LOCKED)
                """, parameters: ["\(max(0, age.clampedNanoseconds / 1_000))", "\(limit)"])
    }
}
#endif
