public import ColonyCore

/// Who leads, as an observer sees it.
public struct Leader: Hashable, Sendable {
    /// The owner of the lease in the store: another one for each leadership.
    public let owner: OwnerID
    /// The number of its leadership: its fencing token.
    public let term: FencingToken
    /// What it says of itself; `nil` as long as it has said nothing, and always on engines that keep no records.
    public let metadata: String?

    /// Makes what an observer sees.
    public init(owner: OwnerID, term: FencingToken, metadata: String?) {
        self.owner = owner
        self.term = term
        self.metadata = metadata
    }

    /// The name under which it campaigned, or `nil` if it gave none.
    public var name: String? { CandidateName.name(of: self.owner) }
}

extension Election {
    /// Who leads now, or `nil`.
    ///
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine does not answer in time.
    /// - Complexity: One round trip, and one for the record where the engine keeps some.
    public func leader() async throws(CoordinationError) -> Leader? {
        do throws(LeaseError) {
            return try await LeaderLook.take(self, try self.recordsOfObserver()).leader
        } catch {
            throw CoordinationError(error)
        }
    }

    /// Who leads, from now on: the present state first, then each change.
    ///
    /// There is no buffer: a slow reader gets the newest state and skips what was in between. While the engine cannot be
    /// reached nothing is told, and what was told last may be out of date; it is asked again with growing, jittered pauses.
    /// The sequence ends when its task is cancelled, and with a ``CoordinationError`` that no later attempt would mend.
    ///
    /// - Important: What an observer knows is always of the past. Send requests with the term, and let the leader refuse those
    ///   of another.
    public func observe() -> LeaderChanges { LeaderChanges(election: self) }
}

/// The leaders of an election, one after the other; `nil` while nobody leads. See ``Election/observe()``.
public struct LeaderChanges: AsyncSequence, Sendable {
    /// One leader, or nobody.
    public typealias Element = Leader?
    /// Why there will be no more.
    public typealias Failure = CoordinationError

    let election: Election

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(election: self.election) }

    /// Reads from an observation.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let election: Election
        private var last: LeaderLook?
        private var failures = 0

        init(election: Election) { self.election = election }

        /// Waits for the next change.
        public mutating func next() async throws(CoordinationError) -> Leader?? {
            do throws(LeaseError) {
                return .some(try await self.nextLook().leader)
            } catch {
                if error.code == .cancelled { return nil }
                throw CoordinationError(error)
            }
        }

        /// Waits for the next change.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(CoordinationError) -> Leader?? {
            try await self.next()
        }

        private mutating func nextLook() async throws(LeaseError) -> LeaderLook {
            let calls = self.election.room.calls
            let records = try self.election.recordsOfObserver()
            while true {
                do throws(LeaseError) {
                    if self.failures > 0 {
                        try await calls.sleep(
                            until: calls.clock.now.advanced(by: calls.pause(after: self.failures)))
                    } else if let last = self.last {
                        try await last.waitForChange(self.election, records)
                    }
                    let look = try await LeaderLook.take(self.election, records)
                    let isNews = self.last.map { $0.leader != look.leader } ?? true
                    self.last = look
                    self.failures = 0
                    if isNews { return look }
                } catch {
                    guard error.code == .unavailable else { throw error }
                    self.failures += 1
                }
            }
        }
    }
}

extension Election {
    fileprivate func recordsOfObserver() throws(LeaseError) -> LeaderRecords? {
        do throws(CoordinationError) {
            return try self.records()
        } catch {
            throw LeaseError(.invalidRequest, error.message, cause: error)
        }
    }
}

/// One look at who leads.
struct LeaderLook: Sendable {
    let leader: Leader?
    /// The state of the group of records that was looked at.
    let revision: RegistryRevision?

    /// How long to wait for a change before looking all the same, while somebody leads: so long does a wait go on that an
    /// engine has silently dropped.
    private static let longestWait: Duration = .seconds(30)
    /// The same while nobody leads: engines tell when a lease ends, and not when one begins.
    private static let longestWaitForLeader: Duration = .seconds(1)

    static func take(_ election: Election, _ records: LeaderRecords?) async throws(LeaseError) -> LeaderLook {
        let calls = election.room.calls
        let (engine, name) = (election.engine, election.name)
        // The records first: what is changed after this look ends the next wait.
        var snapshot: RegistrySnapshot?
        if let records {
            do throws(LeaseError) {
                snapshot = try await calls.once { () throws(LeaseError) in
                    try await records.engine.snapshot(of: records.group)
                }
            } catch {
                // A remote store that keeps no records has leaders all the same.
                guard error.code == .unsupported else { throw error }
            }
        }
        let present = try await calls.once { () throws(LeaseError) in try await engine.inspect(name) }
        guard let present else { return LeaderLook(leader: nil, revision: snapshot?.revision) }
        let record = snapshot?[LeaderRecord.key].flatMap { LeaderRecords.decode($0) }
        // A record of another term is one that a former leader left, or that a later one wrote in the meantime.
        let metadata = record.flatMap { $0.term == present.token.rawValue ? $0.metadata : nil }
        return LeaderLook(
            leader: Leader(owner: present.owner, term: present.token, metadata: metadata),
            revision: snapshot?.revision)
    }

    /// Waits until something may have changed.
    func waitForChange(_ election: Election, _ records: LeaderRecords?) async throws(LeaseError) {
        let calls = election.room.calls
        let limit = calls.jittered(self.leader == nil ? Self.longestWaitForLeader : Self.longestWait)
        let (engine, name) = (election.engine, election.name)
        var waits: [@Sendable () async -> LeaseError?] = []
        if let term = self.leader?.term {
            waits.append {
                await Self.outcome(calls, limit) { () throws(LeaseError) in
                    try await engine.waitForChange(of: name, from: term, upTo: limit)
                }
            }
        }
        if let records, let revision = self.revision {
            waits.append {
                await Self.outcome(calls, limit) { () throws(LeaseError) in
                    try await records.engine.waitForChange(in: records.group, since: revision, upTo: limit)
                }
            }
        }
        guard !waits.isEmpty else { return try await calls.sleep(until: calls.clock.now.advanced(by: limit)) }
        let failure = await withTaskGroup(of: LeaseError?.self) { [waits] group -> LeaseError? in
            for wait in waits { group.addTask { await wait() } }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        if let failure { throw failure }
    }

    private static func outcome(
        _ calls: EngineCalls, _ limit: Duration, _ wait: @escaping @Sendable () async throws(LeaseError) -> Bool
    ) async -> LeaseError? {
        do throws(LeaseError) {
            _ = try await calls.waiting(upTo: limit, wait)
            return nil
        } catch {
            return error
        }
    }
}
