import ColonyWorkloads
import Foundation
import Testing

private let workloadNames = TransactionWorkloads.all.map(\.name)

@Suite("Transaction workloads stay alive", .serialized)
struct TransactionWorkloadTests {
    @Test("each transaction workload runs at a tiny scale and gives a figure", arguments: workloadNames)
    func runsTiny(name: String) async throws {
        let workload = try #require(TransactionWorkloads.named(name))
        // A folder of its own, because other suites write and remove theirs meanwhile.
        let folder = FileManager.default.temporaryDirectory.appending(path: "colony-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let measurement = try await workload.run(WorkloadOptions(scale: 0.0005, directory: folder.path))
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
}
