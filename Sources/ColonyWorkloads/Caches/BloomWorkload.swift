import ColonyCaches
import ColonyHashing

/// How fast a Bloom filter answers: for keys that are in it, which costs a look at every place, and for strangers, which
/// ends at the first place that is not set.
public enum BloomWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        [
            self.lookUps("bloom-present", "keys that are in it", firstKey: 0),
            self.lookUps("bloom-absent", "keys that are not in it", firstKey: UInt64(Self.keyCount)),
            self.texts,
            self.insertions,
        ]
    }

    /// How many keys the filter is sized for and holds: a million, which are 1.2 MB at 1 %.
    public static var keyCount: Int { 1_000_000 }

    private static var target: MeasurementTarget { .atLeast(20_000_000, "look-ups/s") }

    private static func lookUps(_ name: String, _ which: String, firstKey: UInt64) -> Workload {
        Workload(
            name: name, title: "Bloom filter of 1 M keys, 1 %: \(which), 1 thread", target: Self.target
        ) { workload, options in
            let filter = try Self.filledFilter()
            return try await Self.measure(workload, options, unit: "look-ups/s") { count in
                var found = 0
                // A step that is coprime to the number of keys visits them in an order that no prefetcher follows.
                var key: UInt64 = 0
                for _ in 0..<count {
                    if filter.contains(firstKey &+ key) { found &+= 1 }
                    key &+= 618_033
                    if key >= UInt64(Self.keyCount) { key &-= UInt64(Self.keyCount) }
                }
                guard firstKey > 0 || found == count else {
                    throw WorkloadError("\(count - found) keys of \(count) were forgotten")
                }
                guard firstKey == 0 || Double(found) < max(100, 0.02 * Double(count)) else {
                    throw WorkloadError("\(found) strangers of \(count) were let in")
                }
            }
        }
    }

    private static var texts: Workload {
        Workload(
            name: "bloom-text", title: "Bloom filter of 1 M keys, 1 %: texts of 16 bytes that are in it, 1 thread",
            target: Self.target
        ) { workload, options in
            var filter = try BloomFilter(expectedCount: Self.keyCount, errorRate: 0.01)
            let texts = (0..<4_096).map { "user:\(10_000_000_000 + $0)" }
            for text in texts { filter.insert(text) }
            for key in 0..<(Self.keyCount - texts.count) { filter.insert(key) }
            return try await Self.measure(workload, options, unit: "look-ups/s") { count in
                var found = 0
                for index in 0..<count where filter.contains(texts[index & 4_095]) { found &+= 1 }
                guard found == count else { throw WorkloadError("\(count - found) keys of \(count) were forgotten") }
            }
        }
    }

    private static var insertions: Workload {
        Workload(
            name: "bloom-insert", title: "Bloom filter of 1 M keys, 1 %: new keys, 1 thread"
        ) { workload, options in
            var filter = try BloomFilter(expectedCount: Self.keyCount, errorRate: 0.01)
            return try await Self.measure(workload, options, unit: "keys/s") { count in
                filter.removeAll()
                for key in 0..<count { filter.insert(key) }
                guard filter.contains(0) else { throw WorkloadError("the first key was forgotten") }
            }
        }
    }

    private static func filledFilter() throws -> BloomFilter {
        var filter = try BloomFilter(expectedCount: Self.keyCount, errorRate: 0.01)
        for key in 0..<UInt64(Self.keyCount) { filter.insert(key) }
        return filter
    }

    private static func measure(
        _ workload: Workload, _ options: WorkloadOptions, unit: String, _ body: (Int) throws -> Void
    ) async throws -> Measurement {
        let operations = options.count(Self.keyCount * 5, atLeast: 1_000)
        let rounds = try await Rounds.measure(workload.name, operations: operations, options: options) { count in
            try body(count)
        }
        return Measurement(
            workload: workload.name, title: workload.title, figure: rounds.median, unit: unit, count: rounds.count,
            spread: rounds.spread, facts: [.init("one key", 1e9 / rounds.median, "ns")], target: workload.target)
    }
}
