/// The state of a transaction as tables have it; their indexes rely on these numbers: what is below 2 is worked on, and what is above
/// has ended.
package enum TransactionStateCode {
    package static func code(_ state: TransactionState) -> Int64 {
        switch state {
        case .running: 0
        case .compensating: 1
        case .stuck: 2
        case .completed: 3
        case .compensated: 4
        }
    }

    package static func state(_ code: Int64) -> TransactionState? {
        switch code {
        case 0: .running
        case 1: .compensating
        case 2: .stuck
        case 3: .completed
        case 4: .compensated
        default: nil
        }
    }
}
