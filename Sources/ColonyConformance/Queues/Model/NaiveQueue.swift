import ColonyCore
import ColonyQueues

/// A queue as a list that is searched from end to end for everything: the model that engines are compared with.
///
/// Time is counted in milliseconds on both clocks.
struct NaiveQueue {
    enum Standing: Equatable {
        case delayed(until: Int64)
        case scheduled(until: Int64)
        case free
        case leased(Receipt, until: Int64)
        case resting(until: Int64)
    }

    struct Item {
        let id: MessageID
        let message: OutgoingMessage
        let publishedAt: Int64
        var attempts = 0
        var failures: [Failure] = []
        var standing: Standing
        /// The place in the line of its key; none before its time has come.
        var joined: Int?
        /// When it is too old.
        var expires: Int64?
        /// Its turn, where keys take turns, while it can be delivered.
        var turn: Int?
    }

    struct Failure: Equatable {
        let attempt: Int
        let at: Int64
        let reason: String
    }

    struct Dead {
        let item: Item
        let reason: String
        let diedAt: Int64
    }

    let settings: QueueSettings
    var items: [Item] = []
    var dead: [MessageID: Dead] = [:]
    var isPaused = false
    var totals = QueueTotals()
    var known: [String: (id: MessageID, end: Int64)] = [:]
    var joins = 0
    /// By priority: the last turn of each key, and the last of all.
    var lastTurns: [Int: [String?: Int]] = [:]

    mutating func join(_ place: Int) {
        self.joins += 1
        self.items[place].joined = self.joins
        self.items[place].standing = .free
    }

    mutating func bury(_ id: MessageID, _ reason: String, civil: Int64) {
        guard let place = self.place(of: id) else { return }
        self.dead[id] = Dead(item: self.items.remove(at: place), reason: reason, diedAt: civil)
        self.takeTurns()
    }

    mutating func noteFailure(_ place: Int, _ reason: String, civil: Int64) {
        self.items[place].failures.append(
            Failure(attempt: self.items[place].attempts, at: civil, reason: reason))
    }

    /// Does what has become due, in the order in which it did.
    mutating func advance(_ now: Int64, _ wall: Int64) {
        while true {
            let due = self.items.compactMap { item -> (Int64, MessageID)? in
                switch item.standing {
                case .delayed(let end), .leased(_, let end), .resting(let end): end <= now ? (end, item.id) : nil
                case .scheduled, .free: nil
                }
            }
            guard let next = due.min(by: { $0 < $1 }), let place = self.items.firstIndex(where: { $0.id == next.1 })
            else { break }
            switch self.items[place].standing {
            case .delayed:
                self.totals.undelayed += 1
                self.totals.lateness += .milliseconds(now - next.0)
                self.join(place)
            case .leased:
                self.totals.leasesLost += 1
                let reason = "its lease ran out at delivery \(self.items[place].attempts)"
                self.noteFailure(place, reason, civil: wall)
                if self.items[place].attempts >= self.settings.deliveryLimit {
                    self.bury(next.1, reason, civil: wall)
                } else {
                    self.items[place].standing = .free
                }
            default: self.items[place].standing = .free
            }
            self.takeTurns()
        }
        while true {
            let due = self.items.compactMap { item -> (Int64, MessageID)? in
                if case .scheduled(let end) = item.standing, end <= wall { (end, item.id) } else { nil }
            }
            guard let next = due.min(by: { $0 < $1 }), let place = self.items.firstIndex(where: { $0.id == next.1 })
            else { break }
            self.totals.undelayed += 1
            self.totals.lateness += .milliseconds(wall - next.0)
            self.join(place)
            self.takeTurns()
        }
        let old = self.items.compactMap { item in item.expires.flatMap { $0 <= now ? ($0, item.id) : nil } }
        for (_, id) in old.sorted(by: { $0 < $1 }) {
            guard let place = self.place(of: id) else { continue }
            if case .leased = self.items[place].standing {
                self.items[place].expires = now + self.settings.lease.clampedMilliseconds
            } else {
                self.bury(id, "it was kept for \(self.settings.retention ?? .zero)", civil: wall)
            }
        }
        self.known = self.known.filter { $0.value.end > now }
    }

    /// Whether an earlier one of its key is not done.
    func isBlocked(_ item: Item) -> Bool {
        guard self.settings.order.isPerKey, let key = item.message.key, let joined = item.joined else { return false }
        return self.items.contains { other in
            guard other.message.key == key, let place = other.joined else { return false }
            return place < joined
        }
    }

    func deliverable() -> [MessageID] {
        self.items.filter { $0.standing == .free && !self.isBlocked($0) }
            .sorted {
                ($1.message.priority, $0.turn ?? 0, $0.id) < ($0.message.priority, $1.turn ?? 0, $1.id)
            }
            .map(\.id)
    }

    /// Gives turns to those that can be delivered now; one at the most unless something is wrong.
    mutating func takeTurns(isNext: Bool = false) {
        guard self.settings.order.isFair else { return }
        for place in self.items.indices {
            let item = self.items[place]
            guard item.standing == .free, item.turn == nil, !self.isBlocked(item) else { continue }
            let priority = item.message.priority
            let first = self.items.compactMap { $0.message.priority == priority ? $0.turn : nil }.min()
            let highest = self.lastTurns[priority]?.values.max() ?? 0
            let last = self.lastTurns[priority]?[item.message.key] ?? 0
            let turn = isNext ? first ?? highest : max(first ?? highest + 1, last + 1)
            self.items[place].turn = turn
            self.lastTurns[priority, default: [:]][item.message.key] = max(last, turn)
        }
    }
}

extension NaiveQueue {
    var bytes: Int {
        self.items.reduce(0) { $0 + $1.message.byteCount }
            + self.dead.values.reduce(0) { $0 + $1.item.message.byteCount }
    }

    private func hasRoom(for message: OutgoingMessage) -> Bool {
        self.items.count + self.dead.count < self.settings.capacity
            && self.bytes + message.byteCount <= self.settings.capacityBytes
    }

    mutating func makeRoom(for message: OutgoingMessage) -> Bool {
        if self.settings.overflow != .dropOldest || message.byteCount > self.settings.capacityBytes {
            return self.hasRoom(for: message)
        }
        while !self.hasRoom(for: message) {
            if let oldest = self.items.filter({ !$0.isLeased }).map(\.id).min() {
                self.items.removeAll { $0.id == oldest }
                self.takeTurns()
            } else if let oldest = self.dead.keys.min() {
                self.dead[oldest] = nil
            } else {
                return false
            }
            self.totals.dropped += 1
        }
        return true
    }

    func place(of id: MessageID) -> Int? { self.items.firstIndex { $0.id == id } }

    mutating func append(_ id: MessageID, _ message: OutgoingMessage, now: Int64, civil: Int64) {
        self.append(id, message, publishedAt: civil, now: now, civil: civil)
    }

    mutating func append(
        _ id: MessageID, _ message: OutgoingMessage, publishedAt: Int64, now: Int64, civil: Int64
    ) {
        var item = Item(id: id, message: message, publishedAt: publishedAt, standing: .free, joined: nil)
        self.totals.published += 1
        item.expires = self.settings.retention.map { now + $0.clampedMilliseconds }
        switch message.availability {
        case .after(let delay) where delay > .zero: item.standing = .delayed(until: now + delay.clampedMilliseconds)
        case .at(let time) where time.millisecondsSince1970 > civil:
            item.standing = .scheduled(until: time.millisecondsSince1970)
        default: break
        }
        self.items.append(item)
        if item.standing == .free { self.join(self.items.count - 1) }
        self.takeTurns()
    }

    /// - Returns: Whether the receipt is that of a lease that goes on.
    mutating func settle(
        _ receipt: Receipt, _ kind: Settlement.Kind, rest: Int64, now: Int64, civil: Int64
    ) -> Bool {
        let found = self.items.firstIndex { if case .leased(receipt, _) = $0.standing { true } else { false } }
        guard let place = found, case .leased(_, let end) = self.items[place].standing else { return false }
        let item = self.items[place]
        switch kind {
        case .deadLetter(let reason), .retry(_, let reason): self.noteFailure(place, reason, civil: civil)
        case .acknowledge, .handBack, .extend: break
        }
        switch kind {
        case .acknowledge:
            self.items.remove(at: place)
            self.totals.acknowledged += 1
        case .deadLetter(let reason): self.bury(item.id, reason, civil: civil)
        case .retry(_, let reason) where item.attempts >= self.settings.deliveryLimit:
            self.bury(item.id, reason, civil: civil)
        case .retry: self.items[place].standing = rest > 0 ? .resting(until: now + rest) : .free
        case .handBack:
            self.items[place].attempts -= 1
            self.items[place].standing = .free
        case .extend: self.items[place].standing = .leased(receipt, until: max(end, now + 30))
        }
        self.takeTurns(isNext: kind == .handBack)
        return true
    }
}

extension NaiveQueue {
    mutating func lease(_ place: Int, _ receipt: Receipt, until end: Int64) {
        self.items[place].attempts += 1
        self.items[place].standing = .leased(receipt, until: end)
        self.items[place].turn = nil
    }
}

extension NaiveQueue.Item {
    var isLeased: Bool { if case .leased = self.standing { true } else { false } }
}

extension NaiveQueue {
    mutating func cancel(_ id: MessageID) -> Bool {
        guard let place = self.place(of: id), !self.items[place].isLeased else { return false }
        self.items.remove(at: place)
        self.takeTurns()
        return true
    }

    mutating func redrive(_ id: MessageID, now: Int64, civil: Int64) -> Bool {
        guard let letter = self.dead.removeValue(forKey: id) else { return false }
        var message = letter.item.message
        message.availability = .now
        self.append(id, message, publishedAt: letter.item.publishedAt, now: now, civil: civil)
        return true
    }

    mutating func purge() -> Int {
        let free = self.items.filter { !$0.isLeased }.map(\.id).sorted()
        for id in free { _ = self.cancel(id) }
        return free.count
    }

    /// Where a message stands, as an operator sees it.
    func standing(of item: Item) -> QueuedMessage.Standing {
        switch item.standing {
        case .leased: .leased
        case .free: self.isBlocked(item) ? .waiting : .ready
        case .delayed, .scheduled, .resting: .delayed
        }
    }
}
