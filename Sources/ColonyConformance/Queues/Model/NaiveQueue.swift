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
        var attempts = 0
        var standing: Standing
        /// The place in the line of its key; none before its time has come.
        var joined: Int?
    }

    let settings: QueueSettings
    var items: [Item] = []
    var dead: [MessageID] = []
    var deadBytes = 0
    var known: [String: (id: MessageID, end: Int64)] = [:]
    var joins = 0

    mutating func join(_ place: Int) {
        self.joins += 1
        self.items[place].joined = self.joins
        self.items[place].standing = .free
    }

    mutating func bury(_ id: MessageID) {
        guard let place = self.items.firstIndex(where: { $0.id == id }) else { return }
        self.deadBytes += self.items.remove(at: place).message.byteCount
        self.dead.append(id)
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
            case .delayed: self.join(place)
            case .leased where self.items[place].attempts >= self.settings.deliveryLimit: self.bury(next.1)
            default: self.items[place].standing = .free
            }
        }
        while true {
            let due = self.items.compactMap { item -> (Int64, MessageID)? in
                if case .scheduled(let end) = item.standing, end <= wall { (end, item.id) } else { nil }
            }
            guard let next = due.min(by: { $0 < $1 }), let place = self.items.firstIndex(where: { $0.id == next.1 })
            else { break }
            self.join(place)
        }
        self.known = self.known.filter { $0.value.end > now }
    }

    /// Whether an earlier one of its key is not done.
    func isBlocked(_ item: Item) -> Bool {
        guard self.settings.order == .perKey, let key = item.message.key, let joined = item.joined else { return false }
        return self.items.contains { other in
            guard other.message.key == key, let place = other.joined else { return false }
            return place < joined
        }
    }

    func deliverable() -> [MessageID] {
        self.items.filter { $0.standing == .free && !self.isBlocked($0) }
            .sorted { ($1.message.priority, $0.id) < ($0.message.priority, $1.id) }
            .map(\.id)
    }
}

extension NaiveQueue {
    var bytes: Int { self.items.reduce(0) { $0 + $1.message.byteCount } + self.deadBytes }

    func hasRoom(for message: OutgoingMessage) -> Bool {
        self.items.count + self.dead.count < self.settings.capacity
            && self.bytes + message.byteCount <= self.settings.capacityBytes
    }

    func place(of id: MessageID) -> Int? { self.items.firstIndex { $0.id == id } }

    mutating func append(_ id: MessageID, _ message: OutgoingMessage, now: Int64, civil: Int64) {
        var item = Item(id: id, message: message, standing: .free, joined: nil)
        switch message.availability {
        case .after(let delay) where delay > .zero: item.standing = .delayed(until: now + delay.clampedMilliseconds)
        case .at(let time) where time.millisecondsSince1970 > civil:
            item.standing = .scheduled(until: time.millisecondsSince1970)
        default: break
        }
        self.items.append(item)
        if item.standing == .free { self.join(self.items.count - 1) }
    }

    /// - Returns: Whether the receipt is that of a lease that goes on.
    mutating func settle(_ receipt: Receipt, _ kind: Settlement.Kind, rest: Int64, now: Int64) -> Bool {
        let found = self.items.firstIndex { if case .leased(receipt, _) = $0.standing { true } else { false } }
        guard let place = found, case .leased(_, let end) = self.items[place].standing else { return false }
        let item = self.items[place]
        switch kind {
        case .acknowledge: self.items.remove(at: place)
        case .deadLetter: self.bury(item.id)
        case .retry where item.attempts >= self.settings.deliveryLimit: self.bury(item.id)
        case .retry: self.items[place].standing = rest > 0 ? .resting(until: now + rest) : .free
        case .handBack:
            self.items[place].attempts -= 1
            self.items[place].standing = .free
        case .extend: self.items[place].standing = .leased(receipt, until: max(end, now + 30))
        }
        return true
    }
}
