#if ZooKeeper
import ColonyCore
import Synchronization

/// Values that are due at some moment, and one task that waits for the earliest.
///
/// - Complexity: Setting and cancelling are O(log *n*). One task sleeps, however many alarms are set.
final class Alarms<Value: Sendable>: Sendable {
    private struct Alarm: Sendable {
        let number: UInt64
        let value: Value
    }

    private struct State {
        var heap = DeadlineHeap<Alarm>()
        var entries: [UInt64: DeadlineHeap<Alarm>.Entry] = [:]
        var lastNumber: UInt64 = 0
        /// Until when the task sleeps, or `nil` while there is none.
        var sleepsUntil: MonotonicInstant?
        /// Which task is the present one; a former one that wakes up finds another number.
        var generation: UInt64 = 0
        var task: Task<Void, Never>?
    }

    private let clock: any MonotonicClock
    private let fire: @Sendable (Value) -> Void
    private let state = Mutex(State())

    /// - Parameter fire: Called for each value that is due, on the thread of the engines.
    init(clock: any MonotonicClock, fire: @escaping @Sendable (Value) -> Void) {
        self.clock = clock
        self.fire = fire
    }

    deinit {
        self.state.withLock { $0.task }?.cancel()
    }

    /// - Returns: A number above zero, for ``cancel(_:)``.
    func set(_ value: Value, at deadline: MonotonicInstant) -> UInt64 {
        self.state.withLock { state in
            state.lastNumber += 1
            let number = state.lastNumber
            state.entries[number] = state.heap.insert(Alarm(number: number, value: value), at: deadline)
            if let end = state.sleepsUntil, end <= deadline { return number }
            state.task?.cancel()
            state.generation += 1
            state.sleepsUntil = deadline
            let generation = state.generation
            let clock = self.clock
            state.task = Task(executorPreference: ZooKeeperThread.executor) { [weak self] in
                while let end = self?.nextEnd(generation) {
                    try? await clock.sleep(until: end, tolerance: nil)
                    self?.fireDue(generation)
                }
            }
            return number
        }
    }

    func cancel(_ number: UInt64) {
        self.state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: number) else { return }
            state.heap.remove(entry)
        }
    }

    private func nextEnd(_ generation: UInt64) -> MonotonicInstant? {
        self.state.withLock { state in
            guard state.generation == generation else { return nil }
            state.sleepsUntil = state.heap.earliest
            if state.sleepsUntil == nil { state.task = nil }
            return state.sleepsUntil
        }
    }

    private func fireDue(_ generation: UInt64) {
        let due = self.state.withLock { state -> [Value] in
            var due: [Value] = []
            guard state.generation == generation else { return due }
            let now = self.clock.now
            while let entry = state.heap.popDue(at: now) {
                state.entries[entry.value.number] = nil
                due.append(entry.value.value)
            }
            return due
        }
        for value in due { self.fire(value) }
    }
}

/// The thread on which deadlines are kept and nodes are cleaned up, whatever the application does to the global pool.
enum ZooKeeperThread {
    static let executor = DedicatedExecutor(named: "colony-zk")
}
#endif
