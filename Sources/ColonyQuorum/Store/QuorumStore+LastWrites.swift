// When a write may do without asking first
//
// The stamp of a write must lie above that of every write that was acknowledged before it began. There are two ways:
//
// - *Ask, then write*: a read quorum is asked for the times of what it holds, and meets the quorum of every
//   acknowledged write. The stamp is then fixed; a server that has a later one by the time the write arrives counts as
//   one that has it. This is the register of Attiya, Bar-Noy, and Dolev, and what strong writes do.
// - *Write, and be told*: the stamp is taken from the clock, and each server stores the write only if it is later than
//   what it holds. If a write quorum has stored it so, and 2 W > N, one of them has held every write that was
//   acknowledged before, so the stamp was above all of those. Otherwise a server has told of a later one; the clock
//   moves past it, and the write is sent again with a new stamp.
//
// The second way is one round trip instead of two, and takes a second stamp where clocks are apart and several
// processes write one key within that time. Between its stamps a write may be seen, then what the other process wrote,
// and then the write again. That is nothing to readers who are promised convergence or their own past, and everything
// to those who are promised a register. No rule saves it for them: a server that holds a later write cannot tell
// whether it has held the first attempt before, nor whether somebody has read it there. It is proven that no register
// of several writers has writes that take one round trip [1]. So strong writes ask, for times only.
//
// [1] K. Huang, Y. Huang, H. Wei, Fine-Grained Analysis on Fast Implementations of Distributed Multi-Writer Atomic
//     Registers, PODC 2020 (arXiv 2001.07855): the impossibility of fast writes.

import ColonyCaches
import ColonyClocks
import ColonyCore

extension QuorumStore {
    /// How often a write that does not ask first meets a later one before it does.
    private static let hastyAttempts = 8

    /// Writes where the last write wins.
    ///
    /// - Parameter floor: A time that the stamp must be above.
    func writeLast(
        _ value: [UInt8]?, to key: CacheKey, after floor: HybridTimestamp?, _ level: ConsistencyLevel,
        _ routes: [ServerRoute]
    ) async throws(QuorumError) -> QuorumWrite {
        var least = floor
        // What a former attempt has left behind; the write is then not undone, whatever becomes of the next one.
        var earlier: QuorumError?
        if self.mayBeHasty(level) {
            let deadline = self.deadline()
            for _ in 0..<Self.hastyAttempts where self.settings.clock.now < deadline {
                switch await self.attempt(value, key, after: least, routes, later: .refuse, until: deadline) {
                case .acknowledged(let write): return write
                case .failed(let error): throw error.after(earlier)
                case .surpassed(let stamp, let error):
                    least = stamp.time
                    earlier = error.after(earlier)
                }
            }
        }
        do throws(QuorumError) {
            var failures: [ReplicaFailure] = []
            let (latest, known) = try await self.latest(key, routes, &failures)
            let time = [least, latest].compactMap { $0 }.max()
            return try await self.attempt(
                value, key, after: time, routes, known: known, failures: failures, later: .count,
                until: self.deadline()
            ).get()
        } catch {
            throw error.after(earlier)
        }
    }

    private func mayBeHasty(_ level: ConsistencyLevel) -> Bool {
        if case .strong = level { return false }
        // Otherwise a write may be acknowledged by servers that have not seen another one that was.
        return 2 * self.settings.writeQuorum > self.settings.replicas
    }

    private func attempt(
        _ value: [UInt8]?, _ key: CacheKey, after least: HybridTimestamp?, _ routes: [ServerRoute],
        known: [Reading.Answer] = [], failures: [ReplicaFailure] = [], later: LaterStates,
        until deadline: MonotonicInstant
    ) async -> Stored {
        do throws(QuorumError) {
            let stamp = try self.stamp(after: least)
            return await self.store(
                .last(stamp, value), of: key, routes, known: known, failures: failures, later: later,
                until: deadline, context: QuorumContext(stamp: stamp))
        } catch {
            return .failed(error)
        }
    }

    /// A time that no write is above that a read quorum of every map holds, and what was learned of servers.
    private func latest(
        _ key: CacheKey, _ routes: [ServerRoute], _ failures: inout [ReplicaFailure]
    ) async throws(QuorumError) -> (HybridTimestamp?, [Reading.Answer]) {
        let deadline = self.deadline()
        var latest: HybridTimestamp?
        var answers: [Reading.Answer] = []
        for route in routes {
            switch await self.mark(route, until: deadline) {
            case .time(let time): latest = latest.map { max($0, time) } ?? time
            case .cancelled: throw QuorumError(.cancelled, "the calling task was cancelled")
            case .unknown:
                try await self.gather(.rank, key, route, &failures, until: deadline) { answer throws(QuorumError) in
                    if let time = try Self.time(answer, key) { latest = latest.map { max($0, time) } ?? time }
                    answers.append(answer)
                }
            }
        }
        // Servers compare without checksums. A time that cannot be is looked at with them before it is believed.
        if let time = latest, (try? self.clock.receive(time)) == nil {
            let seen = try await self.look(key, routes, until: self.deadline())
            return (seen.merged?.stamp.time, seen.answers)
        }
        return (latest, answers)
    }

    /// The latest mark of a read quorum, if these servers keep one.
    private func mark(_ route: ServerRoute, until deadline: MonotonicInstant) async -> MarkFinding {
        let need = self.settings.readQuorum
        var lanes = Array(self.order(route).prefix(route.replicas))
        // Those that have failed lately are last, and not asked if the others are enough.
        let now = self.settings.clock.now
        while lanes.count > need, let last = lanes.last, last.isSuspected(at: now) { lanes.removeLast() }
        guard lanes.allSatisfy(\.keepsMarks) else { return .unknown }
        return await self.marks.time(of: lanes, need: need, until: deadline)
    }

    private static func time(_ answer: Reading.Answer, _ key: CacheKey) throws(QuorumError) -> HybridTimestamp? {
        switch answer.said {
        case .rank(.nothing), .entry(nil): return nil
        case .rank(.rank(let time)): return HybridTimestamp(rawValue: time)
        case .entry(let held?):
            guard case .last(let stamp, _) = try EnvelopeCoding.decode(held.value, key: key) else {
                throw self.mixed(key)
            }
            return stamp.time
        case .rank(.unranked), .stored, .conflict:
            throw QuorumError(
                .undecodable,
                "what lies under \(NameRules.quoted(key.rawValue)) is not of this store, or was written by one that keeps "
                    + "siblings")
        }
    }
}

extension QuorumError {
    /// The same, where a former attempt may have left the write on some servers.
    fileprivate func after(_ earlier: QuorumError?) -> QuorumError {
        guard let earlier, earlier.code == .unknown else { return self }
        var error = self
        if error.code != .cancelled { error.code = .unknown }
        error.acknowledged += earlier.acknowledged.filter { !error.acknowledged.contains($0) }
        return error
    }
}
