// The points of a ring, sorted, in two arrays side by side: a look-up reads the hashes only, eight to a cache line, and one
// owner at the end.
//
// A binary search over all points takes log2(16,000) = 14 steps for a hundred nodes, each a branch that the processor
// guesses wrong half of the time. The points are hashes, though, and lie evenly. So a third array, the guide, says for each
// value of the upper bits where its points begin, with about one point per entry; what is left to search is the run between
// two entries of the guide. That is the indexed search of Chen and Asau (1974), known from drawing random variates. The
// expected cost no longer depends on the number of points. Even if somebody chose names so that all points fell on one
// entry, the run is searched in halves, so the worst case is that of the plain binary search.

/// A point of a ring and the node that owns it.
@usableFromInline
package struct RingPoint: Hashable, Comparable, Sendable {
    package var hash: UInt64
    package var owner: UInt32

    package init(hash: UInt64, owner: UInt32) {
        self.hash = hash
        self.owner = owner
    }

    /// Points that coincide are ordered by their owners, and the first one counts.
    @usableFromInline
    package static func < (one: RingPoint, other: RingPoint) -> Bool {
        one.hash == other.hash ? one.owner < other.owner : one.hash < other.hash
    }
}

/// Sorted points with a guide for finding the first one at or above a hash.
@usableFromInline
package struct PointTable: Hashable, Sendable {
    @usableFromInline package let hashes: [UInt64]
    @usableFromInline package let owners: [UInt32]
    /// For each value of the upper bits, the position of the first point that is not below it; one entry more at the end.
    @usableFromInline package let guide: [UInt32]
    /// By how much a hash is shifted to give its entry of the guide.
    @usableFromInline package let shift: UInt64

    /// - Complexity: O(*p* log *p*) for *p* points.
    package init(_ points: [RingPoint]) {
        let sorted = points.sorted()
        self.init(hashes: sorted.map(\.hash), owners: sorted.map(\.owner))
    }

    /// - Complexity: O(*p*).
    private init(hashes: [UInt64], owners: [UInt32]) {
        precondition(!hashes.isEmpty, "a ring needs at least one point")
        // At least one bit, so that the shift stays below the width of a hash.
        let bits = max(1, UInt64(64 - (hashes.count - 1).leadingZeroBitCount))
        let shift = 64 - bits
        self.hashes = hashes
        self.owners = owners
        self.shift = shift
        let entries = 1 << Int(bits)
        self.guide = [UInt32](unsafeUninitializedCapacity: entries + 1) { guide, count in
            var entry = 0
            for position in hashes.indices {
                let own = Int(hashes[position] >> shift)
                while entry <= own {
                    guide[entry] = UInt32(position)
                    entry += 1
                }
            }
            while entry <= entries {
                guide[entry] = UInt32(hashes.count)
                entry += 1
            }
            count = entries + 1
        }
    }

    /// The position of the first point at or above the hash; past the last point the ring begins again at 0.
    ///
    /// - Complexity: O(1) expected for evenly spread points, O(log *p*) in the worst case.
    @inlinable
    package func position(of hash: UInt64) -> Int {
        let entry = Int(hash >> self.shift)
        var low = Int(self.guide[entry])
        var high = Int(self.guide[entry + 1])
        while low < high {
            let middle = (low + high) >> 1
            if self.hashes[middle] < hash { low = middle + 1 } else { high = middle }
        }
        return low == self.hashes.count ? 0 : low
    }

    /// The owner of the first point at or above the hash.
    @inlinable
    package func owner(of hash: UInt64) -> Int {
        Int(self.owners[self.position(of: hash)])
    }

    /// The first `count` different owners on the way round from the hash, those in different zones first.
    ///
    /// - Parameter count: At least 1 and at most the number of owners that have points.
    /// - Complexity: O(*n*/64) for *n* owners, plus the points passed.
    package func owners(from hash: UInt64, count: Int, zones: [UInt32], zoneCount: Int) -> [Int] {
        var selection = ReplicaSelection(count, zones: zones, zoneCount: zoneCount)
        var position = self.position(of: hash)
        for _ in self.owners.indices {
            if selection.offer(Int(self.owners[position])) { break }
            position += 1
            if position == self.owners.count { position = 0 }
        }
        return selection.picked()
    }

    /// The table with some points more and some less.
    ///
    /// - Parameters:
    ///   - added: New points, with owners as they are numbered afterwards.
    ///   - removed: Points of this table, with owners as they are numbered now.
    ///   - renumber: The new number of an owner that stays. It must keep the order of the numbers.
    /// - Complexity: O(*p* + *a* log *a*) for *p* points and *a* changes, with one pass over the points.
    package func merging(
        added: [RingPoint] = [], removed: [RingPoint] = [], renumber: (UInt32) -> UInt32 = { $0 }
    ) -> PointTable {
        let added = added.sorted()
        let removed = removed.sorted()
        let count = self.hashes.count + added.count - removed.count
        var owners: [UInt32] = []
        let hashes = [UInt64](unsafeUninitializedCapacity: count) { hashes, hashCount in
            owners = [UInt32](unsafeUninitializedCapacity: count) { owners, ownerCount in
                var end = 0
                var nextAdded = 0
                var nextRemoved = 0
                for position in self.hashes.indices {
                    let hash = self.hashes[position]
                    let owner = self.owners[position]
                    if nextRemoved < removed.count, removed[nextRemoved].hash == hash,
                        removed[nextRemoved].owner == owner
                    {
                        nextRemoved += 1
                        continue
                    }
                    let kept = RingPoint(hash: hash, owner: renumber(owner))
                    while nextAdded < added.count, added[nextAdded] < kept {
                        hashes[end] = added[nextAdded].hash
                        owners[end] = added[nextAdded].owner
                        nextAdded += 1
                        end += 1
                    }
                    hashes[end] = kept.hash
                    owners[end] = kept.owner
                    end += 1
                }
                while nextAdded < added.count {
                    hashes[end] = added[nextAdded].hash
                    owners[end] = added[nextAdded].owner
                    nextAdded += 1
                    end += 1
                }
                precondition(
                    end == count && nextRemoved == removed.count,
                    "\(removed.count - nextRemoved) points that should go were not in the ring")
                ownerCount = end
            }
            hashCount = count
        }
        return PointTable(hashes: hashes, owners: owners)
    }

    /// The share of all hashes that each owner has.
    ///
    /// - Complexity: O(*p*).
    package func shares(owners count: Int) -> [Double] {
        var shares = [Double](repeating: 0, count: count)
        // A point has what lies between the point before it and itself; the first one also what lies beyond the last.
        var before = self.hashes[self.hashes.count - 1]
        for position in self.hashes.indices {
            let hash = self.hashes[position]
            let isWhole = self.hashes[0] == self.hashes[self.hashes.count - 1] && position == 0
            shares[Int(self.owners[position])] += isWhole ? 1 : Double(hash &- before) * 0x1p-64
            before = hash
        }
        return shares
    }
}
