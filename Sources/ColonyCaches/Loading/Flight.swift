import ColonyCore
import Synchronization

/// One load of one key, and those who wait for it.
///
/// It belongs to nobody among them: whoever came first may leave like everybody else. When the last one leaves, the load
/// is stopped, unless the cache itself wants it (`isKept`): a reload behind a value that is served, or a load that has gone
/// past a time-out.
final class Flight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// What a waiter is told.
    enum Outcome: Sendable {
        /// The load came to a value, or to nothing.
        case loaded(Value?)
        /// The load failed.
        case failed(any Error)
        /// The load takes longer than the soft time-out, and the waiter has a stale value.
        case slow
        /// The load takes longer than the hard time-out.
        case timedOut
        /// The waiter was cancelled; if it was the last one, it must stop the flight.
        case cancelled(mustStop: Bool)
    }

    typealias Waiter = CheckedContinuation<Outcome, Never>

    private enum Slot {
        case free
        /// Somebody has joined and is about to wait.
        case reserved(hasFallback: Bool)
        case waiting(Waiter, hasFallback: Bool)
    }

    private struct State {
        var slots: [Slot] = []
        var freeSlots: [Int] = []
        var waiters = 0
        var isKept: Bool
        var isSlow = false
        /// What everybody is told from now on; nobody can join any more.
        var ending: Outcome?

        /// Frees a place; without waiters and without the cache's own interest nobody can join any more.
        ///
        /// - Returns: Whether the flight must be stopped.
        mutating func vacate(_ place: Int) -> Bool {
            self.slots[place] = .free
            self.freeSlots.append(place)
            self.waiters -= 1
            guard self.waiters == 0, !self.isKept else { return false }
            self.ending = .cancelled(mustStop: false)
            return true
        }
    }

    let key: Key
    let work: LoadWork
    let isReload: Bool
    /// Loads of the same key that went past the hard time-out when this one began. Once this one has stored its value,
    /// theirs would be older.
    let overtaken: [Flight]
    private let detached = Atomic<Bool>(false)
    private let left = Atomic<Bool>(false)
    private let state: Mutex<State>

    init(key: Key, work: LoadWork, isKept: Bool, isReload: Bool, overtaking overtaken: [Flight]) {
        self.key = key
        self.work = work
        self.isReload = isReload
        self.overtaken = overtaken
        self.state = Mutex(State(isKept: isKept))
        work.board()
    }

    /// Whether the key was invalidated or set since the load began, so that its value must not be stored.
    var isDetached: Bool { self.detached.load(ordering: .acquiring) }

    /// Forbids the flight to store its value.
    func detach() { self.detached.store(true, ordering: .releasing) }

    /// Tells the call of the loader that this flight no longer needs it. Doing so again has no effect.
    func leaveWork() {
        if !self.left.exchange(true, ordering: .acquiringAndReleasing) { self.work.leave() }
    }
}

// MARK: Coming and going

extension Flight {
    enum Joined {
        /// A place to wait at.
        case place(Int)
        /// The load is slow already, and whoever joins has a stale value.
        case slow
        /// The flight is over.
        case over
    }

    /// Takes a place, which must then be waited at or left.
    ///
    /// - Complexity: O(1).
    func join(hasFallback: Bool) -> Joined {
        self.state.withLock { state in
            if state.ending != nil { return .over }
            if hasFallback, state.isSlow { return .slow }
            state.waiters += 1
            if let index = state.freeSlots.popLast() {
                state.slots[index] = .reserved(hasFallback: hasFallback)
                return .place(index)
            }
            state.slots.append(.reserved(hasFallback: hasFallback))
            return .place(state.slots.count - 1)
        }
    }

    /// Lets the flight go on without waiters.
    ///
    /// - Returns: `false` if it is over.
    func keep() -> Bool {
        self.state.withLock { state in
            guard state.ending == nil else { return false }
            state.isKept = true
            return true
        }
    }

    /// Leaves a place that was never waited at.
    ///
    /// - Returns: Whether the flight must be stopped, because nobody is left.
    func leave(_ place: Int) -> Bool {
        self.state.withLock { state in
            guard state.ending == nil, case .reserved = state.slots[place] else { return false }
            return state.vacate(place)
        }
    }

    /// Waits at a place. Cancellation ends the wait at once.
    func wait(at place: Int) async -> Outcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                let outcome = self.state.withLock { state -> Outcome? in
                    guard case .reserved(let hasFallback) = state.slots[place] else {
                        preconditionFailure("place \(place) of a flight is waited at twice")
                    }
                    if let ending = state.ending { return ending }
                    // A cancellation that came before this point has found nobody to wake, so it is looked up here.
                    if Task.isCancelled { return .cancelled(mustStop: state.vacate(place)) }
                    if hasFallback, state.isSlow {
                        _ = state.vacate(place)
                        return .slow
                    }
                    state.slots[place] = .waiting(waiter, hasFallback: hasFallback)
                    return nil
                }
                if let outcome { waiter.resume(returning: outcome) }
            }
        } onCancel: {
            let found = self.state.withLock { state -> (Waiter, mustStop: Bool)? in
                guard state.ending == nil, case .waiting(let waiter, _) = state.slots[place] else { return nil }
                return (waiter, state.vacate(place))
            }
            if let found { found.0.resume(returning: .cancelled(mustStop: found.mustStop)) }
        }
    }

    /// How many wait.
    var waiterCount: Int { self.state.withLock(\.waiters) }
}

// MARK: Ending

extension Flight {
    /// Tells everybody how it ended. Only the first ending counts.
    ///
    /// - Complexity: O(*n*) in the number of waiters.
    func finish(_ outcome: Outcome) {
        let slots = self.state.withLock { state -> [Slot] in
            guard state.ending == nil else { return [] }
            state.ending = outcome
            state.waiters = 0
            // Places that are reserved but not waited at yet find the ending when they are.
            return state.slots
        }
        for case .waiting(let waiter, _) in slots {
            waiter.resume(returning: outcome)
        }
    }

    /// The soft time-out has passed: who has a stale value goes on with it, and the load goes on by itself.
    func passSoftTimeOut() {
        // What was invalidated meanwhile must not be served; those who wait go on waiting.
        if self.isDetached { return }
        let waiters = self.state.withLock { state -> [Waiter] in
            guard state.ending == nil else { return [] }
            state.isSlow = true
            var waiters: [Waiter] = []
            for (index, slot) in state.slots.enumerated() {
                guard case .waiting(let waiter, hasFallback: true) = slot else { continue }
                // Kept from here on, so vacating never ends the flight.
                state.isKept = true
                _ = state.vacate(index)
                waiters.append(waiter)
            }
            return waiters
        }
        for waiter in waiters {
            waiter.resume(returning: .slow)
        }
    }
}
