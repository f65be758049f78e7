import ColonyCore
import Synchronization

/// Whether a copy in this process may be used, from the moment on at which its look-up or its write began.
///
/// A look-up that began before a change may come back after it and bring the old value. Comparing times or versions
/// does not help, because a store tells neither with a change. So whoever is about to bring a value takes a ticket
/// *before* asking, a change revokes the tickets of its key, and a copy is good only as long as its ticket is. It may
/// be stored late; it is never used.
final class CopyTicket: Sendable {
    /// Which flush of all copies it came after.
    let generation: UInt64
    /// When the look-up or the write began.
    let began: MonotonicInstant
    private let state = Atomic<UInt8>(0)

    init(generation: UInt64, began: MonotonicInstant) {
        self.generation = generation
        self.began = began
    }

    /// The copy must not be used.
    func revoke() { self.state.store(2, ordering: .releasing) }
    var isRevoked: Bool { self.state.load(ordering: .acquiring) == 2 }

    /// A change was told during the write, which may be the write itself.
    func disturb() { _ = self.state.compareExchange(expected: 0, desired: 1, ordering: .acquiringAndReleasing) }
    var isDisturbed: Bool { self.state.load(ordering: .acquiring) == 1 }
}

/// A copy of an entry in this process.
struct LocalCopy<Value: Sendable>: Sendable {
    let value: Value
    let ticket: CopyTicket
    /// The hash of the bytes, if this process wrote them; by it an echo is told from a change by others.
    let ownHash: UInt64?
}

/// The tickets of look-ups, loads, and writes under way, by key.
final class KeyWatch: Sendable {
    private struct Tickets {
        var reads: [CopyTicket] = []
        var writes: [CopyTicket] = []
        var isEmpty: Bool { self.reads.isEmpty && self.writes.isEmpty }
    }

    private final class Stripe: Sendable {
        let keys = Mutex<[CacheKey: Tickets]>([:])
    }

    private let stripes = (0..<16).map { _ in Stripe() }

    private func stripe(of key: CacheKey) -> Stripe { self.stripes[(key.hashValue >> 32) & 15] }

    func beginRead(_ key: CacheKey, _ ticket: CopyTicket) {
        self.stripe(of: key).keys.withLock { $0[key, default: Tickets()].reads.append(ticket) }
    }

    func endRead(_ key: CacheKey, _ ticket: CopyTicket) {
        self.stripe(of: key).keys.withLock { keys in
            keys[key]?.reads.removeAll { $0 === ticket }
            if keys[key]?.isEmpty == true { keys[key] = nil }
        }
    }

    /// A write begins: what others bring meanwhile may be older.
    ///
    /// Of two writes at once nobody here knows which the store made last, so neither may leave a copy.
    ///
    /// - Parameter load: The ticket of the load whose value is written; it stays good.
    func beginWrite(_ key: CacheKey, _ ticket: CopyTicket, sparing load: CopyTicket? = nil) {
        self.stripe(of: key).keys.withLock { keys in
            var tickets = keys[key] ?? Tickets()
            for other in tickets.reads where other !== load { other.revoke() }
            for other in tickets.writes { other.revoke() }
            if !tickets.writes.isEmpty { ticket.revoke() }
            tickets.writes.append(ticket)
            keys[key] = tickets
        }
    }

    /// A write is over: look-ups that began during it may have seen what was there before.
    func endWrite(_ key: CacheKey, _ ticket: CopyTicket, sparing load: CopyTicket? = nil) {
        self.stripe(of: key).keys.withLock { keys in
            guard var tickets = keys[key] else { return }
            tickets.writes.removeAll { $0 === ticket }
            for other in tickets.reads where other !== load { other.revoke() }
            keys[key] = tickets.isEmpty ? nil : tickets
        }
    }

    /// A change of the key was told.
    func invalidate(_ key: CacheKey) {
        self.stripe(of: key).keys.withLock { keys in
            guard let tickets = keys[key] else { return }
            for ticket in tickets.reads { ticket.revoke() }
            for ticket in tickets.writes { ticket.disturb() }
        }
    }

    /// How many keys are watched.
    var count: Int { self.stripes.reduce(0) { $0 + $1.keys.withLock(\.count) } }
}
