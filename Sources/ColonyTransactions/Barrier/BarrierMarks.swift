/// The marks of a barrier in a participant's own database, as the one sees them who clears them away: the port under ``BarrierSweeper``.
public protocol BarrierMarks: Sendable {
    /// The names of transactions that have marks and of which nobody has said that they are over, in their order.
    ///
    /// They are given as they are, also those that are no ``TransactionID``: one row of somebody else's making keeps no others from being
    /// cleared away.
    ///
    /// - Parameters:
    ///   - last: The last one of the page before.
    ///   - limit: The most that are given; at least 1.
    func transactions(after last: String?, upTo limit: Int) async throws -> [String]

    /// Says of transactions that they are over. Repeating it changes nothing, and the marks stay for calls that are still on their way.
    func end(_ transactions: [TransactionID]) async throws

    /// Removes marks of transactions of which it was said at least `age` ago that they are over.
    ///
    /// - Parameter limit: The most marks that are removed; at least 1.
    /// - Returns: How many were removed; fewer than `limit` if there are no more.
    func sweep(endedFor age: Duration, upTo limit: Int) async throws -> Int
}
