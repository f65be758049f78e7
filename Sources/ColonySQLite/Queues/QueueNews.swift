import ColonyCore
import ColonyQueues
import Synchronization

/// Who waits for something to happen in a queue or in the topics of this file, in this process.
///
/// Commits of this process tell those who wait for exactly these queues. When another process has rung the bell, the queues that are
/// waited for are looked at.
final class QueueNews: Sendable {
    private struct Waiter {
        let signal: OneShotSignal
        let seen: Int64
    }

    private struct State {
        var waiters: [QueueName: [Waiter]] = [:]
        var topics: [Waiter] = []
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
        self.watch = BellWatch(bell: store.file.bell) {
            waiting.state.withLock { !$0.waiters.isEmpty || !$0.topics.isEmpty }
        }
    }

    /// Notes that somebody who has seen so many changes waits for more.
    func add(_ signal: OneShotSignal, to queue: QueueName, seen: Int64) {
        self.waiting.state.withLock { $0.waiters[queue, default: []].append(Waiter(signal: signal, seen: seen)) }
        self.watch.run { [weak self] in self?.bellRang() }
    }

    func remove(_ signal: OneShotSignal, from queue: QueueName) {
        self.waiting.state.withLock { state in
            state.waiters[queue]?.removeAll { $0.signal === signal }
            if state.waiters[queue]?.isEmpty == true { state.waiters[queue] = nil }
        }
    }

    /// A commit of this process has changed these queues.
    func announce(_ queues: [QueueName]) {
        let waiters = self.waiting.state.withLock { state in
            queues.flatMap { state.waiters.removeValue(forKey: $0) ?? [] }
        }
        for waiter in waiters { waiter.signal.fire() }
    }

    // MARK: Topics

    /// Notes that somebody waits for what is published to topics after a place.
    func addTopics(_ signal: OneShotSignal, seen: Int64) {
        self.waiting.state.withLock { $0.topics.append(Waiter(signal: signal, seen: seen)) }
        self.watch.run { [weak self] in self?.bellRang() }
    }

    func removeTopics(_ signal: OneShotSignal) {
        self.waiting.state.withLock { $0.topics.removeAll { $0.signal === signal } }
    }

    /// Something was published to topics, up to this place.
    func announceTopics(upTo last: Int64) {
        let told = self.waiting.state.withLock { state in
            let told = state.topics.filter { $0.seen < last }
            state.topics.removeAll { $0.seen < last }
            return told
        }
        for waiter in told { waiter.signal.fire() }
    }

    // MARK: Other processes

    /// Looks at what another process may have committed, once for any number of rings.
    private func bellRang() {
        let mustLook = self.waiting.state.withLock { state in
            state.looksAgain = state.isLooking
            defer { state.isLooking = true }
            return !state.isLooking
        }
        if mustLook { self.look() }
    }

    private static let dataVersion = SQL("PRAGMA data_version")
    private static let selectChanges = SQL("SELECT changes FROM queue WHERE name = ?")

    private func look() {
        self.writer.submit(.readOnly) { transaction throws(StoreError) -> (changes: [QueueName: Int64], last: Int64?) in
            // The version changes with the commits of other connections only, so that our own rings end here.
            let version = try transaction.connection.prepared(Self.dataVersion)
            defer { version.reset() }
            guard try version.step() else { return ([:], nil) }
            let seen = (generation: transaction.connection.generation, version: version.integer(0))
            let (names, asksForTopics) = self.waiting.state.withLock { state -> ([QueueName], Bool) in
                defer { state.seen = seen }
                let isNew = state.seen.map { $0 != seen } ?? true
                return isNew ? (Array(state.waiters.keys), !state.topics.isEmpty) : ([], false)
            }
            var changes: [QueueName: Int64] = [:]
            for name in names {
                let statement = try transaction.connection.prepared(Self.selectChanges)
                defer { statement.reset() }
                statement.bind(name.rawValue, at: 1)
                if try statement.step() { changes[name] = statement.integer(0) }
            }
            let last = asksForTopics ? try TopicState.read(on: transaction.connection).last : nil
            return (changes, last)
        } completion: { result in
            // A look that failed is made up for by the next; whoever waits asks again when its time is over.
            let found = try? result.get()
            let changes = found?.changes ?? [:]
            if let last = found?.last { self.announceTopics(upTo: last) }
            let (told, mustLook) = self.waiting.state.withLock { state -> ([Waiter], Bool) in
                var told: [Waiter] = []
                for (name, count) in changes {
                    told += state.waiters[name]?.filter { $0.seen != count } ?? []
                }
                defer { state.looksAgain = false }
                state.isLooking = state.looksAgain
                return (told, state.looksAgain)
            }
            for waiter in told { waiter.signal.fire() }
            if mustLook { self.look() }
        }
    }
}
