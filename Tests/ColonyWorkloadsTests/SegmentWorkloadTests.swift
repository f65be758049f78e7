import ColonyWorkloads
import Foundation
import Testing

@Suite("Segment workloads stay alive", .serialized)
struct SegmentWorkloadTests {
    @Test("each segment workload runs at a tiny scale and gives a figure", arguments: SegmentWorkload.all.map(\.name))
    func runsTiny(name: String) async throws {
        let workload = try #require(SegmentWorkload.all.first { $0.name == name })
        let folder = FileManager.default.temporaryDirectory.path
        let measurement = try await workload.run(WorkloadOptions(scale: 0.0005, directory: folder))
        #expect(measurement.workload == name)
        #expect(measurement.figure > 0 && measurement.figure.isFinite)
        #expect(measurement.count > 0)
        if let fact = workload.target?.fact {
            #expect(measurement.facts.contains { $0.name == fact }, "\(fact) was not measured")
        }
    }
}
