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

    /// Two of four runs have servers that compare ranks, one has none, and one has some.
    private func comparesRanks(_ server: Int) -> Bool {
        switch (self.simulation.seed.rawValue >> 1) & 3 {
        case 0, 1: true
        case 2: false
        default: server.isMultiple(of: 2)
        }
    }

    func tiers(of client: NodeID, careless: Bool = false) -> [NodeID: any CacheTier] {
        var tiers: [NodeID: any CacheTier] = [:]
        for (index, server) in self.servers.enumerated() {
            let connection = server.connection(of: client)
            let ranks = self.comparesRanks(index)
            if careless {
                tiers[server.name] = ranks ? CarelessRankingTier(connection) : CarelessTier(connection)
            } else {
                tiers[server.name] = ranks ? connection : PlainTier(connection)
            }
        }
        return tiers
    }

    /// A store with the clock of the simulation, and a wall clock of its own that is off by `skew`.
    func store(
        _ node: NodeID, skew: Duration = .zero, journal: (any HintJournal)? = nil, careless: Bool = false,
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
            node: node, placement: self.placement, tiers: self.tiers(of: node, careless: careless), settings: settings,
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
