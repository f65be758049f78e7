import ColonyWorkloads
import Foundation
import Testing

@Suite("Workloads stay alive", .serialized)
struct WorkloadTests {
    @Test("each lock workload runs at a tiny scale and gives a figure", arguments: LockWorkloads.all.map(\.name))
    func runsTiny(name: String) async throws {
        let workload = try #require(LockWorkloads.named(name))
        // A folder of its own, because other suites write and remove theirs meanwhile.
        let folder = FileManager.default.temporaryDirectory.appending(path: "colony-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = WorkloadOptions(scale: 0.0005, directory: folder.path)
        options.worker = Self.worker
        let measurement = try await workload.run(options)
        #expect(measurement.workload == name)
        #expect(measurement.figure > 0 && measurement.figure.isFinite)
        #expect(measurement.count > 0)
        if let fact = workload.target?.fact {
            #expect(
                measurement.facts.contains { $0.name == fact }, "the target speaks of \(fact), which was not measured")
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty, "a workload removes what it wrote"
        )
    }

    @Test("names are unique and need no quoting")
    func names() {
        let names = LockWorkloads.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } })
    }

    @Test("a report shows each figure beside its target, and survives JSON")
    func report() throws {
        let reached = Measurement(
            workload: "fast", title: "a fast thing", figure: 2_000_000, unit: "pairs/s", count: 10,
            latency: Percentiles([.microseconds(3)]), spread: 1_900_000...2_100_000,
            target: .atLeast(1_500_000, "pairs/s"))
        let missed = Measurement(
            workload: "slow", title: "a slow thing", figure: 30, unit: "ms", count: 10,
            facts: [.init("bound", 12.5, "ms")], target: .atMost(25, "ms"))
        let report = BenchmarkReport(
            machine: .current(), versions: ["colony": "0"], command: "make bench", scale: 1,
            measurements: [reached, missed], skipped: ["etcd": "etcd is not installed"],
            load: BenchmarkReport.Load(before: 0.25, after: 1.5))
        #expect(report.table.contains("2,000,000 pairs/s"))
        #expect(report.table.contains("≥ 1,500,000 pairs/s"))
        #expect(report.table.contains("MISSED"))
        #expect(report.table.contains("bound: 12.5 ms"))
        #expect(report.table.contains("load average 0.25 before the run, 1.5 at its end"))
        #expect(BenchmarkReport.Load(before: nil, after: 1) == nil)
        #expect(report.table.contains("etcd is not installed"))
        #expect(!report.allTargetsMet)
        let copy = try JSONDecoder().decode(BenchmarkReport.self, from: JSONEncoder().encode(report))
        #expect(copy.table == report.table)
    }

    /// The built program beside the built tests.
    private static var worker: String {
        let tests = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appending(path: "colony-workload-worker").path
    }
}
