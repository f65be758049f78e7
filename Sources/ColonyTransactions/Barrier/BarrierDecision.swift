/// What a participant does with a call: the decision of a barrier.
///
/// **The trouble.** Calls are repeated, overtake one another, and get lost. A participant therefore sees the same call several times; a
/// *cancel* whose *try* has never arrived, where there is nothing to give back; and that *try* afterwards, which must not reserve what nobody
/// will ever confirm or cancel.
///
/// **The idea.** In the database transaction that does the work, each call leaves a mark with its author, unless the mark is there. A cancel
/// leaves the mark of its try first and then its own. So whoever comes second finds who was there before:
///
/// | call | finds | and |
/// | --- | --- | --- |
/// | try, confirm | no mark of its own | does its work |
/// | try, confirm | its own mark | is a repetition |
/// | try | its own mark, left by the cancel | comes too late, and is refused |
/// | cancel | no mark of the try | has nothing to cancel |
/// | cancel | the mark of the try, and none of its own | does its work |
/// | cancel | both | is a repetition |
///
/// **No deadlock.** A cancel waits for the mark of its try before it holds anything, and a try never waits for a mark of the cancel, provided
/// that the barrier comes first in the transaction.
///
/// **How long.** A mark must outlive every repetition, also one that the network still holds when the transaction is over. It is therefore
/// removed only a good while after somebody has said that the transaction is over, and never because of its age alone.
///
/// - SeeAlso: Ye Dongfu, *dtm: sub-transaction barrier*, https://en.dtm.pub/practice/barrier.html; the marks are those of its
///   `client/dtmcli/barrier.go`. Beyond it, a try that hangs is told from one that is repeated, because the answers differ.
public enum BarrierDecision: String, Hashable, Sendable, CaseIterable {
    /// The work is to be done, in the transaction that holds the marks.
    case proceed
    /// It was done before. The answer is that of then.
    case repeated
    /// There is nothing to cancel. The answer is that of a success.
    case empty
    /// Its cancel was here first. It is refused.
    case hanging

    /// The marks that a call leaves, in this order, each unless it is there.
    public static func marks(of operation: BarrierCall.Operation) -> [BarrierCall.Operation] {
        operation == .cancel ? [.try, .cancel] : [operation]
    }

    /// Decides by the marks that a call has found.
    ///
    /// - Parameters:
    ///   - operation: What the call asks for.
    ///   - authors: Who had left the marks of ``marks(of:)``, in their order; `nil` for one that was not there, so that the call left it.
    public init(_ operation: BarrierCall.Operation, authors: [BarrierCall.Operation?]) {
        precondition(
            authors.count == Self.marks(of: operation).count,
            "a \(operation.rawValue) leaves \(Self.marks(of: operation).count) marks, and there are \(authors.count)")
        switch (operation, authors[0]) {
        case (.cancel, nil), (.cancel, .cancel):
            // Also when it is repeated: nothing was cancelled then, and nothing is now.
            self = .empty
        case (.cancel, _):
            self = authors[1] == nil ? .proceed : .repeated
        case (_, nil):
            self = .proceed
        case (_, .cancel):
            self = .hanging
        case (_, _):
            self = .repeated
        }
    }
}
