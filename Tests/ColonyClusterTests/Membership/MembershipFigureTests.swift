import ColonyCore
import ColonySimulation
import Foundation
import Testing

/// The figures that docs/cluster.md states; `make simulate` measures them for longer.
@Suite struct MembershipFigureTests {
    private static func number(_ name: String, usually number: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? number
    }

    private static func rounded(_ number: Double) -> String { "\((number * 100).rounded() / 100)" }

    @Test("A member that stops is known as failed to all of a hundred within ten periods")
    func deadMemberIsFoundWithinTenPeriods() throws {
        var times: [Double] = []
        for seed in SeedRun.seeds(of: "detection", usually: 6) {
            let time = try #require(try MembershipFigures.detection(members: 100, seed: seed), "seed \(seed)")
            times.append(MembershipFigures.seconds(time))
        }
        times.sort()
        func quantile(_ share: Double) -> String {
            Self.rounded(times[min(times.count - 1, Int(share * Double(times.count)))])
        }
        SeedRun.report(
            "detection of one of 100: \(times.count) seeds, periods p50 \(quantile(0.5)), p90 \(quantile(0.9)), p99 \(quantile(0.99)), longest \(quantile(1))"
        )
        let longest = try #require(times.last)
        #expect(longest <= 10, "the longest took \(longest) periods")
    }

    @Test("With 5 % of packets lost and one member of ten slow nobody is taken for failed who is there")
    func nobodyIsFailedWhoIsThere() throws {
        let minutes = Self.number("COLONY_MINUTES_MISTAKES", usually: 4)
        let members = minutes > 4 ? 100 : 20
        var all = MembershipFigures.Mistakes()
        var seed: UInt64 = 1
        for _ in stride(from: 0, to: minutes, by: 10) {
            let some = try MembershipFigures.mistakes(
                members: members, slow: members / 10, stall: .seconds(2), for: .seconds(60 * min(10, minutes)),
                seed: Seed(rawValue: seed))
            seed += 1
            all.nodeHours += some.nodeHours
            all.aboutTheWell += some.aboutTheWell
            all.aboutTheSlow += some.aboutTheSlow
            all.suspicions += some.suspicions
            all.events += some.events
        }
        SeedRun.report(
            "mistakes of \(members): \(Self.rounded(all.nodeHours / 720)) node-months, \(all.suspicions) suspicions, the well failed \(all.aboutTheWell), the slow \(all.aboutTheSlow), at most \(Self.rounded(all.mostInAMonth(all.aboutTheWell + all.aboutTheSlow))) a node-month (95 %), \(all.events) events"
        )
        #expect(all.suspicions > 0)
        #expect(all.aboutTheWell == 0)
        #expect(all.aboutTheSlow == 0)
    }

    @Test("What a member sends while nothing happens does not depend on how many there are")
    func trafficIsConstant() throws {
        var rates: [MembershipFigures.Rate] = []
        let most = Self.number("COLONY_MEMBERS_TRAFFIC", usually: 100)
        for count in [10, 30, 100, 300, 1_000] where count <= most && (count == 10 || count == most || most > 100) {
            let rate = try MembershipFigures.traffic(members: count, for: .seconds(20), seed: 5)
            SeedRun.report(
                "traffic of \(count): \(Self.rounded(rate.datagrams)) datagrams, \(Self.rounded(rate.bytes)) bytes, \(rate.exchanges) exchanges a second for each member"
            )
            rates.append(rate)
        }
        for rate in rates {
            #expect(abs(rate.bytes / rates[0].bytes - 1) < 0.2, "\(rate.bytes) bytes a second")
            #expect(abs(rate.datagrams / rates[0].datagrams - 1) < 0.2, "\(rate.datagrams) datagrams a second")
        }
    }
}
