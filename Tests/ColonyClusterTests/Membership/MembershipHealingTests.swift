import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// What members make of networks, clocks, and processes that are not as they should be, one thing at a time.
@Suite struct MembershipHealingTests {
    private let settings: MembershipSettings

    init() throws {
        self.settings = try MembershipSettings()
    }

    private func fleet(_ count: Int, seed: Seed) throws -> Fleet {
        var fleet = try Fleet(count, seed: seed, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)), "seed \(seed)")
        try fleet.run(for: .seconds(5))
        fleet.told = []
        return fleet
    }

    private func failures(_ fleet: Fleet) -> Int {
        fleet.told.count { if case .failed = $0.event { true } else { false } }
    }

    @Test("Two groups that cannot reach each other but reach a third one fail nobody")
    func partialPartition() throws {
        var fleet = try self.fleet(9, seed: 3)
        fleet.network.partition(0..<3, from: 3..<6)
        try fleet.run(for: .seconds(60))
        #expect(self.failures(fleet) == 0)
        // Some are suspected now and then, for the helpers that were drawn could not reach them either.
        for number in 0..<9 { #expect(fleet.seen(by: number).count == 9) }
    }

    @Test("A member that is heard by nobody is let in again after that, with a later incarnation")
    func unheardMember() throws {
        var fleet = try self.fleet(8, seed: 5)
        let incarnation = fleet.nodes[3].membership.itself.incarnation
        for other in 0..<8 where other != 3 { fleet.network.cut(from: 3, to: other) }
        try fleet.run(for: .seconds(60))
        #expect(fleet.state(of: try Fleet.id(3), seenBy: 0) == .failed)
        fleet.network.heal()
        _ = try #require(try fleet.converge(within: .seconds(60)))
        #expect(fleet.nodes[3].membership.itself.incarnation > incarnation)
    }

    @Test("A member that leaves while the others are divided is gone for both sides when they are not any more")
    func leaveDuringPartition() throws {
        var fleet = try self.fleet(8, seed: 6)
        fleet.network.partition(0..<4, from: 4..<8)
        try fleet.run(for: .seconds(3))
        try fleet.act(on: 2) { $0.leave(at: $1) }
        try fleet.run(for: .seconds(3))
        fleet.kill(2)
        try fleet.run(for: .seconds(30))
        fleet.network.heal()
        _ = try #require(try fleet.converge(within: .seconds(90)))
        try fleet.run(for: .seconds(60))
        let id = try Fleet.id(2)
        for number in fleet.running { #expect(fleet.state(of: id, seenBy: number)?.isPresent == false) }
        #expect(fleet.hasConverged)
    }

    @Test("Who is started again while the others are divided is known to both sides by its new start")
    func restartDuringPartition() throws {
        var fleet = try self.fleet(8, seed: 7)
        fleet.network.partition(0..<4, from: 4..<8)
        try fleet.run(for: .seconds(30))
        let before = fleet.nodes[0].membership.member(try Fleet.id(1))?.incarnation ?? 0
        fleet.kill(1)
        try fleet.run(for: .seconds(1))
        try fleet.start(1, seeds: [0, 5])
        fleet.network.heal()
        _ = try #require(try fleet.converge(within: .seconds(90)))
        let itself = fleet.nodes[1].membership.itself
        #expect(itself.incarnation > before)
        for number in fleet.running where number != 1 {
            #expect(fleet.nodes[number].membership.member(itself.id)?.instance == itself.instance)
        }
    }

    @Test("Clocks that are a tenth too fast or too slow, and hours apart, fail nobody")
    func driftingClocks() throws {
        var fleet = try self.fleet(8, seed: 8)
        for number in 0..<8 {
            fleet.nodes[number].clock.step(by: .seconds(3_600 * number), at: fleet.now)
            fleet.nodes[number].clock.setDrift(number.isMultiple(of: 2) ? 0.1 : -0.1, at: fleet.now)
            try fleet.act(on: number) { $0.wake(at: $1) }
        }
        try fleet.run(for: .seconds(60))
        #expect(self.failures(fleet) == 0)
        fleet.kill(4)
        _ = try #require(try fleet.converge(within: .seconds(20)))
    }

    @Test("A clock that goes back an hour stops nobody")
    func clockThatGoesBack() throws {
        var fleet = try self.fleet(5, seed: 9)
        fleet.nodes[2].clock.step(by: .seconds(-3_600), at: fleet.now)
        try fleet.run(for: .seconds(20))
        #expect(self.failures(fleet) == 0)
        fleet.kill(4)
        let needed = try #require(try fleet.converge(within: .seconds(20)))
        #expect(needed < .seconds(10))
        #expect(fleet.told.contains { $0.by == 2 && $0.event.isFailure })
    }

    @Test("Who was stopped while it suspected somebody does not hold the time against that one")
    func stalledAccuser() throws {
        var fleet = try self.fleet(5, seed: 10)
        // It suspects the others, for it hears nobody, and is stopped before they could contradict.
        fleet.network.isolate(0, from: 0..<5)
        while fleet.nodes[0].membership.suspectCount == 0 { try fleet.run(for: .milliseconds(100)) }
        fleet.network.heal()
        fleet.pause(0, for: .seconds(4))
        try fleet.run(for: .seconds(20))
        #expect(self.failures(fleet) == 0)
        #expect(fleet.hasConverged)
    }
}

extension MembershipEvent {
    /// Whether it tells of a member that is gone without a word.
    var isFailure: Bool { if case .failed = self { true } else { false } }
}
