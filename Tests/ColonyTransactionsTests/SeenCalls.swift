import ColonyResilience
import ColonyTransactions
import Synchronization

/// With what participants were called.
final class SeenCalls: Sendable {
    private let list = Mutex<[String]>([])

    var calls: [String] { self.list.withLock { $0 } }

    func add(_ key: IdempotencyKey, _ barrier: BarrierCall) {
        self.list.withLock { $0.append("\(key.rawValue) \(barrier)") }
    }
}
