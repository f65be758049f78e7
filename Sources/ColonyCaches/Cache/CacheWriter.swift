import ColonyCore
public import Synchronization

/// What is done under the lock of a ``Cache``: the ledger decides by numbers, this looks after keys and values.
//
// `@unchecked Sendable`, because it lives under the lock of its cache and nowhere else.
@usableFromInline
struct CacheWriter<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
    @usableFromInline
    typealias Tables = EntryTables<Key, Value>
    @usableFromInline
    typealias Payload = EntryPayload<Key, Value>

    @usableFromInline let ledger: EntryLedger
    /// The tables as readers see them.
    @usableFromInline private(set) var published: UnsafeMutablePointer<Tables>
    @usableFromInline var statistics = CacheStatistics()
    private let idle: Int64

    init(_ options: CacheOptions<Key, Value>, capacity: Int) {
        let hasExpiry = !options.expiry.isNever
        // Trivial values may wait for the readers in numbers; others are wanted gone at once.
        let isTrivial = _isPOD(Payload.self)
        let slots = min(capacity, 1_000) + 24
        let countsEntries = if case .count = options.bound { true } else { false }
        let ledger = EntryLedger(
            capacity: capacity,
            order: options.policy.makeOrder(capacity: capacity, countsEntries: countsEntries), slots: slots,
            hasExpiry: hasExpiry, now: options.clock.now.nanoseconds, batch: isTrivial ? 64 : 1)
        self.ledger = ledger
        self.idle = options.expiry.afterAccess?.clampedNanoseconds ?? 0
        self.published = .allocate(capacity: 1)
        self.published.initialize(to: Self.tables(ledger, payloads: TableMemory.allocate(slots), idle: self.idle))
    }

    private static func tables(
        _ ledger: EntryLedger, payloads: UnsafeMutablePointer<Payload>, idle: Int64
    ) -> Tables {
        Tables(
            heads: ledger.heads, bucketMask: ledger.bucketMask, nodes: ledger.nodes, payloads: payloads,
            expiries: ledger.expiries, idle: idle, hitRecording: ledger.order.hitRecording)
    }

    /// Destroys every payload and frees the tables, when no reader can be left.
    func tearDown() {
        let payloads = self.published.pointee.payloads
        for entry in self.ledger.occupiedSlots() { (payloads + Int(entry)).deinitialize(count: 1) }
        TableMemory.free(payloads, count: self.ledger.slots)
        self.published.deallocate()
    }

    // MARK: Slots

    @usableFromInline
    typealias Publication = Atomic<UnsafeMutablePointer<Tables>>

    /// A slot with this payload, not linked yet.
    @inlinable
    mutating func slot(
        _ payload: Payload, needsExpiry: Bool, _ aftermath: inout CacheAftermath<Key, Value>,
        _ publication: borrowing Publication
    ) -> EntryIndex {
        self.reclaim(&aftermath)
        if needsExpiry && self.ledger.expiries == nil {
            self.grow(to: self.ledger.slots, hasExpiry: true, publication)
        }
        if !self.ledger.hasFreeSlot {
            self.grow(to: self.ledger.grownSlots, hasExpiry: self.ledger.expiries != nil, publication)
        }
        let entry = self.ledger.takeSlot()
        (self.published.pointee.payloads + Int(entry)).initialize(to: payload)
        return entry
    }

    @usableFromInline
    mutating func grow(to slots: Int, hasExpiry: Bool, _ publication: borrowing Publication) {
        let old = self.published
        let payloads: UnsafeMutablePointer<Payload> = TableMemory.allocate(slots)
        let oldSlots = self.ledger.slots
        let occupied = self.ledger.occupiedSlots()
        // Copies, not moves: readers of the old tables may still be copying from them.
        for entry in occupied {
            (payloads + Int(entry)).initialize(to: old.pointee.payloads[Int(entry)])
        }
        let freeLedger = self.ledger.grow(to: slots, hasExpiry: hasExpiry)
        self.published = .allocate(capacity: 1)
        self.published.initialize(to: Self.tables(self.ledger, payloads: payloads, idle: self.idle))
        publication.store(self.published, ordering: .sequentiallyConsistent)
        self.ledger.retireTables {
            for entry in occupied { (old.pointee.payloads + Int(entry)).deinitialize(count: 1) }
            TableMemory.free(old.pointee.payloads, count: oldSlots)
            old.deallocate()
            freeLedger()
        }
    }

    /// Frees what no reader sees any longer.
    @inlinable
    func reclaim(_ aftermath: inout CacheAftermath<Key, Value>) {
        guard self.ledger.shouldReclaim else { return }
        let first = self.ledger.reclaim(&aftermath.tables)
        if first == 0 { return }
        if !_isPOD(Payload.self) {
            var entry = first
            while entry != 0 {
                // A `deinit` of the user may use the cache, so it has to wait for the end of the lock.
                aftermath.trash.append((self.published.pointee.payloads + Int(entry)).move())
                entry = self.ledger.nodes[entry].pointee.newer
            }
        }
        self.ledger.release(first)
    }

    // MARK: Storing

    @inlinable
    mutating func store(
        _ payload: Payload, _ hash: UInt64, _ weight: Int, _ lifetime: EntryLifetime,
        _ aftermath: inout CacheAftermath<Key, Value>, _ publication: borrowing Publication
    ) {
        self.expire(at: lifetime.now, limit: 16, &aftermath)
        let present = self.published.pointee.find(payload.key, hash)
        if weight > self.ledger.capacity || weight > Int(UInt32.max) || lifetime.isOver {
            if present != 0 { self.depart(present, .replaced, &aftermath) }
            self.note(payload, lifetime.isOver ? .expired : .overweight, &aftermath)
            self.reclaim(&aftermath)
            return
        }
        let units = UInt32(weight)
        let entry = self.slot(payload, needsExpiry: lifetime.end != EntryExpiry.never, &aftermath, publication)
        if present != 0 {
            let cause: CacheRemovalCause = self.isOver(present, at: lifetime.now) ? .expired : .replaced
            self.note(self.published.pointee.payloads[Int(present)], cause, &aftermath)
            self.makeRoom(
                for: hash, weight: units, besides: present, &aftermath)
            if self.ledger.isLive(present) {
                self.ledger.replace(present, by: entry, weight: units, end: lifetime.end, limit: lifetime.limit)
            } else {
                self.ledger.insert(entry, hash: hash, weight: units, end: lifetime.end, limit: lifetime.limit)
            }
        } else {
            self.statistics.insertions += 1
            self.makeRoom(for: hash, weight: units, besides: 0, &aftermath)
            self.ledger.insert(entry, hash: hash, weight: units, end: lifetime.end, limit: lifetime.limit)
        }
        if lifetime.end != EntryExpiry.never { aftermath.wake = self.ledger.nextWake }
        self.reclaim(&aftermath)
    }

    /// Evicts until an entry of this weight fits, `besides` being the one whose place it takes.
    @inlinable
    func makeRoom(
        for hash: UInt64, weight: UInt32, besides: EntryIndex, _ aftermath: inout CacheAftermath<Key, Value>
    ) {
        var besides = besides
        while true {
            let spared = besides == 0 ? 0 : Int(self.ledger.nodes[besides].pointee.weight)
            if self.ledger.weight - spared + Int(weight) <= self.ledger.capacity { return }
            let victim = self.ledger.evict(for: hash, weight: weight)
            if victim == 0 { return }
            if victim == besides {
                // The predecessor itself was given up; it is noted as replaced already.
                besides = 0
            } else {
                self.note(self.published.pointee.payloads[Int(victim)], .evicted, &aftermath)
            }
        }
    }

    /// Counts a departure, and keeps it for the listener if there is one.
    @inlinable
    func note(_ payload: Payload, _ cause: CacheRemovalCause, _ aftermath: inout CacheAftermath<Key, Value>) {
        self.ledger.countRemoval(cause)
        if aftermath.hasListener {
            aftermath.removals.append(CacheRemoval(key: payload.key, value: payload.value, cause: cause))
        }
    }

    @inlinable
    func isOver(_ entry: EntryIndex, at now: Int64) -> Bool {
        guard let expiries = self.ledger.expiries else { return false }
        return expiries[Int(entry)].end.load(ordering: .relaxed) <= now
    }

    // MARK: Removing

    @inlinable
    func depart(_ entry: EntryIndex, _ cause: CacheRemovalCause, _ aftermath: inout CacheAftermath<Key, Value>) {
        self.note(self.published.pointee.payloads[Int(entry)], cause, &aftermath)
        self.ledger.remove(entry)
    }

    func remove(_ key: Key, _ hash: UInt64, _ now: Int64, _ aftermath: inout CacheAftermath<Key, Value>) -> Value? {
        let entry = self.published.pointee.find(key, hash)
        if entry == 0 { return nil }
        let isOver = self.isOver(entry, at: now)
        let value = self.published.pointee.payloads[Int(entry)].value
        self.depart(entry, isOver ? .expired : .removed, &aftermath)
        self.reclaim(&aftermath)
        return isOver ? nil : value
    }

    /// Reclaims entries whose time is over, `limit` at the most; returns how many.
    @discardableResult
    @inlinable
    func expire(at now: Int64, limit: Int, _ aftermath: inout CacheAftermath<Key, Value>) -> Int {
        if self.ledger.expiries == nil { return 0 }
        var count = 0
        while count < limit {
            let entry = self.ledger.expire(at: now)
            if entry == 0 { break }
            self.note(self.published.pointee.payloads[Int(entry)], .expired, &aftermath)
            count += 1
        }
        if count > 0 { self.reclaim(&aftermath) }
        return count
    }

    // MARK: Seeing and changing in one step

    /// What stands for the state of a key: nothing, or an entry that was not changed since.
    struct Ticket: Equatable {
        let entry: EntryIndex
        let generation: UInt32
    }

    /// What ``Cache/update(_:_:)`` has decided.
    enum Change {
        case store(Payload, weight: Int, EntryLifetime)
        case remove
    }

    func ticket(for key: Key, _ hash: UInt64, _ now: Int64) -> (Ticket, Value?) {
        let entry = self.published.pointee.find(key, hash)
        if entry == 0 { return (Ticket(entry: 0, generation: 0), nil) }
        let value = self.isOver(entry, at: now) ? nil : self.published.pointee.payloads[Int(entry)].value
        return (Ticket(entry: entry, generation: self.ledger.generations[Int(entry)]), value)
    }

    /// Applies a change if the state is still that of the ticket.
    mutating func commit(
        _ change: Change, _ key: Key, _ hash: UInt64, _ ticket: Ticket, _ now: Int64,
        _ aftermath: inout CacheAftermath<Key, Value>, _ publication: borrowing Publication
    ) -> Bool {
        guard self.ticket(for: key, hash, now).0 == ticket else { return false }
        switch change {
        case .store(let payload, let weight, let lifetime):
            self.store(payload, hash, weight, lifetime, &aftermath, publication)
        case .remove:
            _ = self.remove(key, hash, now, &aftermath)
        }
        return true
    }

    /// An entry as a snapshot holds it.
    struct Snapshot {
        let ticket: Ticket
        let payload: Payload
    }

    func entries(at now: Int64) -> [Snapshot] {
        var entries: [Snapshot] = []
        entries.reserveCapacity(self.ledger.count)
        for entry in 1..<self.ledger.end where self.ledger.isLive(entry) && !self.isOver(entry, at: now) {
            let ticket = Ticket(entry: entry, generation: self.ledger.generations[Int(entry)])
            entries.append(Snapshot(ticket: ticket, payload: self.published.pointee.payloads[Int(entry)]))
        }
        return entries
    }

    func remove(_ snapshot: Snapshot, _ now: Int64, _ aftermath: inout CacheAftermath<Key, Value>) {
        let entry = snapshot.ticket.entry
        guard self.ledger.generations[Int(entry)] == snapshot.ticket.generation else { return }
        self.depart(entry, self.isOver(entry, at: now) ? .expired : .removed, &aftermath)
        self.reclaim(&aftermath)
    }
}

/// What is to be done once the lock is free: nothing of the user's runs under it.
@usableFromInline
struct CacheAftermath<Key: Sendable, Value: Sendable> {
    @usableFromInline let hasListener: Bool
    @usableFromInline var removals: [CacheRemoval<Key, Value>] = []
    /// Payloads that nobody sees any longer; they are destroyed with this.
    @usableFromInline var trash: [EntryPayload<Key, Value>] = []
    @usableFromInline var tables: [EntryLedger.RetiredTables] = []
    /// When the cache should look for expired entries.
    @usableFromInline var wake: Int64?

    @inlinable
    init(hasListener: Bool) { self.hasListener = hasListener }

    @inlinable
    var isEmpty: Bool { self.removals.isEmpty && self.tables.isEmpty && self.wake == nil }
}
