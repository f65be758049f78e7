import ColonyCaches
import ColonyCore
import ColonyHashing
import ColonyQuorum
import ColonySimulation

/// Some simulated servers, and stores on them.
struct SimulatedCluster: Sendable {
    let simulation: Simulation
    let servers: [SimulatedServer]
    let placement: HashRing<NodeID>

    init(_ simulation: Simulation, servers count: Int = 5, placed: Int? = nil) throws {
        self.simulation = simulation
        self.servers = (0..<count).map { SimulatedServer(NodeID(stringLiteral: "s\($0)"), simulation) }
        self.placement = try HashRing(
            nodes: self.servers.prefix(placed ?? count).map(\.name), pointsPerUnitWeight: 16)
    }

    /// What is wrong with all servers of a cluster: planted bugs.
    enum Flaw { case careless, staleMarks }

    /// Of four runs one has servers that compare ranks and keep marks, one such without marks, one none of them, and one
    /// all kinds.
    private func kind(of server: Int) -> Int {
        let kind = Int((self.simulation.seed.rawValue >> 1) & 3)
        return kind == 3 ? server % 3 : kind
    }

    func tiers(of client: NodeID, flaw: Flaw? = nil) -> [NodeID: any CacheTier] {
        var tiers: [NodeID: any CacheTier] = [:]
        for (index, server) in self.servers.enumerated() {
            let connection = server.connection(of: client)
            tiers[server.name] =
                switch (flaw, self.kind(of: index)) {
                case (.staleMarks, _): StaleMarkTier(connection)
                case (.careless, 2): CarelessTier(connection)
                case (.careless, _): CarelessRankingTier(connection)
                case (nil, 0): connection
                case (nil, 1): MarklessTier(connection)
                case (nil, _): PlainTier(connection)
                }
        }
        return tiers
    }

    /// A store with the clock of the simulation, and a wall clock of its own that is off by `skew`.
    func store(
        _ node: NodeID, skew: Duration = .zero, journal: (any HintJournal)? = nil, flaw: Flaw? = nil,
        _ change: (inout QuorumSettings) -> Void = { _ in }
    ) throws -> QuorumStore {
        let clock = self.simulation.clock
        var settings = QuorumSettings()
        settings.clock = clock
        settings.wallClock = SkewedWallClock(clock: clock, skew: skew)
        settings.timeout = .milliseconds(200)
        settings.hedge = .milliseconds(20)
        settings.suspicion = Backoff(initial: .milliseconds(50), maximum: .milliseconds(400))
        change(&settings)
        return try QuorumStore(
            node: node, placement: self.placement, tiers: self.tiers(of: node, flaw: flaw), settings: settings,
            journal: journal, generator: self.simulation.generator(for: "store \(node)"))
    }

    func server(_ name: NodeID) -> SimulatedServer? { self.servers.first { $0.name == name } }

    func healAll() { self.servers.forEach { $0.heal() } }
}

/// Civil time that goes with the clock of a simulation, and is off by a constant.
struct SkewedWallClock: WallClock {
    let clock: ManualClock
    let skew: Duration

    var now: WallTime {
        WallTime(millisecondsSince1970: 1_767_225_600_000 + self.clock.now.nanoseconds / 1_000_000).advanced(
            by: self.skew)
    }
}

/// Seeds for tests that try many: as many as `COLONY_SEEDS` says.
enum Seeds {
    static func many(_ usual: Int = 500, from first: Seed = 1) -> [Seed] {
        let count = ProcessEnvironment.number("COLONY_SEEDS") ?? usual
        return first.followed(by: count)
    }

    /// As many as it takes to find a bug that was planted.
    static func some(_ count: Int) -> [Seed] { Seed(rawValue: 1).followed(by: count) }
}
