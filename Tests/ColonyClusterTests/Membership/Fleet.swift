import ColonyCluster
import ColonyCore
import ColonySimulation

/// Members in simulated time over a simulated network, each by a clock of its own: the value under test with nothing around it but chance.
struct Fleet {
    enum Happening {
        /// In a box, because the agenda moves its entries about.
        indirect case arrival(MembershipPacket, from: Int, to: Int, MembershipCarrier)
        /// Of a life of a node: one that was started again has nothing to do with what its former process waited for.
        case wake(Int, life: Int)
    }

    struct Node {
        var membership: Membership
        let address: MemberAddress
        var isRunning = true
        var life: Int
        var clock: DriftingClock
        /// While its process is stopped, or does not get to its work: what comes for it and what is due waits.
        var pausedUntil: MonotonicInstant?
        /// The wake that is on the agenda.
        var wakesAt: MonotonicInstant?
        var traffic = Traffic()
    }

    /// What a node has sent, before it was sealed.
    struct Traffic {
        var datagrams = 0
        var datagramBytes = 0
        /// Each of these opens a connection, or answers over one.
        var exchanges = 0
        var exchangeBytes = 0

        var bytes: Int { self.datagramBytes + self.exchangeBytes }
        var packets: Int { self.datagrams + self.exchanges }
    }

    struct Told {
        let at: MonotonicInstant
        let by: Int
        let event: MembershipEvent
    }

    let seed: Seed
    let settings: MembershipSettings
    var agenda = Agenda<Happening>()
    var network: SimulatedNetwork<Int>
    var nodes: [Node] = []
    var told: [Told] = []
    /// Whether each packet takes the way over bytes, as real ones do.
    var usesBytes = true
    /// Looks after each step, if there is one.
    var ledger: MembershipLedger?
    var flaw: MembershipFlaw?
    private var starts: UInt64 = 0
    private var numbers: [MemberAddress: Int] = [:]

    init(_ count: Int, seed: Seed, settings: MembershipSettings, link: SimulatedNetwork<Int>.Link = .init()) throws {
        self.seed = seed
        self.settings = settings
        self.network = SimulatedNetwork(seed: seed.derived(for: "network"), link: link)
        for number in 0..<count { try self.start(number, seeds: [0, 1]) }
    }

    static func id(_ number: Int) throws -> NodeID { try NodeID("node-\(number)") }

    static func address(_ number: Int) throws -> MemberAddress {
        try MemberAddress(host: "10.0.\(number / 250).\(number % 250 + 1)", port: 7_946)
    }

    var now: MonotonicInstant { self.agenda.now }

    // MARK: Lives

    /// Starts a node, or starts one again that was killed.
    mutating func start(
        _ number: Int, seeds: [Int], as name: NodeID? = nil, metadata: [UInt8] = []
    ) throws {
        self.starts += 1
        var instance = self.seed.derived(for: "instance \(self.starts)").rawValue
        if self.flaw == .isStartedAsBefore, number < self.nodes.count {
            instance = self.nodes[number].membership.itself.instance
        }
        self.ledger?.started(number)
        let address = try Self.address(number)
        let membership = try Membership(
            id: name ?? Self.id(number), address: address, instance: instance, metadata: metadata,
            settings: self.settings, generator: SeededGenerator(seed: self.seed.derived(for: "node \(self.starts)")))
        if number < self.nodes.count {
            self.nodes[number].membership = membership
            self.nodes[number].isRunning = true
            self.nodes[number].life += 1
            self.nodes[number].wakesAt = nil
            self.nodes[number].pausedUntil = nil
        } else {
            precondition(number == self.nodes.count, "node \(number) cannot come after \(self.nodes.count) nodes")
            self.numbers[address] = number
            self.nodes.append(
                Node(
                    membership: membership, address: address, life: 0,
                    clock: DriftingClock(origin: self.now, at: self.now)))
        }
        let addresses = try seeds.map(Self.address)
        try self.act(on: number) { $0.start(seeds: addresses, at: $1) }
    }

    mutating func kill(_ number: Int) {
        self.nodes[number].isRunning = false
    }

    mutating func pause(_ number: Int, for duration: Duration) {
        self.nodes[number].pausedUntil = self.now.advanced(by: duration)
    }

    // MARK: Running

    /// Has a member do something at the time that its clock shows, and carries out what it wants done.
    mutating func act(
        on number: Int, _ action: (inout Membership, MonotonicInstant) throws -> [MembershipDirective]
    ) throws {
        guard self.nodes[number].isRunning else { return }
        let local = self.nodes[number].clock.reading(at: self.now)
        // In place: a copy of the node would have its dictionaries copied.
        let directives = try action(&self.nodes[number].membership, local)
        var events: [MembershipEvent] = []
        for case .tell(let event) in directives {
            if case .joined = event, self.flaw == .losesEvents { continue }
            events.append(event)
            self.told.append(Told(at: self.now, by: number, event: event))
        }
        if self.ledger != nil {
            let membership = self.nodes[number].membership
            let now = self.now
            try self.ledger?.check(membership, of: number, told: events, at: now)
        }
        for case .send(let packet, let address, let carrier) in directives {
            try self.send(packet, from: number, to: address, carrier)
        }
        self.schedule(number)
    }

    private mutating func send(
        _ packet: MembershipPacket, from number: Int, to address: MemberAddress, _ carrier: MembershipCarrier
    ) throws {
        var sent = packet
        let destination = self.numbers[address]
        if let flaw {
            if flaw.holdsBack(packet) { return }
            flaw.spoil(&sent, receiver: try Self.id(destination ?? number))
            if let destination, flaw == .answersForTheDead { self.answer(packet, from: number, to: destination) }
        }
        if let ledger {
            try ledger.check(sent, over: carrier, atMost: self.settings.packetBytes, at: self.now)
        }
        let size: Int
        if self.usesBytes {
            let bytes = PacketCoding.encode(sent)
            sent = try PacketCoding.decode(bytes)
            size = bytes.count
        } else {
            size = PacketCoding.size(of: sent)
        }
        switch carrier {
        case .datagram:
            self.nodes[number].traffic.datagrams += 1
            self.nodes[number].traffic.datagramBytes += size
        case .connection:
            self.nodes[number].traffic.exchanges += 1
            self.nodes[number].traffic.exchangeBytes += size
        }
        guard let destination else { return }
        for instant in self.network.arrivals(
            from: number, to: destination, sentAt: self.now, isReliable: carrier == .connection)
        {
            self.agenda.add(.arrival(sent, from: number, to: destination, carrier), at: instant)
        }
    }

    /// Answers a ping in place of a process that has ended.
    private mutating func answer(_ packet: MembershipPacket, from number: Int, to destination: Int) {
        guard !self.nodes[destination].isRunning, case .ping(let sequence, let target) = packet.message else { return }
        let digest = self.nodes[number].membership.digest
        let forged = MembershipPacket(sender: target, message: .ack(sequence: sequence, digest: digest))
        self.agenda.add(.arrival(forged, from: destination, to: number, .datagram), at: self.now)
    }

    private mutating func schedule(_ number: Int) {
        guard let wake = self.nodes[number].membership.nextWake else { return self.nodes[number].wakesAt = nil }
        // What is overdue is due now.
        let next = max(self.nodes[number].clock.instant(of: wake), self.now)
        guard self.nodes[number].wakesAt != next else { return }
        self.nodes[number].wakesAt = next
        self.agenda.add(.wake(number, life: self.nodes[number].life), at: next)
    }

    mutating func run(for duration: Duration) throws { try self.run(until: self.now.advanced(by: duration)) }

    mutating func run(until end: MonotonicInstant) throws {
        while let (now, happening) = self.agenda.next(until: end) {
            switch happening {
            case .arrival(let packet, let source, let destination, let carrier):
                if let until = self.nodes[destination].pausedUntil, now < until {
                    self.agenda.add(happening, at: until)
                    continue
                }
                let address = self.nodes[source].address
                try self.act(on: destination) { $0.receive(packet, from: address, over: carrier, at: $1) }
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
            }
        }
    }

    // MARK: Looking

    /// What was sent by all.
    var traffic: Traffic {
        self.nodes.reduce(into: Traffic()) { sum, node in
            sum.datagrams += node.traffic.datagrams
            sum.datagramBytes += node.traffic.datagramBytes
            sum.exchanges += node.traffic.exchanges
            sum.exchangeBytes += node.traffic.exchangeBytes
        }
    }

    var running: [Int] { self.nodes.indices.filter { self.nodes[$0].isRunning } }

    /// Whom a node takes for present, itself included.
    func seen(by number: Int) -> Set<NodeID> {
        let membership = self.nodes[number].membership
        return Set(membership.others.filter(\.state.isPresent).map(\.id) + [membership.itself.id])
    }

    /// What a node takes another one for.
    func state(of id: NodeID, seenBy number: Int) -> MemberState? {
        self.nodes[number].membership.member(id)?.state
    }

    /// Whether all that run see exactly each other.
    var hasConverged: Bool {
        var running = 0
        var digest: UInt64?
        for index in self.nodes.indices where self.nodes[index].isRunning {
            running += 1
            // The digest stands for who is there in which incarnation.
            if let digest, digest != self.nodes[index].membership.digest { return false }
            digest = self.nodes[index].membership.digest
        }
        return self.nodes.indices.allSatisfy {
            !self.nodes[$0].isRunning || self.nodes[$0].membership.count == running
        }
    }

    /// Whether they also have nobody for a suspect.
    var hasSettled: Bool {
        self.hasConverged && self.running.allSatisfy { self.nodes[$0].membership.suspectCount == 0 }
    }

    /// Runs until they do.
    ///
    /// - Returns: After how long, or `nil` if they do not within the limit.
    mutating func converge(within limit: Duration) throws -> Duration? {
        let start = self.now
        let step = self.settings.period / 20
        while start.duration(to: self.now) < limit {
            if self.hasConverged { return start.duration(to: self.now) }
            try self.run(for: step)
        }
        return self.hasConverged ? limit : nil
    }
}
