#if ZooKeeper
import ColonyCore
import Synchronization

/// What keeps decisions about permits and records from resting on an old look.
///
/// ZooKeeper reads one node at a time, so what is read of a name is not of one moment. Every transaction that adds anything to a
/// name, or moves it, also writes the *guard* of the name, on condition that the guard still has the version that was read
/// before anything else. If that holds, nothing was added since, and what ended since only makes room. So a look that
/// missed a node, because another engine was moving it at this moment, cannot grant anything.
///
/// The node of the name itself would not do: the ensemble deletes it when it is empty, and one that is made anew counts from zero
/// again, up to the version that somebody still remembers. Guards are never deleted. There are 256 of them for all names; names
/// that share one may let each other look again, and no more.
extension ZooKeeperLeaseEngine {
    /// What is asked about the guard, once it is known.
    struct Guard {
        let path: String
        let version: Int32

        /// The part of a transaction that fails if anything was added since the guard was read.
        var change: ZooKeeperRequest.Change { .set(path: self.path, data: [], version: self.version) }
    }

    /// No name becomes a node that begins with a plus, so guards and names do not meet.
    func guardPath(of name: LeaseName, in folder: String) -> String {
        var hash: UInt32 = 0x811C_9DC5
        for byte in name.rawValue.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return "\(folder)/+\(NameRules.hexadecimal((hash ^ (hash >> 16)) & 0xFF, digits: 2))"
    }

    /// Makes the node and the guard of a name, and what is missing above them.
    func makeGuarded(
        _ path: String, guard guardPath: String, in folder: String, on session: ZooKeeperSession,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) {
        try await self.makeParents(of: path, below: folder, on: session, until: deadline)
        let reply = await session.send(.create(path: guardPath, data: [], kind: .persistent)).value()
        if reply.isDone || reply.outcome == .nodeExists || reply.outcome == .noNode { return }
        try await self.tryAgain(reply.outcome, "make the node \(guardPath)", until: deadline)
    }

    /// Waits for the turn of the calling task among those of this engine.
    func beginTurn(_ path: String, until deadline: MonotonicInstant) async throws(LeaseError) {
        let isOurs: Bool
        do {
            isOurs = try await self.turns.begin(path, until: deadline, on: self.clock)
        } catch {
            throw LeaseError(.cancelled, "the call to \(self.options.description) was cancelled", cause: error)
        }
        if !isOurs { throw self.crowded() }
    }

    /// Lets those go first who were faster, so that a crowd does not keep itself from getting anywhere.
    func giveWay(_ conflicts: Int, until deadline: MonotonicInstant) async throws(LeaseError) {
        let now = self.clock.now
        if now >= deadline { throw self.crowded() }
        try await self.sessions.sleep(until: now.advanced(by: self.sessions.pause(after: conflicts)))
    }

    private func crowded() -> LeaseError {
        LeaseError(
            .unavailable,
            "\(self.options.description) was asked by so many at once that nothing was done within "
                + self.options.timeout.text)
    }

    /// Waits for a signal, not beyond `end`.
    func wait(for signal: OneShotSignal, until end: MonotonicInstant, _ name: LeaseName) async throws(LeaseError) {
        do {
            _ = try await signal.wait(until: end, on: self.clock)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(name) was cancelled", cause: error)
        }
    }
}
#endif
