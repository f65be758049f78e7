package import ColonyCore
import Synchronization

/// One attempt of an owner, from before its request until nobody will give back what it was granted; see ``OwnerAttempts``.
///
/// It is over when the last reference to it goes.
package final class OwnerTurn: Sendable {
    private let attempts: OwnerAttempts
    private let key: OwnerAttempts.Key
    private let number: Int
    private let isOver = Atomic(false)

    init(_ attempts: OwnerAttempts, _ key: OwnerAttempts.Key, _ number: Int) {
        self.attempts = attempts
        self.key = key
        self.number = number
    }

    deinit { self.end() }

    /// Whether what the owner may hold shall be given back now; then its next attempt waits until this one is over. It shall not
    /// if the owner has asked again meanwhile: the later attempt answers for what both were granted.
    func beginToGiveBack() -> Bool { self.attempts.beginToGiveBack(self.key, self.number) }

    /// Gives back with `action`, unless the owner has asked again meanwhile; then the attempt is over.
    package func giveBack(_ action: () async -> Void) async {
        if !self.isOver.load(ordering: .acquiring), self.beginToGiveBack() { await action() }
        self.end()
    }

    func end() {
        if self.isOver.exchange(true, ordering: .acquiringAndReleasing) { return }
        self.attempts.end(self.key, self.number)
    }
}

extension WaitingRoom {
    /// Begins an attempt of an owner that a caller names, after what an earlier one gives back at this moment.
    ///
    /// - Throws: ``ColonyCore/LeaseError`` with `cancelled`; nothing has begun then.
    package func beginTurn(
        of owner: OwnerID, for name: LeaseName, on engine: any LeaseEngine
    ) async throws(LeaseError) -> OwnerTurn {
        try await self.beginTurn(of: owner, at: LeaseKey(engine, name))
    }

    /// As ``beginTurn(of:for:on:)``, of an owner that asks for permits.
    package func beginTurn(
        of owner: OwnerID, forPermitsOf name: LeaseName, on engine: any PermitEngine
    ) async throws(LeaseError) -> OwnerTurn {
        try await self.beginTurn(of: owner, at: LeaseKey(engine, name, .permits))
    }

    private func beginTurn(of owner: OwnerID, at lease: LeaseKey) async throws(LeaseError) -> OwnerTurn {
        let key = OwnerAttempts.Key(lease: lease, owner: owner)
        do {
            return OwnerTurn(self.ownerAttempts, key, try await self.ownerAttempts.begin(key))
        } catch {
            throw LeaseError(.cancelled, "the wait for \(lease.name) was cancelled", cause: error)
        }
    }

    /// As ``acquire(_:owner:for:upTo:on:)``, within a turn that lasts until its caller has passed the grant on.
    package func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration, on engine: any LeaseEngine,
        in turn: OwnerTurn
    ) async throws(LeaseError) -> Acquisition {
        let attempt = Attempt(
            name: name, owner: owner, duration: duration, engine: engine,
            isImmediate: engine is any ImmediateLeaseEngine)
        return try await self.acquire(attempt, upTo: limit) { turn.beginToGiveBack() }
    }

    /// Takes permits, waiting in turn up to `limit`, as ``acquire(_:owner:for:upTo:on:)`` takes a name.
    ///
    /// Those of one room that ask with a claim stand in one line, of which the first keeps a place in the store. Others stand
    /// in a line with those that ask for as many.
    ///
    /// - Parameter request: With the claim that is kept while it is first. Its place is given up when the call ends without a grant.
    package func acquire(
        permits request: PermitRequest, upTo limit: Duration, on engine: any PermitEngine, in turn: OwnerTurn
    ) async throws(LeaseError) -> Acquisition {
        let attempt = Attempt(
            request, on: engine, lane: request.claim == nil ? request.permits : 0,
            isImmediate: engine is any ImmediateLeaseEngine)
        return try await self.acquire(attempt, upTo: limit) { turn.beginToGiveBack() }
    }
}
