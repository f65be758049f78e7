import ColonyWorkloads
import Testing

@Suite("The workloads of Bloom filters", .timeLimit(.minutes(1)))
struct BloomWorkloadTests {
    @Test(arguments: BloomWorkload.all.map(\.name))
    func `each runs, and finds what it must`(name: String) async throws {
        let workload = try #require(BloomWorkload.all.first { $0.name == name })
        let measurement = try await workload.run(WorkloadOptions(scale: 0.001))
        #expect(measurement.figure > 0)
        #expect(measurement.workload == name)
    }
}
