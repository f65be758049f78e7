// How a state gets on a server
//
// A server is a plain cache: it takes what it is given, and would take an old write after a new one. So a state is
// never just set. A server that compares ranks is told to store a last write unless what is there is as late or later,
// and answers with that otherwise. From all others, what is there is read, the state is merged with it, and the result
// is stored if what is there has not changed meanwhile; otherwise the server has said what is there now, and the same
// begins again with that. A state that is part of what is there is not written at all. So a server only ever moves up
// in the order of states, whatever is late or repeated.

import ColonyCaches
import ColonyClocks
import ColonyCore
import Synchronization

/// What becomes of a write on a server that holds a later one.
enum LaterStates: Sendable {
    /// The server has moved past the write, which is as good as holding it: whoever reads it there finds what is later.
    case count
    /// The writer learns of it, and chooses another stamp.
    case refuse
}

/// Carries a ``WriteRound`` out: merges a state into what servers hold, and wakes the caller when it is decided. What
/// is then still under way goes on to its deadline.
final class Storing: LaneClient {
    /// A server that has not got the state.
    struct Debt: Sendable {
        let home: ServerLane
        let standIn: ServerLane?
    }

    struct Outcome: Sendable {
        var isAcknowledged = false
        var isCancelled = false
        var stored: [NodeID] = []
        var failures: [ReplicaFailure] = []
        var debts: [Debt] = []
        /// Whether a server may have the state although it has not said so.
        var isUncertain = false
        /// The latest stamp of the states that did not let this one in.
        var latest: WriteStamp?
    }

    private struct State {
        var round: WriteRound
        var outcome = Outcome()
        /// How many other writers came in between, where some did.
        var attempts: [Int: Int] = [:]
        /// Who was told to store something, and may have done so without saying it.
        var told = Positions()
        var isOver = false
        var waiter: UnsafeContinuation<Void, Never>?
    }

    /// After how many other writers a server is given up for this write. Each of them has stored something.
    private static let maximumAttempts = 64

    private let key: CacheKey
    private let written: StoredState
    private let bytes: [UInt8]
    private let lanes: [ServerLane]
    private let known: [Reading.Answer]
    private let later: LaterStates
    private let deadline: MonotonicInstant
    private let retention: TombstoneRetention
    private let onLateDebt: (@Sendable (Debt) -> Void)?
    private let state: Mutex<State>

    /// - Parameters:
    ///   - known: What servers were just seen to hold, which saves asking them.
    ///   - later: What becomes of it where a later state is.
    ///   - onLateDebt: Told of servers that fail after the write was acknowledged.
    init(
        _ written: StoredState, of key: CacheKey, to lanes: [ServerLane], round: WriteRound,
        known: [Reading.Answer] = [], later: LaterStates = .count, until deadline: MonotonicInstant,
        retention: TombstoneRetention, onLateDebt: (@Sendable (Debt) -> Void)? = nil
    ) {
        self.key = key
        self.written = retention.withoutPastWriters(written)
        self.bytes = EnvelopeCoding.encode(self.written, key: key)
        self.lanes = lanes
        self.known = known
        self.later = later
        self.deadline = deadline
        self.retention = retention
        self.onLateDebt = onLateDebt
        self.state = Mutex(State(round: round))
    }

    /// Starts, and does not wait.
    func start(skipping: Set<Int> = []) { self.carryOut(self.state.withLock { $0.round.start(skipping: skipping) }) }

    /// Waits until it is decided whether enough servers have the state.
    func outcome() async -> Outcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isOver = self.state.withLock { state in
                    if !state.isOver { state.waiter = continuation }
                    return state.isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.end { $0.outcome.isCancelled = true }
        }
        return self.state.withLock(\.outcome)
    }

    private func carryOut(_ directives: [WriteRound.Directive]) {
        for directive in directives {
            switch directive {
            case .store(let position): self.store(at: position)
            case .decide(let isAcknowledged):
                self.end { state in
                    state.outcome.isAcknowledged = isAcknowledged
                    // What is under way may still arrive.
                    if state.round.isWaiting { state.outcome.isUncertain = true }
                }
            case .owe(let home, let standIn):
                self.owe(Debt(home: self.lanes[home], standIn: standIn.map { self.lanes[$0] }))
            }
        }
    }

    private func owe(_ debt: Debt) {
        let isLate = self.state.withLock { state in
            if state.isOver { return state.outcome.isAcknowledged }
            state.outcome.debts.append(debt)
            return false
        }
        if isLate { self.onLateDebt?(debt) }
    }

    private func end(_ change: (inout State) -> Void) {
        let waiter = self.state.withLock { state -> UnsafeContinuation<Void, Never>? in
            if state.isOver { return nil }
            state.isOver = true
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: One server

    private func store(at position: Int) {
        let lane = self.lanes[position]
        let known = self.known.first { $0.lane === lane }
        if lane.comparesRanks, self.isRanked {
            // What is known to be as late need not be sent.
            if let held = known?.held { return self.store(over: held, at: position) }
            return self.send(self.bytes, self.written, to: position, ifHigher: true)
        }
        if case .entry(let held) = known?.said, held == nil || held?.version != nil {
            return self.store(over: held, at: position)
        }
        lane.lookEntry(LaneLook(key: self.key, deadline: self.deadline, client: self, position: position))
    }

    /// Whether ranks decide, which know of nothing but stamps. One that is to be forgotten must not be brought back
    /// where nothing is, and a rank does not tell that.
    private var isRanked: Bool {
        if case .last = self.written { !self.retention.isOver(self.written) } else { false }
    }

    private func store(over held: HeldEntry?, at position: Int) {
        var bytes = self.bytes
        var state = self.written
        // Where ranks decide, what is later goes by its rank also after a look, because the mark of the server rises
        // only so. Versions are left for what has the same time.
        var isLater = self.isRanked && self.lanes[position].comparesRanks
        if let held {
            do throws(QuorumError) {
                let there = self.retention.withoutPastWriters(
                    try EnvelopeCoding.decode(held.value, key: self.key))
                state = try there.merging(self.written)
                if state == there { return self.isContained(in: there, at: position) }
                if state != self.written { bytes = EnvelopeCoding.encode(state, key: self.key) }
                isLater = isLater && state.stamp.time > there.stamp.time
            } catch {
                return self.failed(position, .undecodable, error.message)
            }
        } else if self.retention.isOver(state) {
            // What was to be forgotten everywhere is not brought back where it is gone.
            return self.succeeded(position)
        }
        let expected = held?.version
        self.send(
            bytes, state, to: position, ifHigher: isLater || (held != nil && expected == nil), expecting: expected)
    }

    private func isContained(in there: StoredState, at position: Int) {
        if self.later == .refuse, there.stamp > self.written.stamp {
            self.surpassed(by: there.stamp, at: position)
        } else {
            self.succeeded(position)
        }
    }

    private func send(
        _ bytes: [UInt8], _ state: StoredState, to position: Int, ifHigher: Bool, expecting version: CacheVersion? = nil
    ) {
        let lane = self.lanes[position]
        guard bytes.count <= lane.tier.limits.valueBytes else {
            return self.failed(
                position, .refused,
                "the entry has \(bytes.count) bytes, and \(lane.tier.limits.valueBytes) are the most")
        }
        self.state.withLock { _ = $0.told.insert(position) }
        let change = LaneChange(
            entry: CacheWrite(self.key, bytes, timeToLive: self.retention.timeToLive(of: state)), version: version,
            deadline: self.deadline, client: self, position: position)
        if ifHigher { lane.raise(change) } else { lane.compare(change) }
    }

    func answered(_ answer: Result<LaneAnswer, ReplicaFailure>, at position: Int) {
        switch answer {
        case .success(.stored): self.succeeded(position)
        case .success(.entry(let held)): self.store(over: held, at: position)
        case .success(.conflict(let held)):
            let attempts = self.state.withLock { state in
                let attempts = state.attempts[position, default: 0] + 1
                state.attempts[position] = attempts
                return attempts
            }
            if attempts < Self.maximumAttempts {
                self.store(over: held, at: position)
            } else {
                self.failed(position, .contended, "\(attempts) other writers came in between")
            }
        case .success(.rank): preconditionFailure("a write asked position \(position) for a rank")
        case .failure(let failure):
            self.failed(position, failure)
        }
    }

    func isSlow(at position: Int) { self.carryOut(self.state.withLock { $0.round.isSlow(position) }) }

    private func succeeded(_ position: Int) {
        self.carryOut(
            self.state.withLock { state in
                if !state.isOver { state.outcome.stored.append(self.lanes[position].server) }
                return state.round.stored(position)
            })
    }

    private func surpassed(by stamp: WriteStamp, at position: Int) {
        self.carryOut(
            self.state.withLock { state in
                if !state.isOver { state.outcome.latest = state.outcome.latest.map { max($0, stamp) } ?? stamp }
                return state.round.isSurpassed(position)
            })
    }

    private func failed(_ position: Int, _ kind: ReplicaFailure.Kind, _ message: String) {
        self.failed(position, ReplicaFailure(self.lanes[position].server, kind, message))
    }

    private func failed(_ position: Int, _ failure: ReplicaFailure) {
        self.carryOut(
            self.state.withLock { state in
                if !state.isOver {
                    state.outcome.failures.append(failure)
                    if failure.kind == .unavailable, state.told.contains(position) { state.outcome.isUncertain = true }
                }
                return state.round.failed(position)
            })
    }
}
