#if Postgres
import ColonyCore
public import ColonyTransactions

/// The transaction of a ``PostgresParticipant`` before it is prepared, for the work in it.
public struct PostgresBranch: Sendable {
    /// What a statement gave.
    public struct Answer: Hashable, Sendable {
        /// The values of each row, as PostgreSQL writes them.
        public let rows: [[String?]]
        /// What the server says that it has done, such as `UPDATE 3`.
        public let command: String

        /// How many rows the statement has changed, or has given.
        public var count: Int { self.command.split(separator: " ").last.flatMap { Int($0) } ?? 0 }
    }

    let session: PostgresSession
    let place: String

    /// Runs one statement. Statements of one work come one after the other.
    ///
    /// - Parameters:
    ///   - sql: With `$1`, `$2`, and so on in place of values.
    ///   - parameters: The values as text, whose types the server takes from the statement; `nil` for `NULL`.
    /// - Throws: ``/ColonyTransactions/TwoPhaseError``: `refused` with the ``SQLState`` as its cause, after which the transaction takes no more
    ///   statements and is not prepared; `invalidRequest` for a text with a NUL character; `unavailable` if the server is gone or took too
    ///   long.
    /// - Complexity: One round trip.
    @discardableResult
    public func query(_ sql: String, _ parameters: [String?] = []) async throws(TwoPhaseError) -> Answer {
        // The client library ends a text there, and the server would be given another one.
        for text in [sql] + parameters.compactMap({ $0 }) where text.utf8.contains(0) {
            throw TwoPhaseError(
                .invalidRequest,
                "\(String(text.prefix(100)).debugDescription) has a NUL character, which PostgreSQL does not keep")
        }
        do {
            let answer = try await self.session.query(sql, parameters)
            return Answer(rows: answer.rows, command: answer.command)
        } catch {
            throw TwoPhaseError(error, at: self.place)
        }
    }
}
#endif
