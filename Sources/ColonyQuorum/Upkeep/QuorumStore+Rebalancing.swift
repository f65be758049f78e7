// Why a change of the ring has three steps
//
// A quorum of the old servers and one of the new need not meet, so whoever switches from one to the other at once may
// miss what was acknowledged before. While keys move, every operation therefore needs a quorum of both, as
// configurations overlap in Raft's joint consensus and in RAMBO. The steps are:
//
// 1. every process calls `beginMove(to:)`, and from then on asks and writes both;
// 2. one process calls `moveKeys`, which brings every key to a write quorum of its new servers;
// 3. every process calls `endMove()`, and asks the new servers only. Then `sweep` takes away what is left behind.
//
// Processes agree on the step by whatever they agree on the placement by. A process that skips the first step before
// another one has taken the third breaks the promise; nothing here can find out.
//
// [1] D. Ongaro, Consensus: Bridging Theory and Practice, 2014, section 4.3 (joint consensus).
// [2] N. Lynch, A. Shvartsman, RAMBO: A Reconfigurable Atomic Memory Service for Dynamic Networks, DISC 2002.

public import ColonyCaches
public import ColonyCore
public import ColonyHashing
import Synchronization

/// How far a move of keys, or a sweep, has come.
public struct MoveProgress: Hashable, Sendable {
    /// The server whose keys are being looked at.
    public var server: NodeID
    /// How many servers are done, of how many.
    public var serversDone: Int
    /// How many servers there are to look at.
    public var servers: Int
    /// How many keys were listed so far. A key is listed on each server that has it.
    public var keysSeen = 0
    /// How many of them were brought to servers.
    public var keysMoved = 0
}

extension QuorumStore {
    /// Begins to use another placement beside the present one: from now on every operation needs a quorum of both.
    ///
    /// - Parameter tiers: The servers that are new.
    /// - Throws: ``QuorumError`` with `invalidRequest` if a move is under way, or `invalidConfiguration`.
    public func beginMove(
        to placement: any Placement<NodeID>, adding tiers: [NodeID: any CacheTier] = [:]
    ) throws(QuorumError) {
        if let defect = self.settings.defect(servers: placement.nodes.count) {
            throw QuorumError(.invalidConfiguration, defect)
        }
        var lanes = self.state.withLock(\.lanes)
        for (server, tier) in tiers where lanes[server]?.tier !== tier {
            lanes[server] = ServerLane(server, tier, self.settings)
        }
        let map = try ServerMap(
            placement, lanes: lanes, replicas: self.settings.replicas,
            isSloppy: self.settings.membership == .sloppy)
        let isUnderWay = self.state.withLock { state in
            if state.topology.next != nil { return true }
            state.lanes = lanes
            state.topology.next = map
            return false
        }
        if isUnderWay { throw QuorumError(.invalidRequest, "keys are being moved to another placement already") }
    }

    /// Brings every key to a write quorum of the servers that the new placement gives it.
    ///
    /// What is written meanwhile goes to both placements, so nothing is missed. Only keys whose servers change are
    /// read. It waits for calls that began before the move, three times ``QuorumSettings/timeout``; so call it after every
    /// process has called ``beginMove(to:adding:)``.
    ///
    /// - Parameters:
    ///   - rate: The most keys that are listed in a second, from 1.
    ///   - progress: Told after each page.
    /// - Returns: How far it came, which is the end.
    /// - Throws: ``QuorumError`` with `invalidRequest` if no move is under way, `unsupported` where a server cannot
    ///   list its keys, `unavailable`, `cancelled`. Nothing is undone; call it again to go on.
    @discardableResult
    public func moveKeys(
        rate: Int = 10_000, progress: @Sendable (MoveProgress) -> Void = { _ in }
    ) async throws(QuorumError) -> MoveProgress {
        let topology = try self.topology()
        guard let next = topology.next else {
            throw QuorumError(.invalidRequest, "no move of keys was begun")
        }
        do {
            // A call that began before the move knows one ring only; what it has acknowledged must be there to be
            // found.
            try await self.settings.clock.sleep(for: self.settings.timeout * 3)
        } catch {
            throw QuorumError(.cancelled, "the calling task was cancelled", cause: error)
        }
        let servers = topology.current.lanes
        var state = MoveProgress(server: servers[0].server, serversDone: 0, servers: servers.count)
        for lane in servers {
            state.server = lane.server
            try await self.eachPage(of: lane, rate: rate) { keys throws(QuorumError) in
                for key in keys {
                    let (old, new) = (topology.current.homes(of: key), next.homes(of: key))
                    state.keysSeen += 1
                    if new.allSatisfy({ home in old.contains { $0 === home } }) { continue }
                    if try await self.move(key, topology, to: next) { state.keysMoved += 1 }
                }
                progress(state)
            }
            state.serversDone += 1
        }
        return state
    }

    /// - Returns: Whether somebody was given something.
    private func move(_ key: CacheKey, _ topology: Topology, to next: ServerMap) async throws(QuorumError) -> Bool {
        let seen = try await self.look(key, topology.routes(for: key), until: self.deadline())
        guard let merged = seen.merged, !self.retention.isOver(merged) else { return false }
        let homes = next.homes(of: key)
        if homes.allSatisfy({ seen.isUpToDate($0) }) { return false }
        let storing = Storing(
            merged, of: key, to: homes,
            round: WriteRound(homes: Array(homes.indices), need: self.settings.writeQuorum), known: seen.answers,
            until: self.deadline(), retention: self.retention, onLateDebt: { self.keepLate($0, merged, key) })
        storing.start()
        let outcome = await storing.outcome()
        guard outcome.isAcknowledged else {
            throw QuorumError(
                .unavailable,
                "\(NameRules.quoted(key.rawValue)) came to \(outcome.stored.count) of its new servers, and "
                    + "\(self.settings.writeQuorum) are needed",
                acknowledged: outcome.stored, failures: outcome.failures)
        }
        await self.keep(outcome.debts, merged, key)
        return true
    }

    /// Goes over to the new placement, after ``moveKeys(rate:progress:)`` has come to its end, in whatever process.
    ///
    /// - Throws: ``QuorumError`` with `invalidRequest` if no move is under way.
    public func endMove() throws(QuorumError) {
        let isUnderWay = self.state.withLock { state in
            guard let next = state.topology.next else { return false }
            state.topology = Topology(current: next)
            return true
        }
        if !isUnderWay { throw QuorumError(.invalidRequest, "no move of keys was begun") }
    }

    /// Goes through the keys of a server: what does not belong there is brought to where it belongs and taken away, and
    /// so copies are found that a stand-in has kept, or a former ring has left.
    ///
    /// - Parameters:
    ///   - server: One of the servers, also one that the placement has not any more.
    ///   - rate: The most keys that are listed in a second, from 1.
    /// - Returns: How many keys were listed, and how many taken away.
    /// - Throws: ``QuorumError`` as ``moveKeys(rate:progress:)``.
    @discardableResult
    public func sweep(
        _ server: NodeID, rate: Int = 10_000, progress: @Sendable (MoveProgress) -> Void = { _ in }
    ) async throws(QuorumError) -> MoveProgress {
        let lane = try self.lane(server)
        var state = MoveProgress(server: server, serversDone: 0, servers: 1)
        try await self.eachPage(of: lane, rate: rate) { keys throws(QuorumError) in
            for key in keys {
                state.keysSeen += 1
                let topology = try self.topology()
                if topology.maps.contains(where: { $0.isHome(server, of: key) }) { continue }
                let homes = topology.maps.flatMap { $0.homes(of: key) }
                if await self.relieve(lane, of: key, to: homes) { state.keysMoved += 1 }
            }
            progress(state)
        }
        state.serversDone = 1
        return state
    }
}
