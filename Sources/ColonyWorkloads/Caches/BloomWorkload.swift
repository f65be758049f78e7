import ColonyCaches
import ColonyHashing

/// How fast a Bloom filter answers: for keys that are in it, which costs a look at every place, and for strangers, which
/// ends at the first place that is not set.
public enum BloomWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        [
            self.lookUps("bloom-present", "keys that are in it", arePresent: true),
            self.lookUps("bloom-absent", "keys that are not in it", arePresent: false),
            self.texts,
            self.insertions,
        ]
    }

    /// How many keys the filter of a full run is sized for and holds: a million, which are 1.2 MB at 1 %.
    public static var keyCount: Int { 1_000_000 }

    private static func keyCount(_ options: WorkloadOptions) -> Int { options.count(Self.keyCount, atLeast: 5_000) }

    private static var target: MeasurementTarget { .atLeast(20_000_000, "look-ups/s") }

    private static func lookUps(_ name: String, _ which: String, arePresent: Bool) -> Workload {
        Workload(
            name: name, title: "Bloom filter of 1 M keys, 1 %: \(which), 1 thread", target: Self.target
        ) { workload, options in
            let keyCount = UInt64(Self.keyCount(options))
            let filter = try Self.filledFilter(Int(keyCount))
            let firstKey = arePresent ? 0 : keyCount
            return try await Self.measure(workload, options, unit: "look-ups/s") { count in
                var found = 0
                // A step that is not far from the golden section visits the keys in an order that no prefetcher follows.
                var key: UInt64 = 0
                let step = keyCount * 618_033 / 1_000_000
                for _ in 0..<count {
                    if filter.contains(firstKey &+ key) { found &+= 1 }
                    key &+= step
                    if key >= keyCount { key &-= keyCount }
                }
                guard !arePresent || found == count else {
                    throw WorkloadError("\(count - found) keys of \(count) were forgotten")
                }
                guard arePresent || Double(found) < max(100, 0.02 * Double(count)) else {
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
            let keyCount = Self.keyCount(options)
            var filter = try BloomFilter(expectedCount: keyCount, errorRate: 0.01)
            let texts = (0..<4_096).map { "user:\(10_000_000_000 + $0)" }
            for text in texts { filter.insert(text) }
            for key in 0..<(keyCount - texts.count) { filter.insert(key) }
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
            let keyCount = Self.keyCount(options)
            var filter = try BloomFilter(expectedCount: keyCount, errorRate: 0.01)
            return try await Self.measure(workload, options, unit: "keys/s") { count in
                var left = count
                while left > 0 {
                    filter.removeAll()
                    for key in 0..<min(left, keyCount) { filter.insert(key) }
                    left -= keyCount
                }
                guard filter.contains(0) else { throw WorkloadError("the first key was forgotten") }
            }
        }
    }

    private static func filledFilter(_ keyCount: Int) throws -> BloomFilter {
        var filter = try BloomFilter(expectedCount: keyCount, errorRate: 0.01)
        for key in 0..<UInt64(keyCount) { filter.insert(key) }
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
