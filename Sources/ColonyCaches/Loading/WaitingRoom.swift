import Synchronization

/// Those who wait for one thing to be over.
///
/// It knows neither keys nor values: code that is generic over types of the user looks those types up as it runs, once for each of
/// thousands who wait.
final class WaitingRoom: Sendable {
    /// Why a wait has ended.
    enum Call: Sendable {
        /// What was waited for is over.
        case over
        /// It takes long, and the waiter has something else to go on with.
        case slow
        /// The waiter was cancelled; `isLast` if that has ended the whole thing.
        case cancelled(isLast: Bool)
    }

    /// Unchecked continuations, because a checked one costs an allocation for each waiter: a waiter is resumed by whoever
    /// takes it out of its slot, under the lock, and it is in no other place.
    private typealias Waiter = UnsafeContinuation<Call, Never>

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
        /// Nobody can join any more.
        var isOver = false

        /// Frees a place; without waiters and without an interest of its own, it is over.
        ///
        /// - Returns: Whether this was the end.
        mutating func vacate(_ place: Int) -> Bool {
            self.slots[place] = .free
            self.freeSlots.append(place)
            self.waiters -= 1
            guard self.waiters == 0, !self.isKept else { return false }
            self.isOver = true
            return true
        }
    }

    private let state: Mutex<State>

    /// - Parameter isKept: Whether it goes on also when nobody waits.
    init(isKept: Bool) {
        self.state = Mutex(State(isKept: isKept))
    }

    // MARK: Coming and going

    enum Joined {
        /// A place to wait at.
        case place(Int)
        /// It is slow already, and whoever joins has something else to go on with.
        case slow
        case over
    }

    /// Takes a place, which must then be waited at or left.
    ///
    /// - Complexity: O(1).
    func join(hasFallback: Bool) -> Joined {
        self.state.withLock { state in
            if state.isOver { return .over }
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

    /// Lets it go on without waiters.
    ///
    /// - Returns: `false` if it is over.
    func keep() -> Bool {
        self.state.withLock { state in
            guard !state.isOver else { return false }
            state.isKept = true
            return true
        }
    }

    /// Leaves a place that was never waited at.
    ///
    /// - Returns: Whether this was the end, because nobody is left.
    func leave(_ place: Int) -> Bool {
        self.state.withLock { state in
            guard !state.isOver, case .reserved = state.slots[place] else { return false }
            return state.vacate(place)
        }
    }

    /// Waits at a place. Cancellation ends the wait at once.
    func wait(at place: Int) async -> Call {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (waiter: Waiter) in
                let call = self.state.withLock { state -> Call? in
                    if state.isOver { return .over }
                    guard case .reserved(let hasFallback) = state.slots[place] else {
                        preconditionFailure("place \(place) is waited at twice")
                    }
                    // A cancellation that came before this point has found nobody to wake, so it is looked up here.
                    if Task.isCancelled { return .cancelled(isLast: state.vacate(place)) }
                    if hasFallback, state.isSlow {
                        _ = state.vacate(place)
                        return .slow
                    }
                    state.slots[place] = .waiting(waiter, hasFallback: hasFallback)
                    return nil
                }
                if let call { waiter.resume(returning: call) }
            }
        } onCancel: {
            let found = self.state.withLock { state -> (Waiter, isLast: Bool)? in
                guard !state.isOver, case .waiting(let waiter, _) = state.slots[place] else { return nil }
                return (waiter, state.vacate(place))
            }
            if let found { found.0.resume(returning: .cancelled(isLast: found.isLast)) }
        }
    }

    /// How many wait.
    var waiterCount: Int { self.state.withLock(\.waiters) }

    // MARK: Ending

    /// Wakes everybody for good. Only the first end counts.
    ///
    /// - Parameter note: Runs under the lock before anybody is woken, if this is the first end.
    /// - Complexity: O(*n*) in the number of waiters.
    func end(_ note: () -> Void) {
        let slots = self.state.withLock { state -> [Slot] in
            guard !state.isOver else { return [] }
            note()
            state.isOver = true
            state.waiters = 0
            // Places that are reserved but not waited at yet find the end when they are.
            defer { state.slots = [] }
            return state.slots
        }
        for case .waiting(let waiter, _) in slots {
            waiter.resume(returning: .over)
        }
    }

    /// Wakes those who have something else to go on with, now and from now on. It goes on by itself.
    func passOver() {
        let waiters = self.state.withLock { state -> [Waiter] in
            guard !state.isOver else { return [] }
            state.isSlow = true
            var waiters: [Waiter] = []
            for (index, slot) in state.slots.enumerated() {
                guard case .waiting(let waiter, hasFallback: true) = slot else { continue }
                // Kept from here on, so vacating never ends it.
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
