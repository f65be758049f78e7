import ColonyCluster
import ColonyCore
import ColonySimulation

/// Looks from outside, where it is known who has said what, for what must never happen among members, however they are cut off, stopped, and slowed
/// down. Members may be wrong about who is there; they may not be wrong about what somebody has said.
struct MembershipLedger {
    private struct Process: Hashable {
        let id: NodeID
        let instance: UInt64
    }

    private let seed: Seed
    /// In which incarnation each process has spoken last.
    private var spoken: [Process: UInt64] = [:]
    private var metadata: [NodeID: Set<[UInt8]>] = [:]
    private var leavers: Set<Process> = []
    /// Whom each node has said to be there.
    private var present: [Int: Set<NodeID>] = [:]
    /// Of whom each node has said that it left.
    private var farewells: [Int: Set<Process>] = [:]

    init(seed: Seed) {
        self.seed = seed
    }

    func violation(_ kind: MembershipViolation.Kind, at now: MonotonicInstant, _ what: String) -> MembershipViolation {
        MembershipViolation(kind: kind, seed: self.seed, at: now, what: what)
    }

    mutating func started(_ number: Int) {
        self.present[number] = []
        self.farewells[number] = []
    }

    /// After each step of a node.
    mutating func check(_ membership: Membership, of number: Int, told: [MembershipEvent], at now: MonotonicInstant)
        throws
    {
        try self.note(membership.itself, at: now)
        if let defect = membership.defect { throw self.violation(.miscounted, at: now, "node \(number): \(defect)") }
        for event in told { try self.follow(event, by: number, at: now) }
        var count = 0
        for member in membership.others {
            if member.state.isPresent { count += 1 }
            try self.check(member, seenBy: number, at: now)
        }
        guard count == self.present[number]?.count else {
            throw self.violation(
                .eventsDisagree, at: now,
                "node \(number) has told of \(self.present[number]?.count ?? 0) members and knows \(count)")
        }
    }

    private mutating func note(_ itself: Member, at now: MonotonicInstant) throws {
        let process = Process(id: itself.id, instance: itself.instance)
        if let before = self.spoken[process], before > itself.incarnation {
            throw self.violation(
                .wentBack, at: now, "\(itself.id) speaks in incarnation \(itself.incarnation) after \(before)")
        }
        self.spoken[process] = itself.incarnation
        self.metadata[itself.id, default: []].insert(itself.metadata)
        if itself.state == .left { self.leavers.insert(process) }
    }

    private mutating func follow(_ event: MembershipEvent, by number: Int, at now: MonotonicInstant) throws {
        func expect(_ member: Member, isThere: Bool) throws {
            guard self.present[number]?.contains(member.id) == isThere else {
                throw self.violation(.eventsDisagree, at: now, "node \(number) tells \(event), out of turn")
            }
        }
        switch event {
        case .joined(let member):
            try expect(member, isThere: false)
            if self.farewells[number]?.contains(Process(id: member.id, instance: member.instance)) == true {
                throw self.violation(
                    .cameBack, at: now, "node \(number) sees \(member.id) again, of which it has said that it left")
            }
            self.present[number]?.insert(member.id)
        case .updated(let member), .suspected(let member), .recovered(let member):
            try expect(member, isThere: true)
        case .failed(let member):
            try expect(member, isThere: true)
            self.present[number]?.remove(member.id)
        case .left(let member):
            try expect(member, isThere: true)
            self.present[number]?.remove(member.id)
            self.farewells[number]?.insert(Process(id: member.id, instance: member.instance))
        case .conflict, .displaced, .admitted: break
        }
    }

    private func check(_ member: Member, seenBy number: Int, at now: MonotonicInstant) throws {
        let process = Process(id: member.id, instance: member.instance)
        guard let spoken = self.spoken[process], member.incarnation <= spoken else {
            throw self.violation(
                .slander, at: now,
                "node \(number) knows \(member.id) in incarnation \(member.incarnation), which has not spoken in it")
        }
        if member.state == .left, !self.leavers.contains(process) {
            throw self.violation(
                .leftWithoutWord, at: now, "node \(number) has heard that \(member.id) has left, which has not")
        }
        // Before it has heard any it knows none.
        guard member.metadata.isEmpty || self.metadata[member.id]?.contains(member.metadata) == true else {
            throw self.violation(
                .saidOtherwise, at: now, "node \(number) knows of \(member.id) what it never said: \(member.metadata)")
        }
    }

    func check(_ packet: MembershipPacket, over carrier: MembershipCarrier, atMost limit: Int, at now: MonotonicInstant)
        throws
    {
        let size = PacketCoding.size(of: packet)
        if carrier == .datagram, size > limit {
            throw self.violation(.oversized, at: now, "\(packet.sender) sends a datagram of \(size) bytes")
        }
    }
}
