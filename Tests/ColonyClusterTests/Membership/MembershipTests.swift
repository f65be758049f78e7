import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// What a cluster does when all is well, and when members come and go.
@Suite struct MembershipTests {
    private let settings: MembershipSettings

    init() throws {
        self.settings = try MembershipSettings()
    }

    @Test("Members that are started together find each other", arguments: Seed(rawValue: 1).followed(by: 5))
    func membersFindEachOther(seed: Seed) throws {
        var fleet = try Fleet(30, seed: seed, settings: self.settings)
        let needed = try #require(try fleet.converge(within: .seconds(20)), "seed \(seed)")
        #expect(needed < .seconds(10), "seed \(seed)")
        #expect(!fleet.told.contains { if case .failed = $0.event { true } else { false } }, "seed \(seed)")
    }

    @Test("All of a cluster may begin one after the other, each with the same seeds, and all are let in")
    func coldStartLetsAllIn() throws {
        for seed in Seed(rawValue: 31).followed(by: 20) {
            var fleet = try Fleet(0, seed: seed, settings: self.settings)
            for number in 0..<5 {
                // The first asks in vain, and is then found by the second before it asks again.
                try fleet.start(number, seeds: [0, 1, 2, 3, 4])
                try fleet.run(for: .milliseconds(300))
            }
            _ = try #require(try fleet.converge(within: .seconds(20)), "seed \(seed)")
            try fleet.run(for: .seconds(10))
            for node in fleet.nodes { #expect(node.membership.itself.incarnation > 0, "seed \(seed)") }
            let admitted = Set(fleet.told.filter { $0.event == .admitted }.map(\.by))
            #expect(admitted.count == 5, "seed \(seed)")
        }
    }

    @Test("Two clusters that were begun apart become one through a seed that both have heard of")
    func clustersBecomeOne() throws {
        for seed in Seed(rawValue: 41).followed(by: 20) {
            var fleet = try Fleet(0, seed: seed, settings: self.settings)
            for number in 0..<5 { try fleet.start(number, seeds: number == 0 ? [] : [0]) }
            for number in 5..<10 { try fleet.start(number, seeds: number == 5 ? [] : [5]) }
            try fleet.run(for: .seconds(30))
            #expect(fleet.seen(by: 0).count == 5, "seed \(seed)")
            // It joins one of them at once, and asks the other seed later.
            try fleet.start(10, seeds: [0, 5])
            let needed = try #require(try fleet.converge(within: .seconds(120)), "seed \(seed)")
            #expect(needed < .seconds(60), "seed \(seed)")
        }
    }

    @Test("A member that leaves is not taken for failed")
    func leaverIsNotFailed() throws {
        var fleet = try Fleet(20, seed: 3, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        try fleet.act(on: 5) { $0.leave(at: $1) }
        try fleet.run(for: .seconds(10))
        #expect(fleet.nodes[5].membership.nextWake == nil)
        fleet.kill(5)
        try fleet.run(for: .seconds(60))
        let id = try Fleet.id(5)
        for number in fleet.running {
            #expect(fleet.nodes[number].membership.member(id)?.state == .left)
        }
        #expect(!fleet.told.contains { if case .failed = $0.event { true } else { false } })
    }

    @Test("A member that was killed is let in again under its name, at once")
    func restartedMemberIsLetIn() throws {
        var fleet = try Fleet(20, seed: 4, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        fleet.kill(5)
        // Before anybody has noticed.
        try fleet.run(for: .milliseconds(100))
        try fleet.start(5, seeds: [0])
        let needed = try #require(try fleet.converge(within: .seconds(20)))
        #expect(needed < .seconds(10))
        try fleet.run(for: .seconds(60))
        #expect(fleet.hasConverged)
        let instance = fleet.nodes[5].membership.itself.instance
        let id = try Fleet.id(5)
        #expect(fleet.running.allSatisfy { fleet.nodes[$0].membership.member(id)?.instance == instance })
    }

    @Test("Both sides of a partition find each other when it ends", arguments: Seed(rawValue: 11).followed(by: 5))
    func partitionHeals(seed: Seed) throws {
        var fleet = try Fleet(20, seed: seed, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)), "seed \(seed)")
        fleet.network.partition(0..<7, from: 7..<20)
        try fleet.run(for: .seconds(120))
        #expect(fleet.seen(by: 0).count == 7, "seed \(seed)")
        #expect(fleet.seen(by: 19).count == 13, "seed \(seed)")
        fleet.network.heal()
        let needed = try #require(try fleet.converge(within: .seconds(120)), "seed \(seed)")
        #expect(needed < .seconds(60), "seed \(seed): \(needed)")
    }

    @Test("What a member says of itself reaches all, also those that have heard a suspicion first")
    func metadataReachesAll() throws {
        var fleet = try Fleet(20, seed: 6, settings: self.settings, link: .init(loss: 0.2))
        _ = try #require(try fleet.converge(within: .seconds(60)))
        let metadata = Array("zone=b".utf8)
        try fleet.act(on: 4) { try $0.update(metadata: metadata, at: $1) }
        try fleet.run(for: .seconds(60))
        let id = try Fleet.id(4)
        for number in fleet.running {
            #expect(fleet.nodes[number].membership.member(id)?.metadata == metadata, "node \(number)")
        }
    }

    @Test("Who knows nobody but the one whose name it has is told so by that one")
    func namesakeIsTheOnlySeed() throws {
        var fleet = try Fleet(2, seed: 12, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        try fleet.start(2, seeds: [0], as: Fleet.id(0))
        try fleet.run(for: .seconds(10))
        let address = try Fleet.address(0)
        #expect(fleet.told.contains { $0.by == 2 && $0.event == .displaced(by: address) })
        #expect(!fleet.told.contains { $0.by == 2 && $0.event == .admitted })
        #expect(fleet.nodes[1].membership.member(try Fleet.id(0))?.address == address)
    }

    @Test("Who has lost its name while it suspected somebody sleeps between what it does")
    func displacedMemberSleeps() throws {
        var fleet = try Fleet(6, seed: 8, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        fleet.kill(3)
        while fleet.nodes[0].membership.suspectCount == 0 { try fleet.run(for: .milliseconds(50)) }
        // It hears of the suspect, and that its name is taken, with the same answer.
        try fleet.start(6, seeds: [0], as: Fleet.id(1))
        try fleet.run(for: .seconds(1))
        #expect(fleet.told.contains { if case .displaced = $0.event { $0.by == 6 } else { false } })
        #expect(fleet.nodes[6].membership.suspectCount == 1)
        let before = fleet.agenda.taken
        try fleet.run(for: .seconds(30))
        #expect(fleet.agenda.taken - before < 5_000)
        #expect(fleet.state(of: try Fleet.id(3), seenBy: 6) == .failed)
    }

    @Test("Who has lost its name does not win it by saying something else of itself")
    func displacedMemberClaimsNothing() throws {
        var fleet = try Fleet(3, seed: 14, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        let id = try Fleet.id(1)
        // Of those that it asks one is whose name it has.
        try fleet.start(3, seeds: [1], as: id)
        try fleet.run(for: .seconds(5))
        for number in 0..<20 {
            try fleet.act(on: 3) { try $0.update(metadata: [UInt8(number)], at: $1) }
            try fleet.run(for: .seconds(1))
        }
        #expect(!fleet.told.contains { if case .displaced = $0.event { $0.by == 1 } else { false } })
        #expect(fleet.nodes[3].membership.itself.incarnation == 0)
        // It is known of it when it is let in.
        fleet.kill(1)
        try fleet.run(for: .seconds(60))
        #expect(fleet.nodes[0].membership.member(id)?.metadata == [19])
    }

    @Test("Who says something else of itself before the cluster has answered is let in as others are")
    func metadataBeforeAdmission() throws {
        var fleet = try Fleet(2, seed: 13, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        try fleet.start(2, seeds: [0], metadata: [1])
        try fleet.act(on: 2) { try $0.update(metadata: [2], at: $1) }
        _ = try #require(try fleet.converge(within: .seconds(30)))
        #expect(fleet.told.contains { $0.by == 2 && $0.event == .admitted })
        #expect(fleet.nodes[0].membership.member(try Fleet.id(2))?.metadata == [2])
    }

    @Test("A member with the longest of names and metadata is known to all, and its good-bye as well")
    func longestClaim() throws {
        let settings = try MembershipSettings(packetBytes: 1_024)
        var fleet = try Fleet(3, seed: 15, settings: settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        let id = try NodeID(String(repeating: "n", count: 255))
        let metadata = [UInt8](repeating: 7, count: MembershipLimits.metadataBytes)
        try fleet.start(3, seeds: [0], as: id, metadata: metadata)
        try fleet.run(for: .seconds(60))
        for number in 0..<3 { #expect(fleet.nodes[number].membership.member(id)?.metadata == metadata) }
        try fleet.act(on: 3) { $0.leave(at: $1) }
        try fleet.run(for: .seconds(20))
        #expect(fleet.nodes[3].membership.nextWake == nil)
        for number in 0..<3 { #expect(fleet.state(of: id, seenBy: number) == .left) }
    }

    @Test("Of two processes with one name the newcomer stays outside until the other one is gone")
    func nameIsNotTakenTwice() throws {
        var fleet = try Fleet(10, seed: 8, settings: self.settings)
        _ = try #require(try fleet.converge(within: .seconds(30)))
        let id = try Fleet.id(5)
        let address = try Fleet.address(5)
        try fleet.start(10, seeds: [0], as: id)
        try fleet.run(for: .seconds(30))
        #expect(fleet.told.contains { $0.by == 10 && $0.event == .displaced(by: address) })
        #expect(fleet.told.contains { if case .conflict(id, _, _) = $0.event { $0.by != 10 } else { false } })
        #expect(fleet.nodes[0].membership.member(id)?.address == address)
        fleet.kill(5)
        try fleet.run(for: .seconds(60))
        #expect(fleet.told.contains { $0.by == 10 && $0.event == .admitted })
        let newAddress = try Fleet.address(10)
        #expect(fleet.nodes[0].membership.member(id)?.address == newAddress)
        #expect(fleet.hasConverged)
    }

    @Test("The same seed gives the same run")
    func runsAreRepeatable() throws {
        func run() throws -> (UInt64, [MembershipEvent]) {
            var fleet = try Fleet(12, seed: 99, settings: self.settings, link: .init(loss: 0.1, duplication: 0.1))
            try fleet.run(for: .seconds(20))
            fleet.kill(3)
            try fleet.run(for: .seconds(20))
            return (fleet.agenda.taken, fleet.told.map(\.event))
        }
        let (first, second) = (try run(), try run())
        let isSame = first.0 == second.0 && first.1 == second.1
        #expect(isSame, "\(first.0) and \(second.0) happenings")
    }

    @Test("Settings that cannot work are refused with their value")
    func badSettingsAreRefused() throws {
        let error = #expect(throws: ClusterError.self) {
            try MembershipSettings(period: .milliseconds(500), pingTimeout: .seconds(1))
        }
        #expect(error?.message.contains("1.0 seconds") == true)
        #expect(throws: ClusterError.self) { try MembershipSettings(packetBytes: 100) }
        #expect(throws: ClusterError.self) { try MemberAddress("10.0.0.1") }
        #expect(throws: ClusterError.self) { try MemberAddress("10.0.0.1:0") }
    }
}
