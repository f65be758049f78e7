import CXXHash
import ColonyCore
import ColonyHashing
import ColonyWorkloads

/// Our hashes beside those of Yann Collet's C library, over the same bytes in the same run.
///
/// The library is the one that Debian ships and programs link: built for any x86-64, so with SSE2, as our own code is. It
/// also has a variant that looks at the processor and may use AVX2 (`XXH3_64bits_dispatch`); a program must ask for that
/// one by another header, and it is measured as a workload of its own.
enum HashComparison {
    /// The share of the C library's speed that ours must reach, as a fact of the comparisons.
    static let share = "of the C library"

    static var all: [Workload] {
        [
            self.comparison("xxh3", Self.named("hash-xxh3-1MiB"), Self.cLarge),
            self.comparison("xxh64", Self.named("hash-xxh64-1MiB"), Self.cLarge64),
            Self.cShort, Self.cShort64,
            HashSpeedWorkload.large("c-xxh3-dispatch") { input, times in
                HashSpeedWorkload.overLargeKeys(input, times) { XXH3_64bits_dispatch($0.baseAddress, $0.count) }
            },
        ]
    }

    private static func named(_ name: String) -> Workload? {
        HashSpeedWorkload.all.first { $0.name == name }
    }

    /// Measures both, one right after the other, three times in turn: a machine that is shared changes its speed while it
    /// is measured, and the middle one of three quotients does not.
    private static func comparison(_ name: String, _ ours: Workload?, _ theirs: Workload) -> Workload {
        Workload(
            name: "hash-\(name)-beside-c",
            title: "\(name) of 1 MiB beside Debian's libxxhash \(Self.libraryVersion), 1 thread",
            target: .atLeast(60, "%", of: Self.share)
        ) { workload, options in
            guard let ours else { throw WorkloadError("there is no workload over 1 MiB for \(name)") }
            var runs: [(own: Measurement, c: Measurement)] = []
            for _ in 0..<3 { runs.append((try await ours.run(options), try await theirs.run(options))) }
            runs.sort { $0.own.figure / $0.c.figure < $1.own.figure / $1.c.figure }
            var result = runs[1].own
            result.workload = workload.name
            result.title = workload.title
            result.target = workload.target
            result.facts = [
                .init("C library", runs[1].c.figure, runs[1].c.unit),
                .init(Self.share, 100 * result.figure / runs[1].c.figure, "%"),
            ]
            return result
        }
    }

    private static var libraryVersion: String {
        let number = XXH_versionNumber()
        return "\(number / 10_000).\(number / 100 % 100).\(number % 100)"
    }

    // MARK: The C library's loops

    private static let cLarge = HashSpeedWorkload.large("c-xxh3") { input, times in
        HashSpeedWorkload.overLargeKeys(input, times) { XXH3_64bits($0.baseAddress, $0.count) }
    }

    private static let cLarge64 = HashSpeedWorkload.large("c-xxh64") { input, times in
        HashSpeedWorkload.overLargeKeys(input, times) { CXXHash.XXH64($0.baseAddress, $0.count, 0) }
    }

    private static let cShort = HashSpeedWorkload.short("c-xxh3") { input, times in
        HashSpeedWorkload.overShortKeys(input, times) { XXH3_64bits($0.baseAddress, $0.count) }
    }

    private static let cShort64 = HashSpeedWorkload.short("c-xxh64") { input, times in
        HashSpeedWorkload.overShortKeys(input, times) { CXXHash.XXH64($0.baseAddress, $0.count, 0) }
    }
}
