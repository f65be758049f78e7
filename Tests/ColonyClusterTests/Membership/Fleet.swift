import ColonyCluster
import ColonyCore
import ColonySimulation

/// Members in simulated time over a simulated network: the value under test with nothing around it but chance.
struct Fleet {
    enum Happening {
        case arrival(MembershipPacket, from: Int, to: Int, MembershipCarrier)
        case wake(Int, instance: UInt64)
    }

    struct Node {
        var membership: Membership
        var isRunning = true
        /// The wake that is on the agenda.
        var wakesAt: MonotonicInstant?
        var bytes = 0
        var packets = 0
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
    var nodes: [Int: Node] = [:]
    var told: [Told] = []
    /// Whether each packet takes the way over bytes, as real ones do.
    var usesBytes = true
    private var starts: UInt64 = 0

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

    /// Starts a node, or starts one again that was killed.
    mutating func start(
        _ number: Int, seeds: [Int], as name: NodeID? = nil, metadata: [UInt8] = []
    ) throws {
        self.starts += 1
        let instance = self.seed.derived(for: "instance \(self.starts)").rawValue
        let membership = try Membership(
            id: name ?? Self.id(number), address: Self.address(number), instance: instance, metadata: metadata,
            settings: self.settings, generator: SeededGenerator(seed: self.seed.derived(for: "node \(self.starts)")))
        self.nodes[number] = Node(membership: membership)
        let addresses = try seeds.map(Self.address)
        let now = self.now
        try self.act(on: number) { $0.start(seeds: addresses, at: now) }
    }

    mutating func kill(_ number: Int) {
        self.nodes[number]?.isRunning = false
    }

    /// Has a member do something, and carries out what it wants done.
    mutating func act(on number: Int, _ action: (inout Membership) throws -> [MembershipDirective]) throws {
        guard var node = self.nodes[number], node.isRunning else { return }
        let directives = try action(&node.membership)
        for directive in directives {
            switch directive {
            case .tell(let event):
                self.told.append(Told(at: self.now, by: number, event: event))
            case .send(let packet, let address, let carrier):
                let bytes = self.usesBytes ? PacketCoding.encode(packet) : []
                node.bytes += bytes.count
                node.packets += 1
                let parts = address.host.split(separator: ".").compactMap { Int($0) }
                let destination = parts[2] * 250 + parts[3] - 1
                let sent = self.usesBytes ? try PacketCoding.decode(bytes) : packet
                for instant in self.network.arrivals(
                    from: number, to: destination, sentAt: self.now, isReliable: carrier == .connection)
                {
                    self.agenda.add(.arrival(sent, from: number, to: destination, carrier), at: instant)
                }
            }
        }
        // What is overdue is due now.
        if let next = node.membership.nextWake.map({ max($0, self.now) }),
            node.wakesAt.map({ next < $0 || $0 < self.now }) ?? true
        {
            node.wakesAt = next
            self.agenda.add(.wake(number, instance: node.membership.itself.instance), at: next)
        }
        self.nodes[number] = node
    }

    mutating func run(for duration: Duration, check: (Fleet) throws -> Void = { _ in }) throws {
        let end = self.now.advanced(by: duration)
        while let (now, happening) = self.agenda.next(until: end) {
            switch happening {
            case .arrival(let packet, let source, let destination, let carrier):
                let address = try Self.address(source)
                try self.act(on: destination) { $0.receive(packet, from: address, over: carrier, at: now) }
            case .wake(let number, let instance):
                // One of an earlier start, or one that an earlier wake has replaced.
                guard let node = self.nodes[number], node.membership.itself.instance == instance,
                    node.wakesAt == now
                else { continue }
                self.nodes[number]?.wakesAt = nil
                try self.act(on: number) { $0.wake(at: now) }
            }
            try check(self)
        }
    }

    /// How many bytes were sent by all.
    var bytes: Int { self.nodes.values.reduce(0) { $0 + $1.bytes } }

    var running: [Int] { self.nodes.filter(\.value.isRunning).keys.sorted() }

    /// Whom a node takes for present, itself included.
    func seen(by number: Int) -> Set<NodeID> {
        guard let membership = self.nodes[number]?.membership else { return [] }
        return Set(membership.others.filter(\.state.isPresent).map(\.id) + [membership.itself.id])
    }

    /// Whether all that run see exactly each other.
    var hasConverged: Bool {
        let running = self.nodes.values.filter(\.isRunning)
        // The digest stands for who is there in which incarnation.
        return running.allSatisfy {
            $0.membership.count == running.count && $0.membership.digest == running[0].membership.digest
        }
    }

    /// Runs until they do.
    ///
    /// - Returns: After how long, or `nil` if they do not within the limit.
    mutating func converge(within limit: Duration) throws -> Duration? {
        let start = self.now
        let step = self.settings.period / 4
        while start.duration(to: self.now) < limit {
            if self.hasConverged { return start.duration(to: self.now) }
            try self.run(for: step)
        }
        return self.hasConverged ? limit : nil
    }
}
