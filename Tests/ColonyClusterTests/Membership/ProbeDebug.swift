
import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing
@Suite(.serialized) struct ProbeDebug {
    @Test(arguments: [10, 100, 1000]) func traffic(count: Int) throws {
        var fleet = try Fleet(count, seed: 5, settings: MembershipSettings())
        fleet.usesBytes = count < 1000
        let needed = try fleet.converge(within: .seconds(120))
        try fleet.run(for: .seconds(20))
        fleet.usesBytes = true
        let before = fleet.nodes.mapValues(\.bytes)
        let clock = ContinuousClock.now
        let taken = fleet.agenda.taken
        try fleet.run(for: .seconds(30))
        let bytes = fleet.nodes.map { $0.value.bytes - before[$0.key]! }
        print("T", count, needed as Any, fleet.hasConverged, Double(bytes.reduce(0, +)) / Double(count) / 30, "bytes/s; events/s", Double(fleet.agenda.taken - taken) / ((ContinuousClock.now - clock) / .seconds(1)))
    }
    @Test(arguments: [2, 3]) func detection(factor: Int) throws {
            var all: [Double] = []
            for seed in Seed(rawValue: 1).followed(by: 40) {
                var fleet = try Fleet(100, seed: seed, settings: MembershipSettings(suspicionFactor: factor))
                fleet.usesBytes = false
                _ = try fleet.converge(within: .seconds(60))
                try fleet.run(for: .seconds(20))
                fleet.kill(42)
                let needed = try fleet.converge(within: .seconds(60))
                all.append(needed.map { Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18 } ?? 99)
            }
            all.sort()
            print("D", factor, all[0], all[20], all[36], all[38], all[39])
    }
    @Test(arguments: [2, 3]) func falsePositives(factor: Int) throws {
        var fleet = try Fleet(100, seed: 5, settings: MembershipSettings(suspicionFactor: factor), link: .init(delay: .microseconds(100) ... .milliseconds(20), loss: 0.05))
        fleet.usesBytes = false
        _ = try fleet.converge(within: .seconds(60))
        for number in 0..<10 { fleet.network.slow(number, by: .milliseconds(100) ... .seconds(1)) }
        let start = fleet.told.count
        try fleet.run(for: .seconds(600))
        var counts: [String: Int] = [:]
        for told in fleet.told[start...] { let name = "\(told.event)".prefix { $0 != "(" }; counts[String(name), default: 0] += 1 }
        print("F", factor, counts, fleet.agenda.taken)
    }
}
