import ColonySimulation
import Testing

/// Members with everything that can go wrong, from many seeds.
///
/// A failure names its seed. `COLONY_SEED=0x… make simulate` runs that one, and `make simulate` runs many more than these.
@Suite struct MembershipSeedTests {
    @Test(
        "Nobody knows of a member what it has not said, events add up, and after healing all see the same, nobody is failed without cause, and a death is noticed"
    )
    func membersAgree() {
        SeedRun.run("membership", usually: 500) { try MembershipTroubles.run(seed: $0) }
    }

    @Test("A seed gives the same run twice")
    func runsAreRepeatable() throws {
        let (first, second) = (try MembershipTroubles.run(seed: 7), try MembershipTroubles.run(seed: 7))
        #expect(first == second)
    }

    @Test("Each thing that can be wrong is found by the check that is there for it", arguments: MembershipFlaw.allCases)
    func flawsAreFound(flaw: MembershipFlaw) throws {
        for seed in Seed(rawValue: 1).followed(by: 200) {
            do {
                try MembershipTroubles.run(seed: seed, flaw: flaw)
            } catch let violation as MembershipViolation {
                if violation.kind == flaw.kind { return }
            }
        }
        Issue.record("\(flaw) is not found as \(flaw.kind)")
    }
}
