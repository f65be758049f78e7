import ColonyCore
import ColonyTransactions
import Synchronization

/// Who waits, in this process, for a transaction to change.
///
/// Commits of this process tell those who wait for the transaction. When another process has rung the bell and the file has changed, all who
/// wait look again.
final class TransactionNews: Sendable {
    private struct State {
        var waiters: [TransactionID: [OneShotSignal]] = [:]
        var isLooking = false
        var looksAgain = false
        /// The last version of the file that was looked at, and on which connection.
        var seen: (generation: Int, version: Int64)?
    }

    /// Apart from the object, so that the watch can look at it as long as it lives.
    private final class Waiting: Sendable {
        let state = Mutex(State())
    }

    private let writer: GroupCommitWriter
    private let waiting = Waiting()
    private let watch: BellWatch

    init(store: Store) {
        let waiting = self.waiting
        self.writer = store.writer
        self.watch = BellWatch(bell: store.file.bell) { waiting.state.withLock { !$0.waiters.isEmpty } }
    }

    func add(_ signal: OneShotSignal, to transaction: TransactionID) {
        self.waiting.state.withLock { $0.waiters[transaction, default: []].append(signal) }
        self.watch.run { [weak self] in self?.bellRang() }
    }

    func remove(_ signal: OneShotSignal, from transaction: TransactionID) {
        self.waiting.state.withLock { state in
            state.waiters[transaction]?.removeAll { $0 === signal }
            if state.waiters[transaction]?.isEmpty == true { state.waiters[transaction] = nil }
        }
    }

    /// A commit of this process has changed a transaction.
    func announce(_ transaction: TransactionID) {
        let waiters = self.waiting.state.withLock { $0.waiters.removeValue(forKey: transaction) ?? [] }
        for waiter in waiters { waiter.fire() }
    }

    /// Looks whether another process has committed, once for any number of rings.
    private func bellRang() {
        let mustLook = self.waiting.state.withLock { state in
            state.looksAgain = state.isLooking
            defer { state.isLooking = true }
            return !state.isLooking
        }
        if mustLook { self.look() }
    }

    private static let dataVersion = SQL("PRAGMA data_version")

    private func look() {
        self.writer.submit(.readOnly) { transaction throws(StoreError) -> (generation: Int, version: Int64)? in
            // The version changes with the commits of other connections only, so that our own rings end here.
            let version = try transaction.connection.prepared(Self.dataVersion)
            defer { version.reset() }
            guard try version.step() else { return nil }
            return (transaction.connection.generation, version.integer(0))
        } completion: { result in
            // A look that failed is made up for by the next; whoever waits asks again when its time is over.
            let found = try? result.get()
            let (told, mustLook) = self.waiting.state.withLock { state -> ([OneShotSignal], Bool) in
                var told: [OneShotSignal] = []
                if let found, state.seen.map({ $0 != found }) ?? true {
                    state.seen = found
                    told = state.waiters.values.flatMap { $0 }
                    state.waiters = [:]
                }
                defer { state.looksAgain = false }
                state.isLooking = state.looksAgain
                return (told, state.looksAgain)
            }
            for waiter in told { waiter.fire() }
            if mustLook { self.look() }
        }
    }
}
