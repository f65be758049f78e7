public import ColonyCore

/// A point at which so many parties wait for each other; the last to arrive lets all of them go on. Then it can be used again.
///
/// ```swift
/// let barrier = Barrier("step", parties: 3, on: engine)
/// for step in steps {
///     try await run(step)
///     try await barrier.arriveAndWait(upTo: .seconds(600))
/// }
/// ```
///
/// Who has arrived stands in one record that every party changes by comparing and setting. Each party that waits also keeps an
/// ephemeral record of itself alive, on the thread of the ``LeaseKeeper``. *A party that dies while it waits is noticed*: its record
/// runs out, and whoever waits takes it out of those who have arrived. The others then wait for one more, such as the dead
/// party's successor, up to their limits.
///
/// *All or none.* A party that stops waiting, because its limit has passed or its task was cancelled, leaves by the same kind of
/// step. So either it has left and nobody counts it, or the barrier had opened with it, and the call returns as if it had waited.
/// The exception is a store that cannot be reached at that moment: then the call throws, and the party may be counted.
///
/// In the store it is the group `barrier/NAME` with the record `state` and one ephemeral record `party/ID` for each that waits.
///
/// - SeeAlso: <doc:LatchesAndBarriers>
public struct Barrier: Sendable {
    /// Its name.
    public let name: LeaseName
    /// How many parties open it.
    public let parties: Int
    /// How long a party counts as waiting after its process died. From ``ColonyCore/LeaseLimits/duration``.
    public let duration: Duration

    private let engine: any RegistryEngine
    private let keeper: LeaseKeeper
    private let room: WaitingRoom

    /// The most parties: all their names stand in one record.
    public static let maximumParties = 1_000

    /// Makes a barrier on an engine. No I/O happens yet.
    ///
    /// - Parameters:
    ///   - name: 1 to 247 bytes of UTF-8 without control characters.
    ///   - parties: From 1 to ``maximumParties``; others are refused on arrival. All parties give the same number.
    ///   - engine: Where the records are kept.
    ///   - duration: How long a party counts as waiting after its process died. 30 seconds, as for locks.
    ///   - keeper: On whose thread the records of those who wait are renewed.
    ///   - room: Whose clock, limits, and jitter count.
    public init(
        _ name: LeaseName, parties: Int, on engine: some RegistryEngine, duration: Duration = .seconds(30),
        keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) {
        self.name = name
        self.parties = parties
        self.duration = duration
        self.engine = engine
        self.keeper = keeper
        self.room = room
    }

    /// Makes a barrier on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ name: LeaseName, parties: Int, on engine: some RegistryEngine, requiring demand: Guarantee,
        duration: Duration = .seconds(30), keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "the barrier \(name)")
        self.init(name, parties: parties, on: engine, duration: duration, keeper: keeper, room: room)
    }
}

// MARK: Arriving

extension Barrier {
    /// Arrives, and waits until all parties have.
    ///
    /// - Parameters:
    ///   - party: Who arrives; unique by default. One that retries after `unavailable` under the same name is not counted twice
    ///     in one generation.
    ///   - limit: The longest wait.
    /// - Returns: How often the barrier had opened before: the generation, from 0, in which this party was counted.
    /// - Throws: ``CoordinationError``: `timedOut` if not all had arrived by then, with how many had; `leaseLost` if the others took
    ///   this party for dead and went on without it, or opened the barrier twice before it could look; `unavailable` if the engine could not be reached; `cancelled` as soon as
    ///   the task is cancelled; `invalidRequest` if the barrier is used with another number of parties. After `unavailable`
    ///   the party may be counted until its record runs out; after the others it is not.
    /// - Complexity: Three round trips without contention, and one more for each party that arrives at the same moment.
    @discardableResult
    public func arriveAndWait(
        as party: OwnerID = .unique(), upTo limit: Duration
    ) async throws(CoordinationError) -> Int {
        guard (1...Self.maximumParties).contains(self.parties) else {
            throw CoordinationError(
                .invalidRequest,
                "a barrier of \(self.parties) parties is not possible: from 1 to \(Self.maximumParties)")
        }
        let calls = self.room.calls
        let deadline = calls.clock.now.advanced(by: max(.zero, limit))
        let group = try LeaseName(prefix: "barrier/", self.name.rawValue, for: "the barrier \(self.name)")
        let key = try LeaseName(prefix: Self.partyPrefix, party.rawValue, for: "the party \(party)")
        // The owner is another one for each visit, so that the late removal of a former one does not end this.
        let record = KeptRecord(
            Array("{}".utf8), for: key, in: group, owner: .unique(), duration: self.duration, on: self.engine,
            calls: calls, executor: self.keeper.executor)
        do throws(CoordinationError) {
            try await record.begin(until: max(deadline, calls.clock.now.advanced(by: calls.requestLimit)))
        } catch {
            await record.remove()
            throw error
        }
        let visit = BarrierVisit(
            party: party.rawValue, name: self.name, group: group, parties: self.parties, engine: self.engine,
            calls: calls)
        do throws(CoordinationError) {
            let generation = try await visit.run(until: deadline)
            await record.remove()
            return generation
        } catch {
            await record.remove()
            throw error
        }
    }

    static let partyPrefix = "party/"
}
