import CAllocations
import ColonyCaches
import ColonyCore
import ColonyWorkloads
import Foundation

/// What a cache costs in memory: per entry that it holds, and per look-up.
enum CacheCost {
    static let all = [Self.entry, Self.hit]

    private static let overhead = "above key and value"

    /// From an empty program to a full cache, and not from an empty cache: tables that are made at once count as well.
    private static let entry = Workload(
        name: "cache-entry", title: "memory of a cache of 1,000,000 entries, Int to Int, full",
        target: .atMost(80, "bytes", of: Self.overhead)
    ) { workload, options in
        try Self.requireCounting()
        let entries = options.count(1_000_000, atLeast: 10_000)
        let residentBefore = try Self.residentBytes()
        let allocatedBefore = colony_allocated_bytes()
        let cache = try Cache<Int, Int>(capacity: entries)
        for key in 0..<entries { cache.set(key, to: key) }
        let allocated = Double(colony_allocated_bytes()) - Double(allocatedBefore)
        let resident = Double(try Self.residentBytes()) - Double(residentBefore)
        let held = withExtendedLifetime(cache) { cache.count }
        guard held > entries * 99 / 100 else { throw WorkloadError("only \(held) of \(entries) entries are there") }
        // The larger of the two: memory that was mapped by hand is not in the allocator's figure, and memory that
        // earlier workloads gave back to the allocator is not in the system's.
        let perEntry = max(allocated, resident) / Double(held)
        return Measurement(
            workload: workload.name, title: workload.title, figure: perEntry, unit: "bytes", count: held,
            facts: [
                .init(Self.overhead, perEntry - 16, "bytes"),
                .init("allocated", allocated / Double(held), "bytes"),
                .init("resident", resident / Double(held), "bytes"),
            ],
            target: workload.target)
    }

    private static let hit = Workload(
        name: "cache-hit-allocations", title: "allocations of 1,000,000 look-ups that hit, 1 thread",
        target: .atMost(0, "allocations")
    ) { workload, options in
        try Self.requireCounting()
        let keys = KeySequence(keySpace: CacheLoad.hits.keySpace, threads: 1)
        let operations = options.count(1_000_000, atLeast: 10_000)
        let cache = try CacheLoad.hits.makeCache(policy: .adaptive)
        let counts = ThreadTeam.run(1) { _, _ in
            // What a thread allocates once, when it first meets the cache, is no part of a look-up.
            _ = CacheLoad.read(cache, keys.threads[0], 1_000)
            let before = colony_allocations()
            let outcome = CacheLoad.read(cache, keys.threads[0], operations)
            return (colony_allocations() - before, outcome.misses)
        }
        guard counts[0].1 == 0 else { throw WorkloadError("\(counts[0].1) look-ups missed") }
        // A counter that counts nothing would please, so it is shown to count.
        let before = colony_allocations()
        let proof = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8)
        let counted = colony_allocations() - before
        proof.deallocate()
        guard counted == 1 else { throw WorkloadError("one allocation was counted as \(counted)") }
        return Measurement(
            workload: workload.name, title: workload.title, figure: Double(counts[0].0), unit: "allocations",
            count: operations, target: workload.target)
    }

    private static func requireCounting() throws {
        guard colony_counts_allocations() else {
            throw WorkloadError("allocations are counted on Linux with glibc only")
        }
    }

    private static func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        guard let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw WorkloadError("/proc/self/statm says \(text)")
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
