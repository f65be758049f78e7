import ColonyWorkloads
import Foundation
import Testing

@Suite("Resilience workloads stay alive", .serialized)
struct ResilienceWorkloadTests {
    @Test("each runs at a tiny scale and gives a figure", arguments: ResilienceWorkload.all.map(\.name))
    func runsTiny(name: String) async throws {
        let workload = try #require(ResilienceWorkload.all.first { $0.name == name })
        let folder = FileManager.default.temporaryDirectory.path
        let measurement = try await workload.run(WorkloadOptions(scale: 0.0005, directory: folder))
        #expect(measurement.workload == name)
        // So few keys may fit into memory that was resident before.
        #expect(measurement.figure > 0 || measurement.unit == "MiB" && measurement.figure == 0)
        #expect(measurement.figure.isFinite)
        #expect(measurement.count > 0)
        if let fact = workload.target?.fact {
            #expect(measurement.facts.contains { $0.name == fact }, "\(fact) was not measured")
        }
    }

    @Test("every call of every load is made, by one task and by several", arguments: ResilienceLoad.allCases)
    func makesEveryCall(load: ResilienceLoad) async throws {
        let layers = try ResilienceLayers()
        // The load itself throws if calls are missing; a probe runs twice for each task.
        #expect(try await load.run(50, tasks: 1, on: layers) == 0)
        #expect(try await load.run(301, tasks: 3, on: layers) == 0)
    }

    @Test("names are unique and need no quoting")
    func names() {
        let names = ResilienceWorkload.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } })
    }
}
