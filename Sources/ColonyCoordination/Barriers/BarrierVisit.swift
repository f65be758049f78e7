import ColonyCore

/// One party's stay at a barrier: looks, decides, writes, and waits until the barrier opens, then or otherwise leaves.
struct BarrierVisit: Sendable {
    let party: String
    let name: LeaseName
    let group: LeaseName
    let parties: Int
    let engine: any RegistryEngine
    let calls: EngineCalls

    private enum Outcome {
        case passed(Int)
        case missed(Int)
        case expired(arrived: Int)
    }

    private struct Look: Sendable {
        let state: BarrierState
        let version: RegistryRevision?
        let living: Set<LeaseName>
        let revision: RegistryRevision

        func isAlive(_ party: String) -> Bool {
            guard let key = try? LeaseName(Barrier.partyPrefix + party) else { return false }
            return self.living.contains(key)
        }
    }

    private static let stateKey: LeaseName = "state"
    /// So long does a wait go on that an engine has silently dropped.
    private static let longestWait: Duration = .seconds(30)
    /// So long at the most does a party step aside for others that arrive at the same moment.
    private static let longestStepAside: Duration = .milliseconds(500)

    func run(until deadline: MonotonicInstant) async throws(CoordinationError) -> Int {
        var attempted: Int?
        let outcome: Outcome
        do throws(LeaseError) {
            outcome = try await self.wait(until: deadline, &attempted)
        } catch {
            if error.code == .cancelled || error.code == .unavailable {
                // Whoever cannot leave is taken out by the others when its record has run out.
                if let generation = try? await self.leave(attempted) { return generation }
            }
            throw CoordinationError(error)
        }
        switch outcome {
        case .passed(let generation):
            return generation
        case .missed(let generation):
            throw CoordinationError(
                .leaseLost,
                """
                the barrier \(self.name) is beyond generation \(generation), and \(self.party) is not seen to have been \
                counted: its record had run out, or the barrier has opened again since
                """)
        case .expired(let arrived):
            do throws(LeaseError) {
                if let generation = try await self.leave(attempted) { return generation }
            } catch {
                throw CoordinationError(error)
            }
            throw CoordinationError(
                .timedOut, "\(arrived) of \(self.parties) parties had arrived at the barrier \(self.name) in time")
        }
    }

    private func wait(
        until deadline: MonotonicInstant, _ attempted: inout Int?
    ) async throws(LeaseError) -> Outcome {
        var conflicts = 0
        while true {
            let look = try await self.calls.retrying(until: deadline) { _ throws(LeaseError) in
                try await self.look()
            }
            let now = self.calls.clock.now
            switch look.state.decision(for: self.party, since: attempted, isAlive: look.isAlive) {
            case .pass(let generation):
                return .passed(generation)
            case .missed(let generation):
                return .missed(generation)
            case .write(let next):
                if now >= deadline, attempted != nil { return .expired(arrived: look.state.arrived.count) }
                // From here on the step may have been taken, whatever is heard of it; the next look tells.
                attempted = look.state.generation
                if try await self.tryWriting(next, after: look, until: deadline) {
                    conflicts = 0
                } else {
                    // Many that arrive at the same moment step aside for each other.
                    conflicts += 1
                    let pause = min(self.calls.pause(after: conflicts), Self.longestStepAside)
                    try await self.calls.sleep(until: min(deadline, now.advanced(by: pause)))
                }
            case .wait:
                attempted = look.state.generation
                if now >= deadline { return .expired(arrived: look.state.arrived.count) }
                try await self.waitForChange(after: look, until: deadline)
            }
        }
    }

    /// Stops waiting.
    ///
    /// The state is written also if the party is not in it, so that a write of this party that is still on its way finds
    /// another version and comes to nothing.
    ///
    /// - Returns: The generation, if the barrier had opened with this party by then.
    private func leave(_ attempted: Int?) async throws(LeaseError) -> Int? {
        guard let attempted else { return nil }
        let end = self.calls.clock.now.advanced(by: self.calls.requestLimit)
        while true {
            let look = try await self.look(isShielded: true)
            if look.state.generation == attempted + 1 {
                return look.state.released.contains(self.party) ? attempted : nil
            }
            if look.state.generation > attempted {
                throw LeaseError(
                    .unavailable,
                    "the barrier \(self.name) has opened twice meanwhile, so nothing tells whether \(self.party) was counted"
                )
            }
            if try await self.write(look.state.without(self.party), after: look, isShielded: true) { return nil }
            if self.calls.clock.now >= end {
                throw LeaseError(.unavailable, "the state of the barrier \(self.name) was changed again and again")
            }
        }
    }
}

// MARK: At the engine

extension BarrierVisit {
    private func look(isShielded: Bool = false) async throws(LeaseError) -> Look {
        let (engine, group) = (self.engine, self.group)
        let snapshot = try await self.calls.once(isShielded: isShielded) { () throws(LeaseError) in
            try await engine.snapshot(of: group)
        }
        let record = snapshot[Self.stateKey]
        var state = BarrierState(parties: self.parties)
        if let record {
            guard let present = try? RecordCodec.value(BarrierState.self, from: record.value) else {
                throw LeaseError(.invalidRequest, "the record of the barrier \(self.name) is not one of a barrier")
            }
            guard present.parties == self.parties else {
                throw LeaseError(
                    .invalidRequest,
                    "the barrier \(self.name) was made for \(present.parties) parties, not \(self.parties)")
            }
            state = present
        }
        return Look(
            state: state, version: record?.version, living: Set(snapshot.records.map(\.key)),
            revision: snapshot.revision)
    }

    /// - Returns: `false` if somebody has written since the look.
    private func write(
        _ state: BarrierState, after look: Look, isShielded: Bool = false
    ) async throws(LeaseError) -> Bool {
        let bytes: [UInt8]
        do throws(CoordinationError) {
            bytes = try RecordCodec.bytes(of: state)
        } catch {
            throw LeaseError(.invalidRequest, error.message, cause: error)
        }
        let write = RegistryWrite(
            bytes, for: Self.stateKey, if: look.version.map { .version($0) } ?? .absent)
        let (engine, group) = (self.engine, self.group)
        let answer = try await self.calls.once(isShielded: isShielded) { () throws(LeaseError) in
            try await engine.put(write, in: group)
        }
        if case .written = answer { return true }
        return false
    }

    /// Writes once; whatever comes of it, the next look tells. An engine that cannot be reached is left alone for a moment.
    ///
    /// - Returns: `false` if somebody has written since the look.
    private func tryWriting(
        _ state: BarrierState, after look: Look, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Bool {
        do throws(LeaseError) {
            return try await self.write(state, after: look)
        } catch {
            guard error.code == .unavailable else { throw error }
            let resumption = self.calls.clock.now.advanced(by: self.calls.pause(after: 1))
            guard resumption < deadline else { throw error }
            try await self.calls.sleep(until: resumption)
            return true
        }
    }

    private func waitForChange(after look: Look, until deadline: MonotonicInstant) async throws(LeaseError) {
        let (engine, group) = (self.engine, self.group)
        _ = try await self.calls.retrying(until: deadline) { remaining throws(LeaseError) in
            let slice = min(remaining, self.calls.jittered(Self.longestWait))
            return try await self.calls.waiting(upTo: slice) { () throws(LeaseError) in
                try await engine.waitForChange(in: group, since: look.revision, upTo: slice)
            }
        }
    }
}
