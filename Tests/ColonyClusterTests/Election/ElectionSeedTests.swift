import ColonySimulation
import Testing

/// Elections with everything that can go wrong, from many seeds.
///
/// A failure names its seed. `COLONY_SEED=0x… make simulate` runs that one, and `make simulate` runs many more than these.
@Suite struct ElectionSeedTests {
    @Test(
        "At most one leader in a term, one vote in a term, one lease at a time, and a leader after healing, with five voters (3.4, 3.8, 6.2, 6.4.1, 9.6)"
    )
    func electionsAreSafe() {
        SeedRun.run("election", usually: 500) { try ElectionTroubles.run(.election, seed: $0) }
    }

    @Test("The same while who votes is changed all the time, and no two sets have disjoint majorities (4.1 to 4.3)")
    func changesAreSafe() {
        SeedRun.run("voters", usually: 500) { try ElectionTroubles.run(.membership, seed: $0) }
    }

    @Test("A seed gives the same run twice")
    func runsAreRepeatable() throws {
        for kind in [ElectionTroubles.Kind.election, .membership] {
            #expect(try ElectionTroubles.run(kind, seed: 7) == ElectionTroubles.run(kind, seed: 7))
        }
    }
}
