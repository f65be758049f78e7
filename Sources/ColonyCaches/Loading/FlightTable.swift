import Synchronization

/// The flights of a ``LoadingCache`` by key, in stripes with a lock each.
///
/// Hits never come here. A stripe's lock is held for a look-up in a dictionary and never while code of the user runs,
/// apart from the hash and the equality of the key.
final class FlightTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    typealias Load = Flight<Key, Value>

    private struct Loads {
        /// The load that gets join.
        var current: Load?
        /// Loads that went past the hard time-out and may still come to a value. A new get starts a new load, so that one
        /// that hangs does not hold up its key for ever.
        var overdue: [Load] = []

        var isEmpty: Bool { self.current == nil && self.overdue.isEmpty }
    }

    private final class Stripe: Sendable {
        let loads = Mutex<[Key: Loads]>([:])
    }

    private let stripes: [Stripe]
    private let mask: Int

    /// - Parameter stripeCount: A power of two.
    init(stripeCount: Int = 64) {
        self.stripes = (0..<stripeCount).map { _ in Stripe() }
        self.mask = stripeCount - 1
    }

    private func stripe(of key: Key) -> Stripe {
        // The low bits choose the bucket in the dictionary of the stripe, so the stripe takes higher ones.
        self.stripes[(key.hashValue >> 32) & self.mask]
    }

    enum Joined {
        case place(Load, Int, isNew: Bool)
        case slow
        /// A load has stored its value since the caller looked.
        case stored
    }

    /// Takes a place in the load of a key that is under way, or in a new one, which the caller must then start.
    ///
    /// - Parameter isStored: Whether the cache has the value by now. A load stores its value before it leaves the table, so
    ///   whoever finds neither load nor value is the first. It must not run code of the user.
    func join(
        _ key: Key, hasFallback: Bool, isReload: Bool, isStored: () -> Bool, work: () -> LoadWork
    ) -> Joined {
        self.stripe(of: key).loads.withLock { table in
            if let current = table[key]?.current {
                switch current.join(hasFallback: hasFallback) {
                case .place(let place): return .place(current, place, isNew: false)
                case .slow: return .slow
                case .over: break
                }
            }
            if isStored() { return .stored }
            let flight = Load(
                key: key, work: work(), isKept: false, isReload: isReload, overtaking: table[key]?.overdue ?? [])
            guard case .place(let place) = flight.join(hasFallback: hasFallback) else {
                preconditionFailure("a flight that nobody else knows can be joined")
            }
            table[key, default: Loads()].current = flight
            return .place(flight, place, isNew: true)
        }
    }

    /// A new load of a key that goes on without waiters, which the caller must start; `nil` if one is under way.
    func reload(_ key: Key, work: () -> LoadWork) -> Load? {
        self.stripe(of: key).loads.withLock { table in
            if let current = table[key]?.current, current.keep() { return nil }
            let flight = Load(
                key: key, work: work(), isKept: true, isReload: true, overtaking: table[key]?.overdue ?? [])
            table[key, default: Loads()].current = flight
            return flight
        }
    }

    /// Forgets a load that is over, with those that it has overtaken.
    func remove(_ flight: Load, withOvertaken: Bool) {
        self.stripe(of: flight.key).loads.withLock { table in
            guard var loads = table[flight.key] else { return }
            if loads.current === flight { loads.current = nil }
            loads.overdue.removeAll { other in
                other === flight || withOvertaken && flight.overtaken.contains { $0 === other }
            }
            table[flight.key] = loads.isEmpty ? nil : loads
        }
    }

    /// Sets a load aside that has gone past the hard time-out.
    func setAside(_ flight: Load) {
        self.stripe(of: flight.key).loads.withLock { table in
            guard table[flight.key]?.current === flight else { return }
            table[flight.key]?.current = nil
            table[flight.key]?.overdue.append(flight)
        }
    }

    /// Takes all loads of a key out and forbids them to store anything.
    ///
    /// - Returns: The loads.
    @discardableResult
    func detach(_ key: Key) -> [Load] {
        self.stripe(of: key).loads.withLock { table in
            guard !table.isEmpty, let loads = table.removeValue(forKey: key) else { return [] }
            return Self.detached(loads)
        }
    }

    /// Takes all loads of all keys out and forbids them to store anything.
    func detachAll() {
        for stripe in self.stripes {
            stripe.loads.withLock { table in
                for loads in table.values { _ = Self.detached(loads) }
                table.removeAll()
            }
        }
    }

    private static func detached(_ loads: Loads) -> [Load] {
        let all = loads.overdue + (loads.current.map { [$0] } ?? [])
        for load in all { load.detach() }
        return all
    }

    /// The load of a key that gets join.
    func current(_ key: Key) -> Load? { self.stripe(of: key).loads.withLock { $0[key]?.current } }

    /// How many loads are under way.
    ///
    /// - Complexity: O(*n*) in the number of stripes and keys that are loaded.
    var count: Int {
        self.stripes.reduce(0) { sum, stripe in
            sum
                + stripe.loads.withLock { table in
                    table.values.reduce(0) { $0 + $1.overdue.count + ($1.current == nil ? 0 : 1) }
                }
        }
    }
}
