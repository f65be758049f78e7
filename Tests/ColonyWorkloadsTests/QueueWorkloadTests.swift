import ColonyWorkloads
import Foundation
import Testing

private let workloadNames = (QueueWorkloads.all + QueueWorkloads.onRequest).map(\.name)

@Suite("Queue workloads stay alive", .serialized)
struct QueueWorkloadTests {
    @Test("each queue workload runs at a tiny scale and gives a figure", arguments: workloadNames)
    func runsTiny(name: String) async throws {
        let workload = try #require(QueueWorkloads.named(name))
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

    @Test("names are unique and need no quoting")
    func names() {
        #expect(Set(workloadNames).count == workloadNames.count)
        #expect(workloadNames.allSatisfy { $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } })
    }
}
