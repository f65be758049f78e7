import ColonyCore
import Testing

@Suite("Guarantees")
struct GuaranteeTests {
    static let all = Guarantee.Reach.allCases.flatMap { reach in
        Guarantee.Survival.allCases.map { Guarantee(reach: reach, survival: $0) }
    }

    @Test func `to meet is a partial order`() {
        for first in Self.all {
            #expect(first.meets(first))
            for second in Self.all {
                #expect(!(first.meets(second) && second.meets(first)) || first == second)
                for third in Self.all where first.meets(second) && second.meets(third) {
                    #expect(first.meets(third))
                }
            }
        }
    }

    @Test func `a demand is met when both parts are`() {
        #expect(Self.all.allSatisfy { Guarantee.linearizable.meets($0) })
        let redis = Guarantee(reach: .network, survival: .processCrash)
        let file = Guarantee(reach: .host, survival: .powerLoss)
        #expect(!redis.meets(file) && !file.meets(redis))
        #expect(!redis.meets(.linearizable))
    }

    @Test func `there is a sentence exactly when a demand is not met`() {
        for have in Self.all {
            for demand in Self.all {
                #expect((have.shortfall(against: demand) == nil) == have.meets(demand))
            }
        }
        let memory = Guarantee(reach: .process, survival: .nothing)
        #expect(
            memory.shortfall(against: .linearizable)
                == "it is exclusive on one process, and network was demanded; an acknowledged grant outlives nothing, "
                + "and the loss of a server was demanded")
    }

    @Test func `durability is ordered`() {
        #expect(Durability.allCases == Durability.allCases.sorted())
        #expect(Durability.memory < .written && Durability.written < .synced && Durability.synced < .quorum)
    }
}
