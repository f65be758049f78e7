import ColonyCore
import ColonyHashing

/// How fast the hashes are: a large input, where the loop counts, and a short key, where the call counts.
public enum HashSpeedWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        // The loops are written out for each hash, so that each is compiled for its own, as in a program that uses it.
        [
            self.large("xxh3") { Self.hashLarge(XXH3.self, $0, times: $1) },
            self.large("xxh64") { Self.hashLarge(XXH64.self, $0, times: $1) },
            self.large("murmur3-128") { Self.hashLarge(Murmur3.X64_128.self, $0, times: $1) },
            self.large("murmur3-32") { Self.hashLarge(Murmur3.X86_32.self, $0, times: $1) },
            self.short("xxh3", target: Self.keyTarget) { Self.hashShort(XXH3.self, $0, times: $1) },
            self.short("xxh64", target: Self.keyTarget) { Self.hashShort(XXH64.self, $0, times: $1) },
            self.short("murmur3-128") { Self.hashShort(Murmur3.X64_128.self, $0, times: $1) },
            self.short("murmur3-32") { Self.hashShort(Murmur3.X86_32.self, $0, times: $1) },
        ]
    }

    private static var keyTarget: MeasurementTarget { .atMost(12, "ns", of: Self.costOfKey) }

    /// The fact of a workload over short keys that says what one of them costs, in nanoseconds.
    public static let costOfKey = "one key"

    /// How many bytes the large keys have: 1 MiB.
    public static var largeKeyBytes: Int { 1_048_576 }

    /// The input of all workloads, bytes without a pattern: a large key and 64 bytes more.
    public static func largeInput() -> [UInt8] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<(Self.largeKeyBytes + 64)).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    /// How many bytes the keys of the workloads over short keys have.
    public static var shortKeyBytes: Int { 16 }

    /// How many short keys lie one after the other in the input: 64 KiB of them, which the processor's cache holds, because
    /// a key that is hashed has just been read.
    public static var shortKeys: Int { 4_096 }

    /// Hashes the input so many times and gives the sum of the hashes.
    public typealias Loop = @Sendable (_ input: UnsafeRawBufferPointer, _ times: Int) -> UInt64

    /// A workload over the large input; the comparison with the C library makes its own with this as well.
    public static func large(_ name: String, _ loop: @escaping Loop) -> Workload {
        Workload(name: "hash-\(name)-1MiB", title: "\(name) of 1 MiB, one-shot, 1 thread") { workload, options in
            let rounds = try await Self.rounds(of: workload, operations: options.count(2_000), options, loop)
            return Measurement(
                workload: workload.name, title: workload.title, figure: rounds.median / 1_024, unit: "GiB/s",
                count: rounds.count,
                spread: (rounds.spread.lowerBound / 1_024)...(rounds.spread.upperBound / 1_024),
                target: workload.target)
        }
    }

    /// A workload over short keys.
    public static func short(
        _ name: String, target: MeasurementTarget? = nil, _ loop: @escaping Loop
    ) -> Workload {
        Workload(
            name: "hash-\(name)-16B", title: "\(name) of keys of 16 bytes, one-shot, 1 thread", target: target
        ) { workload, options in
            let operations = options.count(20_000_000, atLeast: 100)
            let rounds = try await Self.rounds(of: workload, operations: operations, options, loop)
            return Measurement(
                workload: workload.name, title: workload.title, figure: rounds.median, unit: "keys/s",
                count: rounds.count, spread: rounds.spread,
                facts: [.init(Self.costOfKey, 1e9 / rounds.median, "ns")], target: workload.target)
        }
    }

    private static func rounds(
        of workload: Workload, operations: Int, _ options: WorkloadOptions, _ loop: Loop
    ) async throws -> Rounds {
        let input = Self.largeInput()
        // Comparing the sums also keeps the optimiser from leaving the hashes out.
        var sums: [Int: UInt64] = [:]
        return try await Rounds.measure(workload.name, operations: operations, options: options) { times in
            let sum = input.withUnsafeBytes { loop($0, times) }
            guard sums.updateValue(sum, forKey: times) ?? sum == sum else {
                throw WorkloadError("\(workload.name) gave two sums for the same keys")
            }
        }
    }

    // MARK: Loops

    // Public and inlined, so that the comparison with the C library walks the same keys in the same way.

    /// Hashes 1 MiB of the input, `times` times, each time from a place that depends on the sum up to now: a hash of the
    /// same bytes again and again could be computed once, and the optimiser does that.
    @inlinable
    @inline(__always)
    public static func overLargeKeys(
        _ input: UnsafeRawBufferPointer, _ times: Int, _ hash: (UnsafeRawBufferPointer) -> UInt64
    ) -> UInt64 {
        guard let base = input.baseAddress else { return 0 }
        var sum: UInt64 = 0
        for _ in 0..<times {
            let start = base + Int(truncatingIfNeeded: sum & 7) &* 8
            sum &+= hash(UnsafeRawBufferPointer(start: start, count: Self.largeKeyBytes))
        }
        return sum
    }

    /// Hashes `times` keys of 16 bytes, one after the other through the first 64 KiB of the input.
    @inlinable
    @inline(__always)
    public static func overShortKeys(
        _ input: UnsafeRawBufferPointer, _ times: Int, _ hash: (UnsafeRawBufferPointer) -> UInt64
    ) -> UInt64 {
        guard let base = input.baseAddress else { return 0 }
        var sum: UInt64 = 0
        for time in 0..<times {
            let key = base + (time & (Self.shortKeys - 1)) &* Self.shortKeyBytes
            sum &+= hash(UnsafeRawBufferPointer(start: key, count: Self.shortKeyBytes))
        }
        return sum
    }

    @inline(__always)
    private static func hashLarge<Hash: ByteHash>(
        _ hash: Hash.Type, _ input: UnsafeRawBufferPointer, times: Int
    ) -> UInt64 where Hash.Value: BinaryInteger {
        Self.overLargeKeys(input, times) { UInt64(truncatingIfNeeded: Hash.hash($0, seed: 0)) }
    }

    @inline(__always)
    private static func hashShort<Hash: ByteHash>(
        _ hash: Hash.Type, _ input: UnsafeRawBufferPointer, times: Int
    ) -> UInt64 where Hash.Value: BinaryInteger {
        Self.overShortKeys(input, times) { UInt64(truncatingIfNeeded: Hash.hash($0, seed: 0)) }
    }
}
