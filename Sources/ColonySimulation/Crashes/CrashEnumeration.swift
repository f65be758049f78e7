import ColonyCore
public import ColonyTransactions

/// A moment at which a process that works on a transaction can crash.
public struct CrashPoint: Hashable, Sendable, CustomStringConvertible {
    /// What happens at the moment.
    public enum Event: Hashable, Sendable {
        /// A durable write to the journal.
        case write
        /// The call of an action.
        case action(StepName)
        /// The call of a compensation.
        case compensation(StepName)
    }

    /// Whether the crash comes before or after it.
    public enum Side: String, Hashable, Sendable {
        case before, after
    }

    /// What happens.
    public let event: Event
    /// When the crash comes.
    public let side: Side

    init(_ event: Event, _ side: Side) {
        self.event = event
        self.side = side
    }

    public var description: String {
        switch self.event {
        case .write: "\(self.side.rawValue) a durable write"
        case .action(let step): "\(self.side.rawValue) the action of \(step)"
        case .compensation(let step): "\(self.side.rawValue) the compensation of \(step)"
        }
    }
}

/// Crashes a transaction before and after each decision and each call, restarts it, and demands that it comes to the same end.
///
/// The process that takes over is not crashed in its turn, and neither is the takeover itself.
///
/// The transaction is played once without a crash, to count its durable writes and its calls. Then it is played again for each point: the
/// process crashes there, so that nothing of it reaches the journal or a participant any more; the caller, who got no answer, starts the same
/// transaction again in another process, which takes over when the lease of the first has run out. Time is simulated, so a hundred
/// crashes take milliseconds.
///
/// ```swift
/// let enumeration = CrashEnumeration(
///     makeWorld: { simulation in Shop(clock: simulation.clock) },
///     makeJournal: { simulation in MemoryTransactionJournal(clock: simulation.clock, wall: simulation.wallClock) },
///     definitions: { shop in [shop.placeOrder] },
///     start: { shop, coordinator in try await coordinator.start(shop.placeOrder, order, id: "o-1").id })
/// let points = try enumeration.crashEverywhere { shop in shop.books }
/// ```
///
/// What it needs of your transaction: its participants live in the world, and do what they are asked once for each key, as real ones
/// must; its waits are on the clock of the simulation; the identifier with which it is started is always the same.
public struct CrashEnumeration<World: Sendable>: Sendable {
    /// What the order of tasks follows from.
    public var seed: Seed
    private let makeWorld: @Sendable (Simulation) throws -> World
    private let makeJournal: @Sendable (Simulation) throws -> any TransactionAdministration
    private let definitions: @Sendable (World) throws -> [any TransactionDefining]
    private let start: @Sendable (World, TransactionCoordinator) async throws -> TransactionID

    /// Makes an enumeration.
    ///
    /// - Parameters:
    ///   - seed: What the order of tasks follows from.
    ///   - makeWorld: The participants, anew for each run; they outlive the crash.
    ///   - makeJournal: The journal, anew for each run; it outlives the crash.
    ///   - definitions: What is worked on, with the participants of this world.
    ///   - start: Starts the transaction, with an identifier of its own; it is called again after the crash.
    public init(
        seed: Seed = 1, makeWorld: @escaping @Sendable (Simulation) throws -> World,
        makeJournal: @escaping @Sendable (Simulation) throws -> any TransactionAdministration,
        definitions: @escaping @Sendable (World) throws -> [any TransactionDefining],
        start: @escaping @Sendable (World, TransactionCoordinator) async throws -> TransactionID
    ) {
        self.seed = seed
        self.makeWorld = makeWorld
        self.makeJournal = makeJournal
        self.definitions = definitions
        self.start = start
    }

    /// Crashes it everywhere.
    ///
    /// - Parameter state: What the world has come to; the same after each crash as without.
    /// - Returns: The points at which it was crashed.
    /// - Throws: ``CrashFailure`` for the first point after which it came to another end or to none.
    @discardableResult
    public func crashEverywhere<State: Equatable & Sendable>(
        _ state: @escaping @Sendable (World) -> State
    ) throws -> [CrashPoint] {
        let expected = try self.play(CrashGate(target: nil), crashing: false, state)
        var points: [CrashPoint] = []
        for number in 1...max(1, expected.points) {
            let gate = CrashGate(target: number)
            let found = try self.play(gate, crashing: true, state)
            guard let point = gate.point else { break }
            points.append(point)
            if found.end != expected.end || found.state != expected.state {
                throw CrashFailure(
                    point: point, number: number, seed: self.seed,
                    reason: "it was \(found.end.rawValue) with \(found.state), and without a crash it is "
                        + "\(expected.end.rawValue) with \(expected.state)")
            }
        }
        return points
    }

    /// Cancels it at every point, and demands that it is either done as a whole or not at all.
    ///
    /// - Parameter verify: Throws if the world does not fit the end.
    /// - Returns: The points at which it was cancelled.
    /// - Throws: ``CrashFailure`` for the first point after which it came to no end, or to a wrong one.
    @discardableResult
    public func cancelEverywhere(
        _ verify: @escaping @Sendable (World, TransactionState) throws -> Void
    ) throws -> [CrashPoint] {
        let count = try self.play(CrashGate(target: nil), crashing: false) { _ in 0 }.points
        var points: [CrashPoint] = []
        for number in 1...max(1, count) {
            let canceller = Canceller()
            let gate = CrashGate(target: number) { canceller.cancel() }
            let world = WorldBox<World>()
            let found = try self.play(gate, crashing: false, canceller: canceller) { present in
                world.set(present)
                return 0
            }
            guard let point = gate.point else { break }
            points.append(point)
            do {
                if let world = world.value { try verify(world, found.end) }
            } catch {
                throw CrashFailure(point: point, number: number, seed: self.seed, reason: "\(error)")
            }
        }
        return points
    }

    private struct Played<State: Sendable>: Sendable {
        let end: TransactionState
        let state: State
        let points: Int
    }

    private func play<State: Equatable & Sendable>(
        _ gate: CrashGate, crashing: Bool, canceller: Canceller? = nil,
        _ state: @escaping @Sendable (World) -> State
    ) throws -> Played<State> {
        let (enumeration, seed) = (self, self.seed)
        return try Simulation(seed: seed).run { simulation in
            let world = try enumeration.makeWorld(simulation)
            let journal = try enumeration.makeJournal(simulation)
            let definitions = try enumeration.definitions(world).map { $0.definition.value }
            if crashing {
                try await enumeration.crash(simulation, world, journal, definitions, gate)
            }
            let after = crashing ? CrashGate(target: nil) : gate
            let coordinator = try enumeration.coordinator(
                simulation, GatedJournal(journal, after), definitions.map { after.guarding($0) })
            let id = try await coordinator.run {
                canceller?.aim(at: coordinator)
                let id = try await enumeration.start(world, coordinator)
                canceller?.aim(at: coordinator, id)
                try await Self.waitForEnd(of: id, in: journal)
                return id
            }
            guard let end = try await journal.read(id)?.summary.state else {
                throw TransactionError(.unknownTransaction, "there is no transaction \(id) after the run")
            }
            return Played(end: end, state: state(world), points: gate.count)
        }
    }

    /// The life of the process that crashes.
    private func crash(
        _ simulation: Simulation, _ world: World, _ journal: any TransactionAdministration,
        _ definitions: [TransactionDefinition], _ gate: CrashGate
    ) async throws {
        let coordinator = try self.coordinator(
            simulation, GatedJournal(journal, gate), definitions.map { gate.guarding($0) })
        let start = self.start
        let process = simulation.spawn {
            try await coordinator.run {
                if let id = try? await start(world, coordinator) {
                    try? await Self.waitForEnd(of: id, in: journal)
                }
            }
        }
        let life = simulation.spawn { try await gate.crash.wait() }
        // It may also come to its end before it reaches the point, in another order of its tasks.
        let ended = simulation.spawn {
            _ = try? await process.value
            gate.crash.fire()
        }
        _ = try? await life.value
        process.cancel()
        _ = try? await ended.value
    }

    private func coordinator(
        _ simulation: Simulation, _ journal: any TransactionAdministration, _ definitions: [TransactionDefinition]
    ) throws -> TransactionCoordinator {
        try TransactionCoordinator(
            journal, erased: definitions, clock: simulation.clock, wall: simulation.wallClock,
            generator: simulation.generator(for: "coordinator"))
    }

    private static func waitForEnd(of id: TransactionID, in journal: any TransactionAdministration) async throws {
        while let record = try await journal.read(id), !record.summary.state.isFinal {
            if record.summary.state == .stuck {
                let last = record.entries.last.map { "\($0.event)" } ?? "nothing"
                throw TransactionFailure(id, .stuck, turnBack: nil, reason: "at last it was written: \(last)")
            }
            try await journal.waitForChange(of: id, since: record.entries.count, upTo: .seconds(3_600))
        }
    }
}

/// A point at which a transaction does not stand a crash or a cancellation.
public struct CrashFailure: Error, Sendable, CustomStringConvertible {
    /// Where.
    public let point: CrashPoint
    /// Its number in the run, from 1.
    public let number: Int
    /// What the order of tasks followed from.
    public let seed: Seed
    /// What went wrong.
    public let reason: String

    public var description: String { "seed \(self.seed), point \(self.number), \(self.point): \(self.reason)" }
}
