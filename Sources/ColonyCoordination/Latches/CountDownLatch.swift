public import ColonyCore

/// A gate that opens when so many participants have said that they are done.
///
/// ```swift
/// let imported = CountDownLatch("import/2026-11", count: 3, on: engine)
/// try await imported.countDown(by: "region-eu")     // each of three workers, with a name of its own
/// guard try await imported.wait(upTo: .seconds(3_600)) else { … }
/// ```
///
/// Each participant writes a record of its own, if it is not there yet, in one atomic step. So a participant counts once however
/// often it asks: a worker that saw ``CoordinationError/Code/unavailable``, or that was started again, simply counts down again.
/// The count is written by whoever comes first, and everybody who gives another one is refused.
///
/// The records are permanent: the count survives what the engine survives, and a participant that dies after counting has
/// counted. A latch opens once. ``remove()`` takes its records away.
///
/// In the store it is the group `latch/NAME` with the record `count` (`{"count":3}`) and one record `by/ID` (`{}`) for each
/// participant.
///
/// - SeeAlso: <doc:LatchesAndBarriers>
public struct CountDownLatch: Sendable {
    /// Its name.
    public let name: LeaseName
    /// How many participants open it.
    public let count: Int

    private let engine: any RegistryEngine
    private let room: WaitingRoom

    /// The most participants: each has a record in one group, beside that of the count.
    public static let maximumCount = RegistryLimits.records - 1

    /// Makes a latch on an engine. No I/O happens yet.
    ///
    /// - Parameters:
    ///   - name: 1 to 249 bytes of UTF-8 without control characters.
    ///   - count: From 0, which is open from the start, to ``maximumCount``; others are refused when the latch is used.
    ///   - engine: Where the records are kept.
    ///   - room: Whose clock, limits, and jitter count.
    public init(_ name: LeaseName, count: Int, on engine: some RegistryEngine, room: WaitingRoom = .shared) {
        self.name = name
        self.count = count
        self.engine = engine
        self.room = room
    }

    /// Makes a latch on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ name: LeaseName, count: Int, on engine: some RegistryEngine, requiring demand: Guarantee,
        room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "the latch \(name)")
        self.init(name, count: count, on: engine, room: room)
    }
}

// MARK: Counting and waiting

extension CountDownLatch {
    /// Counts a participant, once however often it asks.
    ///
    /// - Parameters:
    ///   - participant: Who is done; 1 to 252 bytes. The same name is the same participant.
    ///   - limit: How long to go on while the engine cannot be reached.
    /// - Returns: Whether this call counted; `false` if the participant was counted before, perhaps by a call whose answer was
    ///   lost, or if the latch was open already.
    /// - Throws: ``CoordinationError``: `invalidRequest` if the latch was made with another count, `unavailable`, `cancelled`. After
    ///   these two the participant may be counted; ask again.
    /// - Complexity: Two round trips, three for whoever comes first.
    @discardableResult
    public func countDown(
        by participant: OwnerID, waiting limit: Duration = .seconds(60)
    ) async throws(CoordinationError) -> Bool {
        let group = try self.group()
        let key = try LeaseName(prefix: "by/", participant.rawValue, for: "the participant \(participant)")
        let counting = try RecordCodec.bytes(of: CountRecord(count: self.count))
        let deadline = self.room.calls.clock.now.advanced(by: limit)
        let (engine, calls) = (self.engine, self.room.calls)
        do throws(LeaseError) {
            return try await calls.retrying(until: deadline) { _ throws(LeaseError) in
                let state = try await self.look(group)
                if state.remaining == 0 || state.participants.contains(key) { return false }
                if !state.hasCount {
                    let write = RegistryWrite(counting, for: Self.countKey, if: .absent)
                    let answer = try await calls.once { () throws(LeaseError) in
                        try await engine.put(write, in: group)
                    }
                    if case .conflict(let other?) = answer { try self.checkCount(other) }
                }
                let write = RegistryWrite(Array("{}".utf8), for: key, if: .absent)
                let answer = try await calls.once { () throws(LeaseError) in
                    try await engine.put(write, in: group)
                }
                if case .written = answer { return true }
                return false
            }
        } catch {
            throw CoordinationError(error)
        }
    }

    /// How many participants are still missing.
    ///
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine does not answer in time, `invalidRequest` if the latch
    ///   was made with another count.
    /// - Complexity: One round trip; O(*n*) in the participants.
    public func remaining() async throws(CoordinationError) -> Int {
        let group = try self.group()
        do throws(LeaseError) {
            return try await self.look(group).remaining
        } catch {
            throw CoordinationError(error)
        }
    }

    /// Waits until the latch is open.
    ///
    /// - Parameter limit: The longest wait; zero or less looks once.
    /// - Returns: `false` if the limit passed first.
    /// - Throws: ``CoordinationError``: `unavailable` if the limit passed while the engine could not be reached, `cancelled` as soon as
    ///   the task is cancelled, `invalidRequest` if the latch was made with another count. Nothing is left behind.
    public func wait(upTo limit: Duration) async throws(CoordinationError) -> Bool {
        let group = try self.group()
        let (engine, calls) = (self.engine, self.room.calls)
        let deadline = calls.clock.now.advanced(by: max(.zero, limit))
        do throws(LeaseError) {
            while true {
                let state = try await calls.retrying(until: deadline) { _ throws(LeaseError) in
                    try await self.look(group)
                }
                if state.remaining == 0 { return true }
                if calls.clock.now >= deadline { return false }
                _ = try await calls.retrying(until: deadline) { remaining throws(LeaseError) in
                    let slice = min(remaining, calls.jittered(Self.longestWait))
                    return try await calls.waiting(upTo: slice) { () throws(LeaseError) in
                        try await engine.waitForChange(in: group, since: state.revision, upTo: slice)
                    }
                }
            }
        } catch {
            throw CoordinationError(error)
        }
    }

    /// Takes the records of the latch away. Whoever waits goes on waiting, for a latch of whose participants nobody is done.
    ///
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine does not answer in time; some records may be left, and
    ///   removing them again is harmless.
    /// - Complexity: A round trip for each participant.
    public func remove() async throws(CoordinationError) {
        let group = try self.group()
        let (engine, calls) = (self.engine, self.room.calls)
        do throws(LeaseError) {
            let snapshot = try await calls.once { () throws(LeaseError) in try await engine.snapshot(of: group) }
            for record in snapshot.records {
                _ = try await calls.once { () throws(LeaseError) in
                    try await engine.removeRecord(record.key, from: group, if: .version(record.version))
                }
            }
        } catch {
            throw CoordinationError(error)
        }
    }
}

// MARK: The records

extension CountDownLatch {
    private struct CountRecord: Codable, Sendable {
        let count: Int
    }

    private struct Look: Sendable {
        let remaining: Int
        let participants: Set<LeaseName>
        let hasCount: Bool
        let revision: RegistryRevision
    }

    private static let countKey: LeaseName = "count"
    /// So long does a wait go on that an engine has silently dropped.
    private static let longestWait: Duration = .seconds(30)

    private func group() throws(CoordinationError) -> LeaseName {
        guard (0...Self.maximumCount).contains(self.count) else {
            throw CoordinationError(
                .invalidRequest,
                "a count of \(self.count) is not possible for the latch \(self.name): from 0 to \(Self.maximumCount)")
        }
        return try LeaseName(prefix: "latch/", self.name.rawValue, for: "the latch \(self.name)")
    }

    private func look(_ group: LeaseName) async throws(LeaseError) -> Look {
        let engine = self.engine
        let snapshot = try await self.room.calls.once { () throws(LeaseError) in
            try await engine.snapshot(of: group)
        }
        let countRecord = snapshot[Self.countKey]
        if let countRecord { try self.checkCount(countRecord) }
        let participants = Set(snapshot.records.lazy.map(\.key).filter { $0 != Self.countKey })
        return Look(
            remaining: max(0, self.count - participants.count), participants: participants,
            hasCount: countRecord != nil, revision: snapshot.revision)
    }

    private func checkCount(_ record: RegistryRecord) throws(LeaseError) {
        guard let other = try? RecordCodec.value(CountRecord.self, from: record.value) else {
            throw LeaseError(.invalidRequest, "the record of the latch \(self.name) is not one of a latch")
        }
        guard other.count == self.count else {
            throw LeaseError(
                .invalidRequest, "the latch \(self.name) was made for \(other.count) participants, not \(self.count)")
        }
    }
}
