import ColonyCore

/// A count for each of some nodes; nodes without one have zero. It is what vector clocks, contexts, and counters share.
///
/// The entries lie in one array, sorted by node name and without zeros, so that two equal tables have equal arrays, and
/// comparing or merging two tables is one walk over both. With the few nodes that such a table has in practice, this is
/// faster than a hash table, and smaller.
struct NodeCounts: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        let node: NodeID
        var count: UInt64
    }

    /// Sorted by ``NodeID/precedes(_:)``, each node once, each count above zero.
    private(set) var entries: [Entry] = []

    init() {}

    /// The count of `node`, or 0.
    ///
    /// - Complexity: O(log *n*).
    subscript(node: NodeID) -> UInt64 {
        let place = self.place(of: node)
        return place.isTaken ? self.entries[place.index].count : 0
    }

    /// Sets the count of `node`; 0 takes the entry out.
    ///
    /// - Complexity: O(log *n*), or O(*n*) for an entry that comes or goes.
    mutating func set(_ count: UInt64, for node: NodeID) {
        let place = self.place(of: node)
        switch (place.isTaken, count) {
        case (true, 0): self.entries.remove(at: place.index)
        case (true, _): self.entries[place.index].count = count
        case (false, 0): break
        case (false, _): self.entries.insert(Entry(node: node, count: count), at: place.index)
        }
    }

    /// Raises the count of `node` to `count` if it is lower.
    mutating func raise(_ node: NodeID, to count: UInt64) {
        if self[node] < count { self.set(count, for: node) }
    }

    /// Takes the greater count of each node.
    ///
    /// - Complexity: O(*n* + *m*).
    mutating func formMaximum(_ other: NodeCounts) {
        // To learn nothing new is the common case of a gossip, and needs no new array.
        if self.order(to: other).isAtLeast { return }
        var result: [Entry] = []
        result.reserveCapacity(self.entries.count + other.entries.count)
        Self.walk(self.entries, other.entries) { node, mine, theirs in
            result.append(Entry(node: node, count: max(mine, theirs)))
            return true
        }
        self.entries = result
    }

    /// How the counts of the nodes compare, all together.
    ///
    /// - Complexity: O(*n* + *m*); it ends early once each side has a greater count.
    func order(to other: NodeCounts) -> CausalOrder {
        var isBelow = false
        var isAbove = false
        Self.walk(self.entries, other.entries) { _, mine, theirs in
            if mine < theirs { isBelow = true }
            if mine > theirs { isAbove = true }
            return !(isBelow && isAbove)
        }
        return switch (isBelow, isAbove) {
        case (false, false): .equal
        case (true, false): .before
        case (false, true): .after
        case (true, true): .concurrent
        }
    }

    /// Keeps the entries that pass.
    mutating func filter(_ isKept: (Entry) -> Bool) {
        self.entries.removeAll { !isKept($0) }
    }

    /// Visits the nodes of both in order, with their counts on both sides, until `visit` returns `false`.
    private static func walk(
        _ first: [Entry], _ second: [Entry], _ visit: (NodeID, UInt64, UInt64) -> Bool
    ) {
        var i = 0
        var j = 0
        while i < first.count || j < second.count {
            let goesOn: Bool
            if j == second.count {
                goesOn = visit(first[i].node, first[i].count, 0)
                i += 1
            } else if i == first.count {
                goesOn = visit(second[j].node, 0, second[j].count)
                j += 1
            } else if first[i].node == second[j].node {
                goesOn = visit(first[i].node, first[i].count, second[j].count)
                i += 1
                j += 1
            } else if first[i].node.precedes(second[j].node) {
                goesOn = visit(first[i].node, first[i].count, 0)
                i += 1
            } else {
                goesOn = visit(second[j].node, 0, second[j].count)
                j += 1
            }
            if !goesOn { return }
        }
    }

    private func place(of node: NodeID) -> (index: Int, isTaken: Bool) {
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            let candidate = self.entries[middle].node
            if candidate == node { return (middle, true) }
            if candidate.precedes(node) { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }
}

extension NodeID {
    /// The order of node names that breaks ties: that of their text, which agrees with their equality.
    func precedes(_ other: NodeID) -> Bool {
        self.rawValue < other.rawValue
    }
}

/// The name of a node as a key of an object.
struct NodeKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) {
        self.stringValue = stringValue
    }

    init?(intValue: Int) {
        self.stringValue = String(intValue)
    }
}

extension NodeCounts: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: NodeKey.self)
        for key in container.allKeys {
            let path = container.codingPath + [key]
            let node: NodeID
            do {
                node = try NodeID(key.stringValue)
            } catch {
                throw ClockError.malformed(error.description, at: path)
            }
            let count = try container.decode(Count.self, forKey: key).value
            guard count > 0 else {
                throw ClockError.malformed("the entry of node \(node) is zero, and such entries are left out", at: path)
            }
            guard self[node] == 0 else {
                throw ClockError.malformed("node \(node) has two entries", at: path)
            }
            self.set(count, for: node)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: NodeKey.self)
        for entry in self.entries {
            try container.encode(Count(value: entry.count), forKey: NodeKey(stringValue: entry.node.rawValue))
        }
    }
}

/// A count as it is encoded: a number up to 2⁵³ − 1, which JavaScript keeps exactly, and its decimal digits as text beyond.
struct Count: Codable {
    static let largestNumber: UInt64 = (1 << 53) - 1

    let value: UInt64

    init(value: UInt64) {
        self.value = value
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt64.self) {
            self.value = number
        } else if let negative = try? container.decode(Int64.self) {
            throw ClockError.malformed("the count \(negative) is negative", at: container.codingPath)
        } else if let text = try? container.decode(String.self) {
            guard let number = UInt64(text), String(number) == text else {
                throw ClockError.malformed(
                    "\(NameRules.quoted(text)) is no count: decimal digits below 2⁶⁴ were expected",
                    at: container.codingPath)
            }
            self.value = number
        } else {
            throw ClockError.malformed(
                "a count is a whole number from 0 to 2⁶⁴ − 1, or its digits as text", at: container.codingPath)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if self.value <= Self.largestNumber {
            try container.encode(self.value)
        } else {
            try container.encode(String(self.value))
        }
    }
}
