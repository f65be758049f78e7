public import ColonyCore
import Synchronization

/// An explicit identity under which the same lock may be taken again while it is held: re-entrance.
///
/// Tasks have no identity that a lock could recognise, and guessing one (the thread, the task) lets strangers in. So whoever
/// wants to re-enter says under whose name:
///
/// ```swift
/// let owner = LockOwner()
/// try await lock.withLock(as: owner) { _ in
///     try await lock.withLock(as: owner) { _ in … }   // goes in at once; the outer end gives the lock back
/// }
/// ```
///
/// All tasks that share an owner share its locks: an owner does not keep them out of each other's way.
public final class LockOwner: Sendable {
    /// The identity in the store.
    public let id: OwnerID

    private enum Slot {
        case acquiring
        case held(HeldLock)
    }

    private let slots = Mutex<[LeaseKey: Slot]>([:])

    /// Makes an owner that holds nothing.
    ///
    /// - Parameter id: Its identity in the store; one that nobody else has unless given.
    public init(id: OwnerID = .unique()) {
        self.id = id
    }

    enum Entry {
        case first
        case again(HeldLock)
        /// It holds the name, but fewer permits than it now asks for: a reader that would become the writer.
        case tooFew
        case busy
    }

    /// Looks whether this owner holds the lock, and counts one more hold if so; otherwise reserves the place for a first
    /// acquisition.
    func enter(_ key: LeaseKey, permits: Int) -> Entry {
        self.slots.withLock { slots in
            switch slots[key] {
            case .acquiring:
                return .busy
            case .held(let held) where held.permits < permits && held.isHeld:
                return .tooFew
            case .held(let held) where held.permits >= permits && held.addHold():
                return .again(held)
            case .held, nil:
                slots[key] = .acquiring
                return .first
            }
        }
    }

    /// Ends a first acquisition; `nil` if it failed.
    func settle(_ held: HeldLock?, _ key: LeaseKey) {
        self.slots.withLock { $0[key] = held.map { .held($0) } }
    }

    func forget(_ held: HeldLock) {
        self.slots.withLock { slots in
            if case .held(let present) = slots[held.key], present === held { slots[held.key] = nil }
        }
    }
}

extension HeldLock {
    /// Counts one more acquisition by the same owner, unless the lock is released or lost.
    func addHold() -> Bool {
        let now = self.keeper.clock.now
        return self.keeper.state.withLock { _ in
            guard !self.record.isReleased, self.record.keeping.isValid(at: now) else { return false }
            self.record.holds += 1
            return true
        }
    }
}
