import ColonyCluster
import ColonyCore
import ColonySimulation

/// A run in which everything goes wrong by chance, and in the end is mended.
struct MembershipTroubles {
    static let troubleTime: Duration = .seconds(12)

    static func settings() throws -> MembershipSettings {
        try MembershipSettings(exchangeInterval: .seconds(2))
    }

    /// Runs one seed: trouble, with all that must not happen looked for at every step; healing, after which all must see the same; a while in which
    /// nobody may be taken for failed who is there; and a death, of which all must hear.
    ///
    /// - Returns: How many events there were.
    @discardableResult
    static func run(seed: Seed, flaw: MembershipFlaw? = nil) throws -> UInt64 {
        var fleet = try Fleet(0, seed: seed, settings: try self.settings())
        fleet.usesBytes = false
        fleet.ledger = MembershipLedger(seed: seed)
        var troubles = MembershipTroubles(seed: seed)
        for number in 0..<(4 + Int(seed.rawValue % 3)) {
            try fleet.start(number, seeds: [0, 1], metadata: Array("\(number)".utf8))
        }
        try troubles.settle(&fleet, within: .seconds(20), "from the beginning")
        fleet.flaw = flaw
        if flaw == .miscounts { fleet.nodes[0].membership.spoil() }
        let end = fleet.now.advanced(by: self.troubleTime)
        while fleet.now < end {
            try troubles.happen(to: &fleet)
            try fleet.run(for: troubles.draw(.milliseconds(50) ... .milliseconds(1_500)))
        }
        try troubles.heal(&fleet)
        try troubles.settle(&fleet, within: .seconds(60), "after all was mended")
        try troubles.stayCalm(&fleet)
        try troubles.noticeDeath(&fleet)
        return fleet.agenda.taken
    }

    private var generator: SeededGenerator
    /// Whose processes end when they have said good-bye.
    private var leavers: Set<Int> = []
    private var updates = 0
    /// Until when packets may come that were sent in trouble.
    private var lastLateness = MonotonicInstant(nanoseconds: 0)

    private init(seed: Seed) {
        self.generator = SeededGenerator(seed: seed.derived(for: "plan"))
    }

    private mutating func draw(_ range: ClosedRange<Duration>) -> Duration {
        .nanoseconds(
            Int64.random(
                in: range.lowerBound.nanosecondCount...range.upperBound.nanosecondCount, using: &self.generator))
    }

    private func violation(_ kind: MembershipViolation.Kind, _ fleet: Fleet, _ what: String) -> MembershipViolation {
        MembershipViolation(kind: kind, seed: fleet.seed, at: fleet.now, what: what)
    }

    // MARK: Trouble

    private mutating func happen(to fleet: inout Fleet) throws {
        for number in self.leavers.sorted() where fleet.nodes[number].membership.nextWake == nil {
            self.leavers.remove(number)
            fleet.kill(number)
        }
        let number = Int.random(in: fleet.nodes.indices, using: &self.generator)
        let other = Int.random(in: fleet.nodes.indices, using: &self.generator)
        switch Int.random(in: 0..<16, using: &self.generator) {
        case 0, 1: self.kill(number, of: &fleet)
        case 2, 3: try self.start(number, of: &fleet)
        case 4:
            // At once again: nobody has noticed.
            self.kill(number, of: &fleet)
            try self.start(number, of: &fleet)
        case 5:
            let side = fleet.nodes.indices.filter { _ in self.generator.happens(withProbability: 0.5) }
            fleet.network.partition(side, from: fleet.nodes.indices.filter { !side.contains($0) })
        case 6: fleet.network.cut(from: number, to: other)
        case 7:
            // It hears everything, and nobody hears it.
            for index in fleet.nodes.indices where index != number { fleet.network.cut(from: number, to: index) }
        case 8: fleet.network.isolate(number, from: fleet.nodes.indices)
        case 9:
            let until = fleet.now.advanced(by: self.draw(.zero ... .seconds(4)))
            fleet.network.clog(from: number, to: other, until: until)
            self.lastLateness = max(self.lastLateness, until)
        case 10:
            let duration = self.draw(.zero ... .seconds(6))
            fleet.pause(number, for: duration)
            self.lastLateness = max(self.lastLateness, fleet.now.advanced(by: duration))
        case 11:
            let drift = Double.random(in: -0.1...0.1, using: &self.generator)
            fleet.nodes[number].clock.setDrift(drift, at: fleet.now)
            fleet.nodes[other].clock.step(by: self.draw(.seconds(-5) ... .seconds(30)), at: fleet.now)
            // Its shell looks at the clock again.
            try fleet.act(on: other) { $0.wake(at: $1) }
        case 12:
            fleet.network.link = .init(
                delay: .microseconds(200)...self.draw(.milliseconds(1) ... .milliseconds(300)),
                loss: Double.random(in: 0...0.4, using: &self.generator),
                duplication: Double.random(in: 0...0.2, using: &self.generator))
        case 13:
            guard fleet.nodes[number].isRunning, fleet.running.count > 2 else { return }
            try fleet.act(on: number) { $0.leave(at: $1) }
            self.leavers.insert(number)
        case 14:
            self.updates += 1
            let metadata = Array("update \(self.updates)".utf8)
            try fleet.act(on: number) { try $0.update(metadata: metadata, at: $1) }
        default: fleet.network.heal()
        }
    }

    private mutating func kill(_ number: Int, of fleet: inout Fleet) {
        guard fleet.running.count > 2 else { return }
        self.leavers.remove(number)
        fleet.kill(number)
    }

    private mutating func start(_ number: Int, of fleet: inout Fleet) throws {
        guard !fleet.nodes[number].isRunning else { return }
        try fleet.start(number, seeds: Array(fleet.nodes.indices), metadata: Array("\(number)".utf8))
    }

    // MARK: Afterwards

    private mutating func heal(_ fleet: inout Fleet) throws {
        fleet.network.heal()
        fleet.network.link = .init(delay: .microseconds(200) ... .milliseconds(20))
        for index in fleet.nodes.indices {
            fleet.nodes[index].pausedUntil = nil
            fleet.nodes[index].clock.setDrift(0, at: fleet.now)
        }
        for number in self.leavers.sorted() { fleet.kill(number) }
        for number in fleet.nodes.indices where self.generator.happens(withProbability: 0.5) {
            try self.start(number, of: &fleet)
        }
        while fleet.running.count < 3 {
            try self.start(Int.random(in: fleet.nodes.indices, using: &self.generator), of: &fleet)
        }
    }

    /// All that run see exactly each other, and know what each says of itself.
    private mutating func settle(_ fleet: inout Fleet, within limit: Duration, _ when: String) throws {
        let end = fleet.now.advanced(by: limit)
        while fleet.now < self.lastLateness || !self.isSettled(fleet) {
            guard fleet.now < end else {
                let seen = fleet.running.map { number in
                    "\(number): \(fleet.nodes[number].membership.others.map { "\($0.id) \($0.state)" }.sorted())"
                }
                throw self.violation(.divided, fleet, "\(when), members see \(seen)")
            }
            try fleet.run(for: .milliseconds(500))
        }
    }

    private func isSettled(_ fleet: Fleet) -> Bool {
        guard fleet.hasSettled else { return false }
        let said = Dictionary(
            uniqueKeysWithValues: fleet.running.map { number in
                (fleet.nodes[number].membership.itself.id, fleet.nodes[number].membership.itself.metadata)
            })
        return fleet.running.allSatisfy { number in
            fleet.nodes[number].membership.others.allSatisfy { !$0.state.isPresent || said[$0.id] == $0.metadata }
        }
    }

    /// Packets get lost and members stall, but not for so long that anybody may be taken for failed.
    private mutating func stayCalm(_ fleet: inout Fleet) throws {
        fleet.told = []
        fleet.network.link.loss = 0.05
        for number in fleet.running.prefix(2) {
            fleet.pause(number, for: self.draw(.seconds(1) ... .milliseconds(2_500)))
        }
        try fleet.run(for: .seconds(8))
        // Whoever is suspected now has contradicted soon, or is failed by the end of the longest suspicion.
        let end = fleet.now.advanced(by: .seconds(30))
        while fleet.now < end, !fleet.hasSettled { try fleet.run(for: .milliseconds(500)) }
        for told in fleet.told {
            guard case .failed(let member) = told.event else { continue }
            // An earlier start of it that gives way to the present one, in the same step, is gone indeed.
            let isReplaced = fleet.told.contains { other in
                if case .joined(let joined) = other.event, joined.id == member.id {
                    return other.by == told.by && other.at == told.at
                }
                return false
            }
            if isReplaced { continue }
            throw self.violation(.failedWithoutCause, fleet, "node \(told.by) has told that \(member.id) failed")
        }
    }

    private mutating func noticeDeath(_ fleet: inout Fleet) throws {
        guard let number = fleet.running.randomElement(using: &self.generator) else { return }
        fleet.kill(number)
        let id = try Fleet.id(number)
        // Who was in trouble is patient for a while.
        let end = fleet.now.advanced(by: .seconds(60))
        while fleet.running.contains(where: { fleet.state(of: id, seenBy: $0)?.isPresent != false }) {
            guard fleet.now < end else {
                throw self.violation(.unnoticed, fleet, "\(id) has ended, and some members do not know")
            }
            try fleet.run(for: .milliseconds(500))
        }
    }
}
