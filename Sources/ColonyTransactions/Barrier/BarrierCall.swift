/// One call of a participant, as its barrier tells it from every other one.
///
/// However often a call is repeated, these three are the same. They are no secret, and a program in another language sends them along.
///
/// - Important: Transactions of all journals that reach one database need names of their own there.
public struct BarrierCall: Hashable, Sendable, Codable, CustomStringConvertible {
    /// What the participant is asked to do.
    public enum Operation: String, Hashable, Sendable, Codable, CaseIterable {
        /// To reserve; and the action of a step of a saga.
        case `try`
        /// To make a reservation good.
        case confirm
        /// To give a reservation back; and the compensation of a step of a saga.
        case cancel
    }

    /// Which transaction it belongs to.
    public var transaction: TransactionID
    /// Which branch of a TCC, or which step of a saga.
    public var branch: StepName
    /// What the participant is asked to do.
    public var operation: Operation

    /// Puts the parts together, for one that comes from outside.
    public init(transaction: TransactionID, branch: StepName, operation: Operation) {
        self.transaction = transaction
        self.branch = branch
        self.operation = operation
    }

    public var description: String { "\(self.operation.rawValue) of \(self.branch) in \(self.transaction)" }
}
