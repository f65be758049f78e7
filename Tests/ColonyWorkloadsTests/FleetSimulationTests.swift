import ColonyBalancing
import ColonyWorkloads
import Testing

/// What docs/balancing.md says of the simulated fleet, with the seed that the document names.
@Suite("A fleet with one endpoint in trouble")
struct FleetSimulationTests {
    typealias Outcome = FleetSimulation.Outcome

    /// The outcome under each setting of the table.
    private func outcomes(_ trouble: FleetSimulation.Trouble) throws -> [String: Outcome] {
        try FleetTable.settings().reduce(into: [:]) { outcomes, setting in
            outcomes[setting.name] = try FleetSimulation(setting.options, trouble: trouble, calls: 24_000).run(
                seed: 2_026)
        }
    }

    private static let byLoad = ["least-request", "least-request-of-all", "peak-ewma", "bounded-ring-hash"]
    private static let watched = ["round-robin", "least-request", "peak-ewma"].map { "\($0), ejection, slow start" }

    @Test("when nothing is wrong all algorithms are alike")
    func nothingIsWrong() throws {
        let outcomes = try self.outcomes(.none)
        #expect(outcomes.values.allSatisfy { $0.failedShare == 0 && $0.p99Milliseconds < 60 })
    }

    @Test("a slow endpoint ruins the 99th percentile of those who do not look at load, and of them only")
    func slowEndpoint() throws {
        let outcomes = try self.outcomes(.slow)
        for name in ["round-robin", "random", "ring-hash"] {
            #expect(try #require(outcomes[name]).p99Milliseconds > 900, "\(name)")
        }
        for name in Self.byLoad { #expect(try #require(outcomes[name]).p99Milliseconds < 75, "\(name)") }
        #expect(
            try #require(outcomes["peak-ewma"]).p99Milliseconds < #require(outcomes["least-request"]).p99Milliseconds)
    }

    @Test("an endpoint that fails fast looks idle, attracts calls by load, and has to be ejected")
    func failingFastAttracts() throws {
        let outcomes = try self.outcomes(.flapping)
        let turns = try #require(outcomes["round-robin"]).failedShare
        #expect(try #require(outcomes["least-request"]).failedShare > turns * 1.5)
        #expect(try #require(outcomes["least-request-of-all"]).failedShare > turns * 4)
        for name in Self.watched { #expect(try #require(outcomes[name]).failedShare < 0.005, "\(name)") }
    }

    @Test("an endpoint that never answers costs those by load a few calls, the others a tenth of all")
    func deadEndpoint() throws {
        let outcomes = try self.outcomes(.dead)
        #expect(try #require(outcomes["round-robin"]).failedShare > 0.08)
        for name in Self.byLoad { #expect(try #require(outcomes[name]).failedShare < 0.01, "\(name)") }
        for name in Self.watched { #expect(try #require(outcomes[name]).failedShare < 0.015, "\(name)") }
    }

    @Test("a cold endpoint needs a slow start where nobody looks at load")
    func coldEndpoint() throws {
        let outcomes = try self.outcomes(.cold)
        #expect(try #require(outcomes["round-robin"]).p99Milliseconds > 500)
        #expect(try #require(outcomes["round-robin, ejection, slow start"]).p99Milliseconds < 100)
    }

    @Test("a run follows from its seed")
    func seedsRepeat() throws {
        let fleet = FleetSimulation(.standard, trouble: .slow, calls: 2_000)
        #expect(try fleet.run(seed: 5) == fleet.run(seed: 5))
        #expect(try fleet.run(seed: 5) != fleet.run(seed: 6))
    }
}
