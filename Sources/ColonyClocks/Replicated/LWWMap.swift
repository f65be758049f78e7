// Why removals leave something behind
//
// A map of last-write-wins registers removes a key by writing "nothing" to it. The stamp of the removal has to stay, or a
// replica that has not heard of it brings the old value back at the next merge. So the map grows with the keys that it ever
// had. `forgetRemovals(before:)` drops those that every replica has seen, which only the operator of the replicas can know.
//
// [1] Shapiro et al., A comprehensive study of Convergent and Commutative Replicated Data Types, INRIA RR-7506, 2011,
//     section 3.2.1, specification 8 (the register), and section 3.3.3, LWW-element-Set.

/// A map in which the last write of each key counts, removals included.
///
/// The size is O(*k*) in the number of keys that it ever had, until ``forgetRemovals(before:)``.
///
/// - Important: Concurrent writes to one key are dropped but for one, silently.
/// - SeeAlso: Shapiro et al. 2011, specification 8. ``ORSet`` for a set in which a concurrent addition survives a removal.
public struct LWWMap<Key: Hashable & Sendable, Value: TieBreaking>: Replicated {
    /// A later write to a key replaces the earlier ones, also those that did not arrive.
    public static var deltaDelivery: DeltaDelivery { .laterRepairsEarlier }

    /// The last write of each key; a value of `nil` is a removal.
    private var writes: [Key: LWWRegister<Value?>]

    /// A map without keys.
    public init() {
        self.writes = [:]
    }

    /// The value of the last write to `key`, or `nil` if there was none or it was a removal.
    ///
    /// - Complexity: O(1) on average.
    public subscript(key: Key) -> Value? { self.writes[key]?.value ?? nil }

    /// When and where `key` was last written or removed.
    ///
    /// - Complexity: O(1) on average.
    public func stamp(of key: Key) -> WriteStamp? { self.writes[key]?.stamp }

    /// The keys that have a value, with it.
    ///
    /// - Complexity: O(*k*).
    public var values: [Key: Value] { self.writes.compactMapValues { $0.value ?? nil } }

    /// How many keys were removed and are not forgotten.
    ///
    /// - Complexity: O(*k*).
    public var removalCount: Int { self.writes.values.count { ($0.value ?? nil) == nil } }

    /// Writes `value` to `key`, if `stamp` is later than that of its last write or removal.
    ///
    /// - Parameters:
    ///   - value: The new value.
    ///   - key: The key.
    ///   - stamp: A fresh time of this replica's clock and its name, as for ``LWWRegister/set(_:at:)``.
    /// - Returns: The delta: this write. Repeating the call changes nothing.
    /// - Complexity: O(1) on average.
    @discardableResult
    public mutating func set(_ value: Value, forKey key: Key, at stamp: WriteStamp) -> LWWMap {
        self.write(value, key, stamp)
    }

    /// Removes `key`, if `stamp` is later than that of its last write. A removal is kept also for a key without a value, as
    /// the write that it is about may not have arrived yet.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - stamp: A fresh time of this replica's clock and its name, as for ``LWWRegister/set(_:at:)``.
    /// - Returns: The delta: this removal. Repeating the call changes nothing.
    /// - Complexity: O(1) on average.
    @discardableResult
    public mutating func remove(_ key: Key, at stamp: WriteStamp) -> LWWMap {
        self.write(nil, key, stamp)
    }

    private mutating func write(_ value: Value?, _ key: Key, _ stamp: WriteStamp) -> LWWMap {
        var delta = LWWMap()
        delta.writes[key] = self.writes[key, default: LWWRegister()].set(value, at: stamp)
        return delta
    }

    /// Keeps the later write of each key.
    ///
    /// - Complexity: O(*m*) in the number of keys of `other`.
    public mutating func merge(_ other: LWWMap) {
        self.writes.merge(other.writes) { $0.merging($1) }
    }

    /// Drops what is kept of removals earlier than `time`.
    ///
    /// - Important: Safe only if every replica, and every delta or stored state that can still be merged, has all writes
    ///   earlier than `time`; otherwise a removed value comes back. And all replicas have to forget up to the same time, or
    ///   they bring back one another's removals, which does no harm but undoes the work.
    /// - Complexity: O(*k*).
    public mutating func forgetRemovals(before time: HybridTimestamp) {
        self.writes = self.writes.filter { _, write in
            guard let stamp = write.stamp, stamp.time < time else { return true }
            return (write.value ?? nil) != nil
        }
    }
}

/// Encoded as a list of `{"key":…,"stamp":…,"value":…}`; a removal has no value. The order of the list says nothing.
extension LWWMap: Codable where Key: Codable, Value: Codable {
    private enum Field: String, CodingKey { case key, stamp, value }

    public init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        self.init()
        while !list.isAtEnd {
            let path = list.codingPath
            let container = try list.nestedContainer(keyedBy: Field.self)
            let key = try container.decode(Key.self, forKey: .key)
            guard self.writes[key] == nil else {
                throw ClockError.malformed("the map has two entries for one key", at: path)
            }
            let stamp = try container.decode(WriteStamp.self, forKey: .stamp)
            // A value that is itself optional may be null, and then stands there all the same.
            let value = container.contains(.value) ? try container.decode(Value.self, forKey: .value) : nil
            var register = LWWRegister<Value?>()
            register.set(value, at: stamp)
            self.writes[key] = register
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        for (key, write) in self.writes {
            guard let stamp = write.stamp else { continue }
            var container = list.nestedContainer(keyedBy: Field.self)
            try container.encode(key, forKey: .key)
            try container.encode(stamp, forKey: .stamp)
            if let value = write.value ?? nil { try container.encode(value, forKey: .value) }
        }
    }
}
