import Synchronization

/// The right to store what is about to be loaded for a key, until somebody changes the key.
///
/// It is taken **before** the load begins; ``CacheAside/fill(_:with:)`` refuses it once the key was invalidated or written
/// meanwhile, because what was loaded may then be old. A ticket that is dropped unused costs nothing.
///
/// - SeeAlso: R. Nishtala et al., *Scaling Memcache at Facebook*, NSDI 2013, section 3.2.1 (leases).
public final class FillTicket<Key: Hashable & Sendable>: Sendable {
    /// The key that may be filled.
    public let key: Key
    let epoch: FillEpoch
    private let table: FillTable<Key>

    init(_ key: Key, _ epoch: FillEpoch, _ table: FillTable<Key>) {
        self.key = key
        self.epoch = epoch
        self.table = table
    }

    deinit { self.table.release(self.key, self.epoch) }

    /// Whether the key was neither invalidated nor written since the ticket was taken.
    public var isValid: Bool { !self.epoch.isRevoked.load(ordering: .sequentiallyConsistent) }
}

/// The stretch between two changes of a key, while somebody loads it.
final class FillEpoch: Sendable {
    let isRevoked = Atomic(false)
    /// How many tickets belong to it; read and written under the lock of the table.
    let tickets = Atomic(0)
}

/// Who loads what at this moment: the tickets that are out. Keys that nobody loads take no room.
final class FillTable<Key: Hashable & Sendable>: Sendable {
    private let epochs = Mutex<[Key: FillEpoch]>([:])

    func ticket(for key: Key) -> FillTicket<Key> {
        let epoch = self.epochs.withLock { epochs in
            let epoch = epochs[key] ?? FillEpoch()
            epochs[key] = epoch
            epoch.tickets.add(1, ordering: .relaxed)
            return epoch
        }
        return FillTicket(key, epoch, self)
    }

    func release(_ key: Key, _ epoch: FillEpoch) {
        self.epochs.withLock { epochs in
            let left = epoch.tickets.subtract(1, ordering: .relaxed).newValue
            // After a revocation the key may have an epoch that is not ours.
            if left == 0, epochs[key] === epoch { epochs[key] = nil }
        }
    }

    /// Makes the tickets of a key that are out worthless.
    func revoke(_ key: Key) {
        self.epochs.withLock { epochs in
            epochs.removeValue(forKey: key)?.isRevoked.store(true, ordering: .sequentiallyConsistent)
        }
    }

    /// Makes all tickets that are out worthless.
    func revokeAll() {
        self.epochs.withLock { epochs in
            for epoch in epochs.values { epoch.isRevoked.store(true, ordering: .sequentiallyConsistent) }
            epochs.removeAll()
        }
    }

    /// How many keys are being loaded, for tests.
    var count: Int { self.epochs.withLock(\.count) }
}

extension Cache {
    /// Stores a loaded value if the ticket is still valid, in one step.
    ///
    /// The ticket is looked at under the writer lock of the cache. Who changes a key revokes its tickets first and changes
    /// the cache, under that lock, afterwards: a fill that looked before the revocation lies before the change and is
    /// undone by it; one that looks later is refused. So there is no moment at which an old value is seen after a change.
    @discardableResult
    func fill(_ ticket: FillTicket<Key>, with value: Value) -> Bool {
        let key = ticket.key
        let lifetime = self.lifetime(of: key, value)
        let hash = Self.hash(key)
        let weight = self.weight(of: key, value)
        var aftermath = CacheAftermath<Key, Value>(hasListener: self.options.onRemoval != nil)
        let isTaken = self.lock.withLock { writer in
            guard ticket.isValid else { return false }
            writer.ledger.replay(self.hits)
            writer.store(EntryPayload(key: key, value: value), hash, weight, lifetime, &aftermath, self.tables)
            return true
        }
        self.finish(aftermath)
        return isTaken
    }
}
