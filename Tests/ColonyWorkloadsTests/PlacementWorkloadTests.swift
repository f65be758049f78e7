import ColonyWorkloads
import Testing

@Suite("Placement workloads stay alive", .serialized)
struct PlacementWorkloadTests {
    @Test("each runs at a tiny scale and gives a figure", arguments: PlacementWorkload.all.map(\.name))
    func runsTiny(name: String) async throws {
        let workload = try #require(PlacementWorkload.all.first { $0.name == name })
        let measurement = try await workload.run(WorkloadOptions(scale: 0.0005))
        #expect(measurement.workload == name)
        #expect(measurement.figure > 0 && measurement.figure.isFinite)
        #expect(measurement.count > 0)
        if let fact = workload.target?.fact {
            #expect(measurement.facts.contains { $0.name == fact }, "the target speaks of \(fact), not measured")
        }
    }

    @Test("balance is as required at any scale, since it is computed and not timed")
    func balance() async throws {
        let workload = try #require(PlacementWorkload.all.first { $0.name == "place-balance" })
        let measurement = try await workload.run(WorkloadOptions(scale: 0.0005))
        #expect(measurement.isTargetMet == true)
        #expect(measurement.facts.allSatisfy { $0.value <= 1.02 })
    }

    @Test("names are unique and need no quoting")
    func names() {
        let names = PlacementWorkload.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } })
    }
}
