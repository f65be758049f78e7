import ColonyCluster
import ColonyCore
import ColonySimulation
import Foundation
import Testing

/// Elections with everything that can go wrong, from many seeds.
///
/// A failure names its seed. `COLONY_SEED=0x… make simulate` runs that one, and `make simulate` runs many more than these.
@Suite struct ElectionSeedTests {
    /// How many seeds are run: as many as the environment says, or a number for each change of the code.
    static func seeds(_ kind: String, usually count: Int) -> [Seed] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["COLONY_SEED"].flatMap({ Seed($0) }) { return [seed] }
        let first = environment["COLONY_FIRST_SEED"].flatMap { Seed($0) } ?? 1
        return first.followed(by: environment["COLONY_SEEDS_\(kind)"].flatMap { Int($0) } ?? count)
    }

    /// All seeds are run, and the first few that fail are told.
    private func run(_ kind: ElectionTroubles.Kind, _ seeds: [Seed]) {
        var events: UInt64 = 0
        var failures = 0
        let start = HostClock().now
        for seed in seeds {
            do {
                events += try ElectionTroubles.run(kind, seed: seed)
            } catch {
                failures += 1
                if failures <= 5 { Issue.record("\(error)") }
            }
        }
        let time = start.duration(to: HostClock().now)
        let rate = Double(events) / max(0.001, Double(time.nanosecondCount) / 1_000_000_000)
        #expect(failures == 0, "of \(seeds.count) seeds \(failures) failed")
        if seeds.count > 500 {
            // What `make simulate` is asked for beside yes or no.
            FileHandle.standardOutput.write(
                Data("\(kind): \(seeds.count) seeds, \(events) events, \(Int(rate)) events/s\n".utf8))
        }
    }

    @Test(
        "At most one leader in a term, one vote in a term, one lease at a time, and a leader after healing, with five voters (3.4, 3.8, 6.2, 6.4.1, 9.6)"
    )
    func electionsAreSafe() {
        self.run(.election, Self.seeds("ELECTION", usually: 500))
    }

    @Test("The same while who votes is changed all the time, and no two sets have disjoint majorities (4.1 to 4.3)")
    func changesAreSafe() {
        self.run(.membership, Self.seeds("MEMBERSHIP", usually: 500))
    }

    @Test("A seed gives the same run twice")
    func runsAreRepeatable() throws {
        for kind in [ElectionTroubles.Kind.election, .membership] {
            #expect(try ElectionTroubles.run(kind, seed: 7) == ElectionTroubles.run(kind, seed: 7))
        }
    }
}
