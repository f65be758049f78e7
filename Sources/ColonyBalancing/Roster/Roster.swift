import ColonyHashing

/// Everything that picks read, made anew when an endpoint comes, goes, or changes its state, and never changed afterwards.
//
// `@unchecked Sendable`, because the memory is written by the initialiser alone and freed with the object.
final class Roster: @unchecked Sendable {
    /// A level of priority, in the own zone or elsewhere.
    struct LevelKey: Hashable, Comparable {
        let priority: Int
        /// 0 in the own zone, 1 elsewhere.
        let distance: Int

        static func < (one: Self, other: Self) -> Bool {
            (one.priority, one.distance) < (other.priority, other.distance)
        }
    }

    /// What is kept of a level for explanations.
    struct Level {
        let key: LevelKey
        /// Positions among the entries, in the order of the level's home.
        let entries: [Int]
        let share: LevelPlan.Share
        let strength: LevelPlan.Strength
        let home: KeyedHome?
    }

    /// What the roster is made of.
    struct Entry {
        let cell: CellPointer
        let endpoint: Endpoint
        let level: LevelKey
        /// Whether it is in health and not ejected.
        let isHealthy: Bool
        /// Whether an operator has taken it out of new calls.
        let isOut: Bool
        /// Whether a session that is bound to it may still come.
        let takesSticky: Bool
    }

    let entries: [Entry]
    let levels: [Level]
    let algorithm: BalancingAlgorithm
    let byName: [EndpointName: Int]
    /// What a pick is told that finds no endpoint.
    let refusal: String
    let table: UnsafePointer<RosterTable>
    private var allocations: [UnsafeMutableRawPointer] = []

    /// - Parameters:
    ///   - refusal: What a pick is told that finds no endpoint.
    ///   - homes: Those of the roster before, for levels whose endpoints are the same.
    /// - Throws: What the placement of keys says of the endpoints.
    init(
        _ entries: [Entry], _ options: BalancerOptions, refusal: String, homes: [LevelKey: KeyedHome]
    ) throws(PlacementError) {
        self.entries = entries
        self.refusal = refusal
        self.algorithm = options.algorithm
        self.byName = Dictionary(
            entries.enumerated().map { ($0.element.endpoint.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
        let keys = Set(entries.map(\.level)).sorted()
        let members = keys.map { key in entries.indices.filter { entries[$0].level == key } }
        let strengths = members.map { members in
            members.reduce(into: LevelPlan.Strength(healthy: 0, total: 0)) { strength, position in
                let entry = entries[position]
                guard !entry.isOut else { return }
                strength.total += entry.endpoint.weight
                if entry.isHealthy { strength.healthy += entry.endpoint.weight }
            }
        }
        let plan = LevelPlan(strengths, factor: options.overprovisioning, threshold: options.panicThreshold)
        var levels: [Level] = []
        for position in keys.indices {
            var home = homes[keys[position]]
            if home == nil, options.algorithm.isByKey {
                home = try KeyedHome(options.algorithm, members[position].map { entries[$0].endpoint })
            }
            levels.append(
                Level(
                    key: keys[position], entries: members[position], share: plan.shares[position],
                    strength: strengths[position], home: home))
        }
        self.levels = levels

        let memory = RosterMemory()
        let tables = levels.map { Self.table(of: $0, entries, options.algorithm, memory) }
        let open = levels.indices.filter { levels[$0].share.share > 0 }
        var sum = 0.0
        let cuts = levels.map { level -> UInt32 in
            sum += level.share.share
            return sum >= 1 - 1e-9 ? .max : UInt32(sum * 4_294_967_295)
        }
        let table = memory.allocate([
            RosterTable(
                levels: memory.allocate(tables), levelCount: open.isEmpty ? 0 : levels.count,
                soleLevel: open.count == 1 ? open[0] : -1, cuts: memory.allocate(cuts), roster: nil)
        ])
        self.table = UnsafePointer(table)
        self.allocations = memory.taken
        table.pointee.roster = .passUnretained(self)
    }

    deinit {
        for allocation in self.allocations { allocation.deallocate() }
    }

    /// Which endpoints of a level may be picked.
    func isCandidate(_ entry: Entry, in level: Level) -> Bool { Self.isCandidate(entry, level.share) }

    /// An endpoint of a level that gets no calls is one all the same: a retry may need it when its own level has no other.
    private static func isCandidate(_ entry: Entry, _ share: LevelPlan.Share) -> Bool {
        !entry.isOut && (entry.isHealthy || share.isPanicking)
    }

    private static func table(
        of level: Level, _ entries: [Entry], _ algorithm: BalancingAlgorithm, _ memory: RosterMemory
    ) -> LevelTable {
        let chosen = level.entries.filter { self.isCandidate(entries[$0], level.share) }
        let weights = chosen.map { entries[$0].endpoint.weight }
        let members = level.entries.map { position in
            let entry = entries[position]
            let isOpen = self.isCandidate(entry, level.share)
            return Candidate(cell: entry.cell, weight: isOpen ? UInt32(entry.endpoint.weight) : 0)
        }
        let whole = level.entries.reduce(0) { $0 + entries[$1].endpoint.weight }
        var table = LevelTable(
            candidates: memory.allocate(
                chosen.map { Candidate(cell: entries[$0].cell, weight: UInt32(entries[$0].endpoint.weight)) }),
            count: UInt32(chosen.count), sequence: nil, sequenceCount: 0, aliases: nil,
            home: level.home.map { .passUnretained($0) }, members: memory.allocate(members),
            closed: memory.allocate(members.filter { $0.weight == 0 }),
            closedCount: members.count { $0.weight == 0 },
            openShare: Double(weights.reduce(0, +)) / Double(max(1, whole)))
        guard Set(weights).count > 1 else { return table }
        if algorithm == .weightedRoundRobin, let sequence = SmoothSequence(weights: weights)?.positions {
            table.sequence = UnsafePointer(memory.allocate(sequence))
            table.sequenceCount = UInt32(sequence.count)
        } else if !algorithm.ignoresWeights {
            table.aliases = UnsafePointer(memory.allocate(AliasTable(weights: weights).columns))
        }
        return table
    }
}

/// Takes memory for a roster.
private final class RosterMemory {
    private(set) var taken: [UnsafeMutableRawPointer] = []

    /// A copy of the elements, which need no deinitialisation, on lines that nothing else shares.
    func allocate<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, elements.count) * MemoryLayout<Element>.stride, alignment: 64)
        self.taken.append(memory)
        let pointer = memory.bindMemory(to: Element.self, capacity: max(1, elements.count))
        pointer.initialize(from: elements, count: elements.count)
        return pointer
    }
}
