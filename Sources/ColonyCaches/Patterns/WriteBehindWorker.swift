import ColonyCore
import Synchronization

/// The shell around ``WriteBehindQueue``: it calls the store, sleeps, and wakes those who wait.
final class WriteBehindWorker<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    typealias Change = WriteBehindChange<Key, Value>

    /// One who waits for room.
    private struct Waiter {
        let number: UInt64
        let key: Key
        let value: Value?
        let signal: OneShotSignal
    }

    /// One who waits until certain changes are over.
    private struct Flush {
        var needs: [Key: UInt64]
        var failures = 0
        let signal: OneShotSignal
    }

    private struct State {
        var queue: WriteBehindQueue<Key, Value>
        var waiters: [Waiter] = []
        /// Waiters that were told that the object is closed.
        var turnedAway: Set<UInt64> = []
        var flushes: [UInt64: Flush] = [:]
        /// How many changes were given up of those that a finished flush waited for.
        var flushed: [UInt64: Int] = [:]
        var drains: [OneShotSignal] = []
        var nextNumber: UInt64 = 0
        var task: Task<Void, Never>?
        /// Wakes the task from waiting for more changes.
        var bell: OneShotSignal?
        var lingerEnd: MonotonicInstant?
        var isHurried = false
        var isClosed = false
        /// The time of `close` was over: whatever the call under way comes to, its changes have been given up.
        var isAbandoned = false

        mutating func number() -> UInt64 {
            self.nextNumber += 1
            return self.nextNumber
        }

        /// Takes in those for whom there is room, in turn.
        mutating func admit() -> [OneShotSignal] {
            var admitted = 0
            while admitted < self.waiters.count,
                self.queue.add(self.waiters[admitted].key, self.waiters[admitted].value)
            {
                admitted += 1
            }
            defer { self.waiters.removeFirst(admitted) }
            return self.waiters[..<admitted].map(\.signal)
        }
    }

    let aside: CacheAside<Key, Value>
    private let options: WriteBehindOptions<Key, Value>
    private let store: @Sendable ([Change]) async throws -> Void
    private let state: Mutex<State>
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    init(
        aside: CacheAside<Key, Value>, options: WriteBehindOptions<Key, Value>,
        store: @escaping @Sendable ([Change]) async throws -> Void
    ) {
        self.aside = aside
        self.options = options
        self.store = store
        self.state = Mutex(State(queue: WriteBehindQueue(capacity: options.capacity)))
        self.generator = Mutex(options.generator)
    }

    func pending(_ key: Key) -> Change? { self.state.withLock { $0.queue.pending(key) } }

    var statistics: WriteBehindStatistics {
        self.state.withLock { state in
            var statistics = state.queue.statistics
            statistics.pending = state.queue.count
            return statistics
        }
    }

    // MARK: Taking changes

    private enum Admission {
        case taken(OneShotSignal?)
        case full
        case closed
        case waiting(UInt64, OneShotSignal, bell: OneShotSignal?)
    }

    func add(_ key: Key, _ value: Value?) async throws(CacheError) {
        let outcome = self.state.withLock { state -> Admission in
            if state.isClosed { return .closed }
            // Nobody overtakes those who wait for room, but a key that is in the line already needs none.
            let mayEnter = state.waiters.isEmpty || state.queue.pending(key) != nil
            if mayEnter, state.queue.add(key, value) {
                self.start(&state)
                return .taken(state.queue.waitingCount >= self.options.batchSize ? state.bell : nil)
            }
            if self.options.overload == .refuse {
                state.queue.countRefusal()
                return .full
            }
            let waiter = Waiter(number: state.number(), key: key, value: value, signal: OneShotSignal())
            state.waiters.append(waiter)
            return .waiting(waiter.number, waiter.signal, bell: state.bell)
        }
        switch outcome {
        case .taken(let bell):
            bell?.fire()
        case .closed:
            throw Self.closed
        case .full:
            throw CacheError(
                .overloaded, "\(self.options.capacity) keys have changes that are not written, which is the most")
        case .waiting(let number, let signal, let bell):
            bell?.fire()
            let isCancelled = (try? await signal.wait()) == nil
            let (isTurnedAway, hasLeft) = self.state.withLock { state in
                let place = isCancelled ? state.waiters.firstIndex { $0.number == number } : nil
                if let place { state.waiters.remove(at: place) }
                return (state.turnedAway.remove(number) != nil, place != nil)
            }
            if isTurnedAway { throw Self.closed }
            if hasLeft { throw CacheError(.cancelled, "cancelled while waiting for room; the change was not taken") }
        }
    }

    private static var closed: CacheError { CacheError(.closed, "the write-behind was closed") }

    // MARK: Waiting for the end

    func flush() async throws(CacheError) {
        let entered = self.state.withLock { state -> (UInt64, OneShotSignal, OneShotSignal?)? in
            let needs = state.queue.outstanding
            if needs.isEmpty { return nil }
            let (number, signal) = (state.number(), OneShotSignal())
            state.flushes[number] = Flush(needs: needs, signal: signal)
            return (number, signal, state.bell)
        }
        guard let (number, signal, bell) = entered else { return }
        bell?.fire()
        _ = try? await signal.wait()
        let failures = self.state.withLock { state in
            state.flushes[number] = nil
            return state.flushed.removeValue(forKey: number)
        }
        guard let failures else { throw CacheError(.cancelled, "cancelled while changes were being written") }
        if failures > 0 { throw CacheError(.unavailable, "\(failures) of the changes were given up") }
    }

    /// Has the worker write without waiting for more.
    func hurry() {
        self.state.withLock { state in
            state.isHurried = true
            return state.bell
        }?.fire()
    }

    func close(within limit: Duration) async -> Int {
        let deadline = self.options.clock.now.advanced(by: limit)
        let (drain, waiters) = self.state.withLock { state -> (OneShotSignal?, [Waiter]) in
            state.isClosed = true
            let waiters = state.waiters
            state.waiters = []
            for waiter in waiters { state.turnedAway.insert(waiter.number) }
            if state.queue.count == 0 { return (nil, waiters) }
            let drain = OneShotSignal()
            state.drains.append(drain)
            return (drain, waiters)
        }
        self.hurry()
        for waiter in waiters { waiter.signal.fire() }
        guard let drain else { return 0 }
        _ = try? await drain.wait(until: deadline, on: self.options.clock)
        let (changes, task, signals) = self.state.withLock { state -> ([Change], Task<Void, Never>?, [OneShotSignal]) in
            if state.queue.count == 0 { return ([], nil, []) }
            state.isAbandoned = true
            var signals = state.drains
            for (number, flush) in state.flushes {
                state.flushed[number] = flush.failures + flush.needs.count
                signals.append(flush.signal)
            }
            state.flushes = [:]
            state.drains = []
            return (state.queue.abandon(), state.task, signals)
        }
        task?.cancel()
        for change in changes { self.giveUp(change, Self.closed) }
        for signal in signals { signal.fire() }
        return changes.count
    }

    // MARK: The work

    /// Starts the task if there is none.
    private func start(_ state: inout State) {
        if state.task == nil { state.task = Task { await self.run() } }
    }

    private enum Step {
        case write([Key])
        case wait(OneShotSignal, until: MonotonicInstant)
        case end
    }

    private func run() async {
        while true {
            switch self.step() {
            case .end: return
            case .wait(let bell, let end): _ = try? await bell.wait(until: end, on: self.options.clock)
            case .write(let keys): await self.write(keys)
            }
        }
    }

    private func step() -> Step {
        let now = self.options.clock.now
        return self.state.withLock { state in
            state.bell = nil
            let count = state.queue.waitingCount
            if state.isAbandoned || count == 0 {
                state.task = nil
                state.lingerEnd = nil
                return .end
            }
            let end = state.lingerEnd ?? now.advanced(by: self.options.linger)
            let isAwaited = state.isHurried || !state.flushes.isEmpty || !state.waiters.isEmpty
            if isAwaited || count >= self.options.batchSize || end <= now {
                state.lingerEnd = nil
                return .write(state.queue.takeBatch(upTo: self.options.batchSize))
            }
            let bell = OneShotSignal()
            state.bell = bell
            state.lingerEnd = end
            return .wait(bell, until: end)
        }
    }

    /// Writes a batch; if it cannot be written as a whole, its changes one by one, so that a bad one holds up no other.
    private func write(_ keys: [Key]) async {
        let (changes, error) = await self.attempt(keys)
        guard error != nil, keys.count > 1 else { return self.settle(changes, error) }
        for key in keys {
            let (changes, error) = await self.attempt([key])
            self.settle(changes, error)
        }
    }

    private func attempt(_ keys: [Key]) async -> ([Change], (any Error)?) {
        var failures = 0
        while true {
            let changes = self.state.withLock { $0.queue.begin(keys) }
            if changes.isEmpty { return ([], nil) }
            do {
                try await self.store(changes)
                return (changes, nil)
            } catch {
                failures += 1
                if failures >= self.options.maximumAttempts { return (changes, error) }
                self.state.withLock { $0.queue.countRetry() }
                let delay = self.generator.withLock { self.options.backoff.delay(after: failures, using: &$0) }
                try? await self.options.clock.sleep(for: delay)
            }
        }
    }

    /// Brings the cache up to date, and tells those who wait.
    private func settle(_ changes: [Change], _ error: (any Error)?) {
        for change in changes {
            if self.state.withLock(\.isAbandoned) { return }
            // The cache first: as long as the change waits, look-ups do not ask the cache.
            if error == nil { self.publish(change) } else { self.aside.invalidate(change.key) }
            let signals = self.state.withLock { state -> [OneShotSignal]? in
                guard let number = state.queue.end(change.key, isWritten: error == nil) else { return nil }
                return self.settled(change.key, number, isWritten: error == nil, &state)
            }
            guard let signals else { return }
            if let error { self.options.onFailure?(WriteBehindFailure(change: change, error: error)) }
            for signal in signals { signal.fire() }
        }
    }

    private func publish(_ change: Change) {
        guard let value = change.value else { return self.aside.invalidate(change.key) }
        // Loads that began before the commit are refused; then the new value takes the place of what they left.
        self.aside.fills.revoke(change.key)
        self.aside.cache.set(change.key, to: value)
    }

    private func giveUp(_ change: Change, _ error: any Error) {
        self.aside.invalidate(change.key)
        self.options.onFailure?(WriteBehindFailure(change: change, error: error))
    }

    /// Who goes on now that a change is over.
    private func settled(_ key: Key, _ number: UInt64, isWritten: Bool, _ state: inout State) -> [OneShotSignal] {
        var signals = state.admit()
        for (flushNumber, var flush) in state.flushes {
            guard let needed = flush.needs[key], needed <= number else { continue }
            flush.needs[key] = nil
            if !isWritten { flush.failures += 1 }
            state.flushes[flushNumber] = flush.needs.isEmpty ? nil : flush
            if flush.needs.isEmpty {
                state.flushed[flushNumber] = flush.failures
                signals.append(flush.signal)
            }
        }
        if state.queue.count == 0 {
            signals += state.drains
            state.drains = []
        }
        return signals
    }
}
