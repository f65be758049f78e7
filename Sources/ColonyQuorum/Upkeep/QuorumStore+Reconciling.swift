import ColonyCaches
public import ColonyCore
import ColonyHashing

/// What a comparison of two servers has found.
public struct Reconciliation: Hashable, Sendable {
    /// How many keys that belong on both were looked at, counted on each.
    public var keys = 0
    /// In how many ranges of the key space they differed, out of how many.
    public var differingRanges = 0
    /// Into how many ranges the key space was divided.
    public var ranges = 0
    /// How many keys were brought up to date on one of them or both.
    public var repaired = 0
}

extension QuorumStore {
    /// Compares what two servers hold of the keys that belong on both, and brings both up to date: anti-entropy.
    ///
    /// It is needed where neither reads nor hints reach: for keys that nobody reads, after hints were lost, and after a
    /// server has lost its data. Do it for all pairs of servers within ``QuorumSettings/tombstoneGrace``.
    ///
    /// - Important: It reads everything on both servers once, since they keep no tree of their own, and the keys of
    ///   ranges that differ twice.
    /// - Parameter rate: The most keys that are listed in a second, from 1.
    /// - Throws: ``QuorumError`` with `unsupported` where a server cannot list its keys, as Memcached cannot;
    ///   `unavailable`, `invalidRequest`, `cancelled`. What was repaired stays so; repeating it is harmless.
    /// - Complexity: O(*n*) in the keys of both servers; 64 KiB of memory, whatever their number.
    public func reconcile(
        _ first: NodeID, _ second: NodeID, rate: Int = 10_000
    ) async throws(QuorumError) -> Reconciliation {
        let lanes = [try self.lane(first), try self.lane(second)]
        guard first != second else {
            throw QuorumError(.invalidRequest, "the server \(first) cannot be compared with itself")
        }
        let map = try self.topology().current
        var result = Reconciliation()
        let mine = try await self.tree(of: lanes[0], sharedWith: lanes[1], map, rate, &result)
        let theirs = try await self.tree(of: lanes[1], sharedWith: lanes[0], map, rate, &result)
        let differing = Set(mine.differences(from: theirs))
        result.ranges = 1 << mine.depth
        result.differingRanges = differing.count
        if differing.isEmpty { return result }
        for (lane, other) in [(lanes[0], lanes[1]), (lanes[1], lanes[0])] {
            var repaired = 0
            try await self.eachPage(of: lane, rate: rate) { keys throws(QuorumError) in
                let suspects = keys.filter { key in
                    differing.contains(mine.leaf(ofKeyHash: map.placement.hash(ofKey: key.rawValue)))
                        && Self.isShared(key, lane, other, map)
                }
                repaired += try await self.equalise(suspects, lane, other)
            }
            result.repaired += repaired
        }
        return result
    }

    private static func isShared(_ key: CacheKey, _ first: ServerLane, _ second: ServerLane, _ map: ServerMap) -> Bool {
        let homes = map.homes(of: key)
        return homes.contains { $0 === first } && homes.contains { $0 === second }
    }

    private func tree(
        of lane: ServerLane, sharedWith other: ServerLane, _ map: ServerMap, _ rate: Int,
        _ result: inout Reconciliation
    ) async throws(QuorumError) -> MerkleTree {
        var tree = MerkleTree(depth: 12)
        // A page may list a key twice; one that comes again on a later page only makes its range differ, which is
        // harmless.
        var count = 0
        try await self.eachPage(of: lane, rate: rate) { keys throws(QuorumError) in
            let shared = Set(keys).filter { Self.isShared($0, lane, other, map) }.sorted()
            for (key, held) in zip(shared, try await self.entries(shared, on: lane)) {
                guard let held else { continue }
                count += 1
                tree.add(
                    keyHash: map.placement.hash(ofKey: key.rawValue), entryHash: XXH64.hash(held.value, seed: 0))
            }
        }
        result.keys += count
        return tree
    }

    /// Brings two servers to the same state of some keys.
    ///
    /// - Returns: How many differed.
    private func equalise(
        _ keys: [CacheKey], _ first: ServerLane, _ second: ServerLane
    ) async throws(QuorumError) -> Int {
        var repaired = 0
        let mine = try await self.entries(keys, on: first)
        let theirs = try await self.entries(keys, on: second)
        for (index, key) in keys.enumerated() where mine[index]?.value != theirs[index]?.value {
            let states = [mine[index], theirs[index]].map { held in
                held.flatMap { try? EnvelopeCoding.decode($0.value, key: key) }
            }
            guard var merged = states[0] ?? states[1] else { continue }
            if let other = states[1] { try merged.merge(other) }
            // A damaged copy is mended only by a quorum, which a read of the key has.
            var isDone = true
            for (lane, state) in zip([first, second], states) where state != merged {
                if await self.put(merged, of: key, on: lane) == false { isDone = false }
            }
            if isDone { repaired += 1 }
        }
        return repaired
    }
}
