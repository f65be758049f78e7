/// What a person does about messages that were set aside.
public protocol OutboxAdministration: OutboxStore {
    /// Messages that are parked, in the order of their numbers.
    ///
    /// - Parameters:
    ///   - number: Only later ones; 0 for all.
    ///   - limit: The most that are told; from 1 to 1,000.
    /// - Throws: ``TransactionError``.
    func parked(after number: Int64, limit: Int) async throws(TransactionError) -> [ParkedMessage]

    /// Has a parked message tried again, in its old place: before everything of its queue that was written later and is still there.
    ///
    /// - Returns: Whether such a message was parked. Repeating the call gives `false`.
    /// - Throws: ``TransactionError``.
    func release(_ number: Int64) async throws(TransactionError) -> Bool

    /// Throws a parked message away.
    ///
    /// - Returns: Whether such a message was parked. Repeating the call gives `false`.
    /// - Throws: ``TransactionError``.
    func drop(_ number: Int64) async throws(TransactionError) -> Bool
}

/// A message that was set aside, with the reason.
public struct ParkedMessage: Hashable, Sendable {
    /// The message.
    public var message: OutboxMessage
    /// What its queue said.
    public var reason: String

    /// Puts the two together.
    public init(message: OutboxMessage, reason: String) {
        self.message = message
        self.reason = reason
    }
}
