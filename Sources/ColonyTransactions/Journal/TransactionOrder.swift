/// In which order an operator wants to see transactions: what is stuck first, then what is open, the oldest first; then what has ended,
/// the newest first.
package enum TransactionOrder {
    package static func comes(_ first: TransactionSummary, before second: TransactionSummary) -> Bool {
        let (one, two) = (Self.rank(first.state), Self.rank(second.state))
        if one != two { return one < two }
        return first.state.isFinal ? first.number > second.number : first.number < second.number
    }

    package static func rank(_ state: TransactionState) -> Int {
        switch state {
        case .stuck: 0
        case .running, .compensating: 1
        case .completed, .compensated: 2
        }
    }
}
