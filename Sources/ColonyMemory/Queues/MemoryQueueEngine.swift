public import ColonyCore
public import ColonyQueues
import Synchronization

/// Queues in the memory of this process: the reference engine, for tests and for work that may be lost with the process.
///
/// One mutex guards all queues, so that a dead letter changes its queue within one step. Both clocks are read under it.
///
/// - Complexity: Publishing and delivering O(log *n*) in the depth of the queue; giving up the oldest for room O(*n*).
public final class MemoryQueueEngine: QueueEngine {
    struct State {
        var queues: [QueueName: MemoryQueue] = [:]
        var changes: [QueueName: Int64] = [:]
        var waiters: [QueueName: [OneShotSignal]] = [:]
        var lastID: Int64 = 0
        var schedules: [ScheduleName: ScheduleRecord] = [:]
        /// How often one was put or removed.
        var scheduleChanges: Int64 = 0
        /// Other queues that the operation under way has changed; empty between operations.
        var touched: Set<QueueName> = []
        var chance: any RandomNumberGenerator & Sendable
    }

    private let clock: any MonotonicClock
    private let wallClock: any WallClock
    let state: Mutex<State>

    /// Makes an engine without queues.
    ///
    /// - Parameters:
    ///   - clock: What leases, delays, and rests are measured by.
    ///   - wallClock: What civil times are compared with.
    ///   - generator: What the numbers in receipts are drawn from.
    public init(
        clock: any MonotonicClock = HostClock(), wallClock: any WallClock = SystemWallClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.clock = clock
        self.wallClock = wallClock
        self.state = Mutex(State(chance: generator))
    }

    /// Messages are gone with the process.
    public var durability: Durability { .memory }

    /// Makes a queue, or finds that it is there with equal settings.
    @discardableResult
    public func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        try QueueRequests.check(settings, of: queue)
        let present = self.state.withLock { state -> QueueSettings? in
            if let present = state.queues[queue] { return present.settings }
            state.queues[queue] = MemoryQueue(queue, settings)
            return nil
        }
        guard let present else { return true }
        try QueueRequests.check(settings, against: present, of: queue)
        return false
    }

    /// Stores messages in their order, up to the first for which there is no room.
    ///
    /// - Complexity: O(log *n*) per message; O(*n*) where the oldest is given up for room.
    public func publish(
        _ messages: [OutgoingMessage], to queue: QueueName
    ) async throws(QueueError) -> [PublishOutcome] {
        try QueueRequests.check(messages)
        return try self.change(queue) { state, queue, now in
            var lastID = state.lastID
            let outcomes = queue.publish(messages, at: now) {
                lastID += 1
                return MessageID(rawValue: lastID)
            }
            state.lastID = lastID
            return (outcomes, outcomes.contains { if case .stored = $0 { true } else { false } })
        }
    }

    /// Hands out messages whose time has come, each for the time of a lease.
    public func receive(
        _ limit: Int, from queue: QueueName, lease: Duration
    ) async throws(QueueError) -> [Delivery] {
        try QueueRequests.check(batch: limit)
        try QueueRequests.check(lease: lease)
        return try self.change(queue) { state, queue, now in
            (queue.receive(limit, lease: lease, at: now, using: &state.chance), false)
        }
    }

    /// Says how deliveries ended or that they go on.
    public func settle(
        _ settlements: [Settlement], in queue: QueueName
    ) async throws(QueueError) -> [SettlementOutcome] {
        try QueueRequests.check(settlements)
        return try self.change(queue) { _, queue, now in
            (settlements.map { queue.settle($0, at: now) }, true)
        }
    }

    /// Takes messages back that are with no consumer.
    public func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try QueueRequests.check(batch: ids.count)
        return try self.change(queue) { _, queue, _ in (queue.cancel(ids), true) }
    }

    /// Waits until there may be something new, also by the passing of time.
    public func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        let deadline = self.clock.now.advanced(by: limit)
        let signal = OneShotSignal()
        let (changes, due) = try self.look(queue, waitingWith: signal)
        defer { self.forget(signal, of: queue) }
        if changes != seen || limit <= .zero { return changes }
        do {
            _ = try await signal.wait(until: min(deadline, due ?? deadline), on: self.clock)
        } catch {
            throw QueueError(.cancelled, "the wait for the queue \"\(queue)\" was cancelled", cause: error)
        }
        return try self.look(queue, waitingWith: nil).changes
    }
}

extension MemoryQueueEngine {
    /// Does something to a queue as of now, carries its dead letters over, and tells those who wait.
    func change<Value: Sendable>(
        _ name: QueueName, _ body: (inout State, inout MemoryQueue, MemoryQueue.Times) -> (Value, isNews: Bool)
    ) throws(QueueError) -> Value {
        var signals: [OneShotSignal] = []
        let value = self.state.withLock { state -> Value? in
            guard var queue = state.queues[name] else { return nil }
            let now = MemoryQueue.Times(monotonic: self.clock.now, wall: self.wallClock.now)
            // Also when somebody only looks: who was given nothing before must hear of it.
            let hasBecomeDue = queue.advance(to: now)
            let (value, isNews) = body(&state, &queue, now)
            let leaving = queue.takeLeaving()
            if let target = queue.settings.deadLetterQueue, state.queues[target] != nil {
                for letter in leaving { state.queues[target]?.take(letter, at: now) }
                if !leaving.isEmpty { signals += Self.announce(target, in: &state) }
            } else {
                for letter in leaving { queue.park(letter) }
            }
            state.queues[name] = queue
            for other in state.touched { signals += Self.announce(other, in: &state) }
            state.touched = []
            if isNews || hasBecomeDue { signals += Self.announce(name, in: &state) }
            return value
        }
        for signal in signals { signal.fire() }
        guard let value else { throw QueueRequests.unknown(name) }
        return value
    }

    static func announce(_ name: QueueName, in state: inout State) -> [OneShotSignal] {
        state.changes[name, default: 0] += 1
        return state.waiters.removeValue(forKey: name) ?? []
    }

    private func look(
        _ name: QueueName, waitingWith signal: OneShotSignal?
    ) throws(QueueError) -> (changes: Int64, due: MonotonicInstant?) {
        let found = self.state.withLock { state -> (changes: Int64, due: MonotonicInstant?)? in
            guard let queue = state.queues[name] else { return nil }
            if let signal { state.waiters[name, default: []].append(signal) }
            let now = MemoryQueue.Times(monotonic: self.clock.now, wall: self.wallClock.now)
            return (state.changes[name] ?? 0, queue.nextDue(from: now))
        }
        guard let found else { throw QueueRequests.unknown(name) }
        return found
    }

    private func forget(_ signal: OneShotSignal, of name: QueueName) {
        self.state.withLock { state in
            state.waiters[name]?.removeAll { $0 === signal }
            if state.waiters[name]?.isEmpty == true { state.waiters[name] = nil }
        }
    }
}
