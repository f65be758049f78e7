import ColonyCluster
import ColonyCore
import ColonySimulation

/// Nodes that elect a leader, in simulated time, over a simulated network, on simulated disks, each by a clock of its own.
struct Electorate {
    enum Happening {
        case arrival(VotingPacket, to: Int)
        /// Of a life of a node, because a node that was started again has nothing to do with what its former process waited for.
        case wake(Int, life: Int)
        case disk(Int, life: Int, DiskStep)
    }

    /// How a record gets to the disk, each step some time after the one before.
    enum DiskStep {
        case contentIsSynced, folderIsSynced
    }

    struct Node {
        let id: NodeID
        /// What it starts with if it finds nothing on its disk.
        let blank: VoteRecord
        /// `nil` while it is down.
        var election: VotingElection?
        var life = 0
        var start = VotingStart(number: 0, nonce: 0)
        var clock: DriftingClock
        var disk: SimulatedDisk
        /// How long each step of writing takes.
        var diskTime: ClosedRange<Duration>
        var writing: VoteRecord?
        var waiting: VoteRecord?
        var pausedUntil: MonotonicInstant?
        /// The wake that is on the agenda.
        var wakesAt: MonotonicInstant?
        /// In which term its shell takes it for the leader, and until when by its clock.
        var leadership: VotingLeadership?
        /// Why it has lost the last one.
        var loss: LeadershipLoss?
    }

    static let fileName = "votes"
    static let newFileName = "votes.new"

    let seed: Seed
    let settings: VotingSettings
    let flaw: VotingFlaw?
    var agenda = Agenda<Happening>()
    var network: SimulatedNetwork<Int>
    var generator: SeededGenerator
    var nodes: [Node] = []
    var ledger: SafetyLedger
    /// Whether each packet takes the way over bytes, as real ones do.
    var usesBytes = false
    var events: [VotingEvent] = []
    private var numbers: [NodeID: Int] = [:]

    /// - Parameters:
    ///   - count: How many nodes there are.
    ///   - founders: How many of them are voters from the beginning; the others join when they are added.
    init(
        _ count: Int, founders: Int? = nil, seed: Seed, settings: VotingSettings, flaw: VotingFlaw? = nil,
        priorities: [UInt8] = []
    ) throws {
        self.seed = seed
        self.settings = settings
        self.flaw = flaw
        self.network = SimulatedNetwork(
            seed: seed.derived(for: "network"), link: .init(delay: .microseconds(200) ... .milliseconds(2)))
        self.generator = SeededGenerator(seed: seed.derived(for: "troubles"))
        self.ledger = SafetyLedger(seed: seed)
        let founders = founders ?? count
        let set = try VoterSet(
            (0..<founders).map { VotingMember(try Self.id($0), priority: $0 < priorities.count ? priorities[$0] : 0) })
        for number in 0..<count {
            let id = try Self.id(number)
            self.numbers[id] = number
            let blank =
                number < founders
                ? try VoteRecord(founding: "sea", node: id, set: set) : VoteRecord(joining: "sea", node: id)
            let drift = self.drawnDrift()
            let origin = Int64.random(in: 0...1_000_000_000_000, using: &self.generator)
            self.nodes.append(
                Node(
                    id: id, blank: blank,
                    clock: DriftingClock(origin: MonotonicInstant(nanoseconds: origin), drift: drift, at: self.now),
                    disk: SimulatedDisk(seed: seed.derived(for: "disk \(number)")),
                    diskTime: .microseconds(100) ... .milliseconds(3)))
            self.ledger.note(durable: blank, of: number)
        }
        for number in 0..<count { try self.start(number) }
    }

    static func id(_ number: Int) throws -> NodeID { try NodeID("node-\(number)") }

    var now: MonotonicInstant { self.agenda.now }

    func number(of id: NodeID) -> Int { self.numbers[id] ?? -1 }

    mutating func drawnDrift() -> Double {
        let bound = self.settings.clockDrift * (self.flaw == .clocksOutOfBounds ? 20 : 1)
        return Double.random(in: -bound...bound, using: &self.generator)
    }

    func draw(_ range: ClosedRange<Duration>, _ generator: inout SeededGenerator) -> Duration {
        let (low, high) = (range.lowerBound.nanosecondCount, range.upperBound.nanosecondCount)
        return .nanoseconds(low == high ? low : Int64.random(in: low...high, using: &generator))
    }

    // MARK: Lives

    /// Starts a node, with what is on its disk.
    mutating func start(_ number: Int) throws {
        guard self.nodes[number].election == nil else { return }
        self.nodes[number].life += 1
        var record = self.nodes[number].blank
        if let bytes = self.nodes[number].disk.read(Self.fileName) {
            do {
                record = try VoteRecord(decoding: bytes)
            } catch {
                // The node stays down, as one of which the record is lost has to.
                return self.ledger.unreadable += 1
            }
        }
        try record.check(cluster: "sea", node: self.nodes[number].id)
        self.ledger.note(durable: record, of: number)
        try self.ledger.checkSets(at: self.now)
        var local = self.nodes[number].clock.reading(at: self.now)
        if self.flaw == .forgetsPromises { local = local.advanced(by: .zero - self.settings.electionTimeout * 3) }
        let label = "node \(number) life \(self.nodes[number].life)"
        let start = VotingStart(number: record.starts + 1, nonce: self.seed.derived(for: label).rawValue)
        self.nodes[number].start = start
        self.nodes[number].election = VotingElection(
            record: record, settings: self.settings, nonce: start.nonce,
            generator: SeededGenerator(seed: self.seed.derived(for: "chance of \(label)")), at: local)
        try self.act(on: number) { election, _ in election.begin() }
    }

    /// Ends a node without a word; what it had not synced may be lost.
    mutating func kill(_ number: Int) {
        guard self.nodes[number].election != nil else { return }
        self.nodes[number].election = nil
        self.nodes[number].leadership = nil
        self.nodes[number].writing = nil
        self.nodes[number].waiting = nil
        self.nodes[number].wakesAt = nil
        self.nodes[number].pausedUntil = nil
        self.nodes[number].disk.crash()
    }

    // MARK: Running

    /// Has a node do something, and carries out what it wants done.
    mutating func act(
        on number: Int, _ action: (inout VotingElection, MonotonicInstant) throws -> [VotingDirective]
    ) throws {
        guard self.nodes[number].election != nil else { return }
        let local = self.nodes[number].clock.reading(at: self.now)
        // In place: a copy of the node would have its dictionaries copied.
        let directives = try action(&self.nodes[number].election!, local)
        for directive in directives {
            switch directive {
            case .persist(let record): try self.persist(record, at: number)
            case .send(let packet, let destination):
                try self.send(packet, from: number, to: self.number(of: destination))
            case .tell(let event): try self.note(event, at: number)
            }
        }
        try self.follow(number, at: local)
        self.schedule(number)
    }

    private mutating func note(_ event: VotingEvent, at number: Int) throws {
        switch event {
        case .elected(let term): try self.ledger.elected(number, term: term, at: self.now)
        case .conflict, .foundedOtherwise: self.ledger.conflicts += 1
        case .lost(_, let reason): self.nodes[number].loss = reason
        case .following, .outranked, .leaderUnheard, .reconfigured: break
        }
        self.events.append(event)
    }

    /// What the shell makes of the leadership: whether its work goes on.
    private mutating func follow(_ number: Int, at local: MonotonicInstant) throws {
        let before = self.nodes[number].leadership
        var present = self.nodes[number].election?.leadership
        if self.flaw == .leaseFromAnswer, let leadership = present, leadership != before {
            present = VotingLeadership(term: leadership.term, until: local.advanced(by: self.settings.lease))
        } else if self.flaw == .leaseFromAnswer, present != nil {
            present = before
        }
        if self.flaw == .leadsAfterHandOver || self.flaw == .leaseFromAnswer, present == nil { present = before }
        // Whoever works under the lease may rely on its end, unless it was given back.
        if present == nil, self.nodes[number].loss == .superseded { present = before }
        self.nodes[number].leadership = present
        guard present != nil, present?.term != before?.term else { return }
        for other in self.nodes.indices where other != number {
            guard let leadership = self.nodes[other].leadership else { continue }
            if self.nodes[other].clock.reading(at: self.now) < leadership.until {
                throw self.ledger.violation(
                    .leasesOverlap, at: self.now,
                    "node \(number) leads in term \(present?.term.rawValue ?? 0) while node \(other) leads in term \(leadership.term)"
                )
            }
        }
    }

    private mutating func schedule(_ number: Int) {
        guard let wake = self.nodes[number].election?.nextWake else { return self.nodes[number].wakesAt = nil }
        let next = max(self.nodes[number].clock.instant(of: wake), self.now)
        guard self.nodes[number].wakesAt != next else { return }
        self.nodes[number].wakesAt = next
        self.agenda.add(.wake(number, life: self.nodes[number].life), at: next)
    }

    private mutating func send(_ packet: VotingPacket, from source: Int, to destination: Int) throws {
        guard destination >= 0 else { return }
        var packet = packet
        try self.ledger.sent(packet, by: source, to: destination, at: self.now)
        if try self.applyFlaw(to: &packet, from: source, to: destination) { return }
        if self.usesBytes { packet = try VotingCoding.decode(VotingCoding.encode(packet)) }
        for instant in self.network.arrivals(from: source, to: destination, sentAt: self.now) {
            self.agenda.add(.arrival(packet, to: destination), at: instant)
        }
    }

    mutating func run(for duration: Duration, until isDone: (Electorate) -> Bool = { _ in false }) throws {
        let end = self.now.advanced(by: duration)
        while let (now, happening) = self.agenda.next(until: end) {
            switch happening {
            case .arrival(let packet, let number):
                if let until = self.nodes[number].pausedUntil, now < until {
                    self.agenda.add(happening, at: until)
                    continue
                }
                try self.act(on: number) { $0.receive(packet, at: $1) }
            case .wake(let number, let life):
                // One of an earlier life, or one that another wake has replaced.
                guard self.nodes[number].life == life, self.nodes[number].wakesAt == now else { continue }
                if let until = self.nodes[number].pausedUntil, now < until {
                    self.nodes[number].wakesAt = until
                    self.agenda.add(happening, at: until)
                    continue
                }
                self.nodes[number].wakesAt = nil
                try self.act(on: number) { $0.wake(at: $1) }
            case .disk(let number, let life, let step):
                guard self.nodes[number].life == life, self.nodes[number].election != nil else { continue }
                try self.advanceDisk(of: number, step)
            }
            if isDone(self) { return }
        }
    }

    // MARK: Looking

    /// Who leads at this moment, each by its own clock.
    var leaders: [Int] {
        self.nodes.indices.filter { number in
            guard let leadership = self.nodes[number].leadership, self.nodes[number].election != nil else {
                return false
            }
            return self.nodes[number].clock.reading(at: self.now) < leadership.until
        }
    }

    /// Runs until one node leads and all voters of its set that run follow it.
    ///
    /// - Returns: Who, or `nil` if that has not come about within the limit.
    mutating func settle(within limit: Duration) throws -> Int? {
        let end = self.now.advanced(by: limit)
        while self.now < end {
            if let leader = self.agreedLeader { return leader }
            try self.run(for: self.settings.heartbeat)
        }
        return self.agreedLeader
    }

    private var agreedLeader: Int? {
        let leaders = self.leaders
        guard leaders.count == 1, let election = self.nodes[leaders[0]].election else { return nil }
        let isFollowed = election.voterSet.voters.allSatisfy { voter in
            let number = self.number(of: voter)
            guard let other = self.nodes[number].election else { return true }
            return other.knownLeader == election.id && other.term == election.term
        }
        return isFollowed ? leaders[0] : nil
    }
}

extension Duration {
    /// In whole nanoseconds.
    var nanosecondCount: Int64 { self.components.seconds * 1_000_000_000 + self.components.attoseconds / 1_000_000_000 }
}
