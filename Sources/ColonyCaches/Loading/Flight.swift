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

    let key: Key
    let work: LoadWork
    let isReload: Bool
    /// Loads of the same key that went past the hard time-out when this one began. Once this one has stored its value,
    /// theirs would be older.
    let overtaken: [Flight]
    private let room: WaitingRoom
    private let detached = Atomic<Bool>(false)
    private let left = Atomic<Bool>(false)
    /// How it ended. `nonisolated(unsafe)`, because no lock is needed to read it: it is written once, under the lock of the room, before
    /// the room is over, and read only by those whom the room has told that it is.
    nonisolated(unsafe) private var ending: Outcome?

    init(key: Key, work: LoadWork, isKept: Bool, isReload: Bool, overtaking overtaken: [Flight]) {
        self.key = key
        self.work = work
        self.isReload = isReload
        self.overtaken = overtaken
        self.room = WaitingRoom(isKept: isKept)
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
    /// Takes a place, which must then be waited at or left.
    ///
    /// - Complexity: O(1).
    func join(hasFallback: Bool) -> WaitingRoom.Joined { self.room.join(hasFallback: hasFallback) }

    /// Lets the flight go on without waiters.
    ///
    /// - Returns: `false` if it is over.
    func keep() -> Bool { self.room.keep() }

    /// Leaves a place that was never waited at.
    ///
    /// - Returns: Whether the flight must be stopped, because nobody is left.
    func leave(_ place: Int) -> Bool { self.room.leave(place) }

    /// Waits at a place. Cancellation ends the wait at once.
    func wait(at place: Int) async -> Outcome {
        switch await self.room.wait(at: place) {
        case .slow: return .slow
        case .cancelled(let isLast): return .cancelled(mustStop: isLast)
        case .over:
            // A flight that ends because nobody is left has no ending, and nobody to ask for it.
            guard let ending = self.ending else {
                preconditionFailure("a flight has ended while somebody waits for it")
            }
            return ending
        }
    }

    /// How many wait.
    var waiterCount: Int { self.room.waiterCount }
}

// MARK: Ending

extension Flight {
    /// Tells everybody how it ended. Only the first ending counts.
    ///
    /// - Complexity: O(*n*) in the number of waiters.
    func finish(_ outcome: Outcome) {
        self.room.end { self.ending = outcome }
    }

    /// The soft time-out has passed: who has a stale value goes on with it, and the load goes on by itself.
    func passSoftTimeOut() {
        // What was invalidated meanwhile must not be served; those who wait go on waiting.
        if !self.isDetached { self.room.passOver() }
    }
}
