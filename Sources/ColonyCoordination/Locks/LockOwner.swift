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
///
/// When an acquisition has failed and the store could not be reached to give back what it might have granted, that release may
/// reach the store much later. So that it cannot end a later grant, the owner goes on there under another identity, for
/// that lock: its own with `~` and a number. A grant of the former identity that nobody heard of runs out by itself.
public final class LockOwner: Sendable {
    /// The identity in the store, see ``identity(for:on:)`` for the exception.
    public let id: OwnerID

    private enum Slot {
        case acquiring
        case held(HeldLock)
    }

    private let slots = Mutex<[LeaseKey: Slot]>([:])
    /// How many releases that may still be under way were sent under each lock's identities.
    private let doubts = Mutex<[LeaseKey: Int]>([:])

    /// Makes an owner that holds nothing.
    ///
    /// - Parameter id: Its identity in the store; one that nobody else has unless given.
    public init(id: OwnerID = .unique()) {
        self.id = id
    }

    /// The identity under which the next acquisition of `name` asks.
    public func identity(for name: LeaseName, on engine: any LeaseEngine) -> OwnerID {
        self.identity(LeaseKey(engine, name))
    }

    func identity(_ key: LeaseKey) -> OwnerID {
        let doubts = self.doubts.withLock { $0[key] ?? 0 }
        if doubts == 0 { return self.id }
        // An identity that leaves no room for a number is no one's that a reader would look for.
        return (try? OwnerID("\(self.id)~\(doubts)")) ?? .unique()
    }

    /// A release of this owner's present identity may be under way for long.
    func doubt(_ key: LeaseKey) {
        self.doubts.withLock { $0[key, default: 0] += 1 }
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
