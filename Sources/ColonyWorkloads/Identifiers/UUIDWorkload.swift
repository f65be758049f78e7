import ColonyCore
import ColonyIdentifiers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How fast UUIDs and ULIDs come.
public enum UUIDWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        // The loops are written out for each kind, so that each is compiled for its own, as in a program that uses it.
        [
            self.rate(name: "uuid4", title: "UUIDs of version 4, 1 thread", target: self.target) { count in
                var sum: UInt64 = 0
                for _ in 0..<count { sum &+= UUID.v4().words.low }
                return sum
            },
            self.rate(name: "uuid7", title: "UUIDs of version 7, 1 thread", target: self.target) { count in
                var sum: UInt64 = 0
                for _ in 0..<count { sum &+= UUID.v7().words.low }
                return sum
            },
            self.rate(name: "uuid7-2", title: "UUIDs of version 7, 2 threads, one generator", threads: 2) { count in
                var sum: UInt64 = 0
                for _ in 0..<count { sum &+= UUID.v7().words.low }
                return sum
            },
            self.rate(name: "ulid", title: "ULIDs, 1 thread") { count in
                var sum: UInt64 = 0
                for _ in 0..<count { sum &+= ULIDGenerator.shared.next().low }
                return sum
            },
        ]
    }

    private static var target: MeasurementTarget { .atLeast(20_000_000, "ids/s") }

    /// - Parameter loop: Makes so many, and gives a sum of them, so that none can be left out by the compiler.
    private static func rate(
        name: String, title: String, threads: Int = 1, target: MeasurementTarget? = nil,
        _ loop: @escaping @Sendable (_ count: Int) -> UInt64
    ) -> Workload {
        Workload(name: name, title: title, target: target) { workload, options in
            let rounds = try await Rounds.measure(
                workload.name, operations: options.count(20_000_000, atLeast: 100), options: options
            ) { operations in
                let sums = try await SpinningThreads.run(threads) { _ in loop(max(1, operations / threads)) }
                guard sums.contains(where: { $0 != 0 }) else {
                    throw WorkloadError("\(operations) identifiers whose bits are all zero are none")
                }
            }
            return Measurement(
                workload: workload.name, title: workload.title, figure: rounds.median, unit: "ids/s",
                count: rounds.count, spread: rounds.spread, facts: [.init("one id", 1e9 / rounds.median, "ns")],
                target: workload.target)
        }
    }
}
