// How a state gets on a server
//
// A server is a plain cache: it takes what it is given, and would take an old write after a new one. So a state is
// never just set. What is there is read, the state is merged with it, and the result is stored if what is there has not
// changed meanwhile; otherwise the server has said what is there now, and the same begins again with that. A state that
// is part of what is there is not written at all. So a server only ever moves up in the order of states, whatever is
// late or repeated.

import ColonyCaches
import ColonyCore
import Synchronization

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
    }

    private struct State {
        var round: WriteRound
        var outcome = Outcome()
        var attempts: [Int]
        var isOver = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    /// After how many other writers a server is given up for this write. Each of them has stored something.
    private static let maximumAttempts = 64

    private let key: CacheKey
    private let written: StoredState
    private let bytes: [UInt8]
    private let lanes: [ServerLane]
    private let known: [ObjectIdentifier: CachedBytes?]
    private let deadline: MonotonicInstant
    private let retention: TombstoneRetention
    private let mendsDamage: Bool
    private let onLateDebt: (@Sendable (Debt) -> Void)?
    private let state: Mutex<State>

    /// - Parameters:
    ///   - known: What servers were just seen to hold, which saves asking them.
    ///   - mendsDamage: Whether an entry whose checksum does not fit is replaced, which is right only for a state that
    ///     was read from a quorum.
    ///   - onLateDebt: Told of servers that fail after the write was acknowledged.
    init(
        _ written: StoredState, of key: CacheKey, to lanes: [ServerLane], round: WriteRound,
        known: [Reading.Answer] = [],
        until deadline: MonotonicInstant, retention: TombstoneRetention, mendsDamage: Bool = false,
        onLateDebt: (@Sendable (Debt) -> Void)? = nil
    ) {
        self.key = key
        self.written = written
        self.bytes = EnvelopeCoding.encode(written, key: key)
        self.lanes = lanes
        self.known = Dictionary(known.map { (ObjectIdentifier($0.lane), $0.held) }) { first, _ in first }
        self.deadline = deadline
        self.retention = retention
        self.mendsDamage = mendsDamage
        self.onLateDebt = onLateDebt
        self.state = Mutex(State(round: round, attempts: [Int](repeating: 0, count: lanes.count)))
    }

    /// Starts, and does not wait.
    func start(skipping: Set<Int> = []) { self.advance { $0.start(skipping: skipping) } }

    /// Waits until it is decided whether enough servers have the state.
    func outcome() async -> Outcome {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
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

    private func advance(_ event: (inout WriteRound) -> [WriteRound.Directive]) {
        for directive in self.state.withLock({ event(&$0.round) }) {
            switch directive {
            case .store(let position):
                if let held = self.known[ObjectIdentifier(self.lanes[position])] {
                    self.store(over: held, at: position)
                } else {
                    self.lanes[position].look(
                        ServerLane.Look(key: self.key, deadline: self.deadline, client: self, position: position))
                }
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
        let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.isOver { return nil }
            state.isOver = true
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: One server

    private func store(over held: CachedBytes?, at position: Int) {
        var bytes = self.bytes
        var state = self.written
        if let held {
            do throws(QuorumError) {
                let there = try EnvelopeCoding.decode(held.value, key: self.key)
                state = try there.merging(self.written)
                if state == there { return self.succeeded(position) }
                if state != self.written { bytes = EnvelopeCoding.encode(state, key: self.key) }
            } catch {
                guard self.mendsDamage, EnvelopeCoding.isOurs(held.value) else {
                    return self.failed(position, .undecodable, error.message)
                }
            }
        } else if self.retention.isOver(state) {
            // What was to be forgotten everywhere is not brought back where it is gone.
            return self.succeeded(position)
        }
        let lane = self.lanes[position]
        guard bytes.count <= lane.tier.limits.valueBytes else {
            return self.failed(
                position, .refused,
                "the entry has \(bytes.count) bytes, and \(lane.tier.limits.valueBytes) are the most")
        }
        let entry = CacheWrite(self.key, bytes, timeToLive: self.retention.timeToLive(of: state))
        lane.compare(
            ServerLane.Change(
                comparison: CacheComparison(entry, expecting: held?.version), deadline: self.deadline, client: self,
                position: position))
    }

    func found(_ answer: Result<CachedBytes?, ReplicaFailure>, at position: Int) {
        switch answer {
        case .success(let held): self.store(over: held, at: position)
        case .failure(let failure): self.failed(position, failure, isUncertain: false)
        }
    }

    func compared(_ answer: Result<CompareAndSet, ReplicaFailure>, at position: Int) {
        switch answer {
        case .success(.stored): self.succeeded(position)
        case .success(.conflict(let held)):
            let attempts = self.state.withLock { state in
                state.attempts[position] += 1
                return state.attempts[position]
            }
            if attempts < Self.maximumAttempts {
                self.store(over: held, at: position)
            } else {
                self.failed(position, .contended, "\(attempts) other writers came in between")
            }
        case .failure(let failure):
            self.failed(position, failure, isUncertain: failure.kind == .unavailable)
        }
    }

    func isSlow(at position: Int) { self.advance { $0.isSlow(position) } }

    private func succeeded(_ position: Int) {
        self.state.withLock { state in
            if !state.isOver { state.outcome.stored.append(self.lanes[position].server) }
        }
        self.advance { $0.stored(position) }
    }

    private func failed(_ position: Int, _ kind: ReplicaFailure.Kind, _ message: String) {
        self.failed(position, ReplicaFailure(self.lanes[position].server, kind, message), isUncertain: false)
    }

    private func failed(_ position: Int, _ failure: ReplicaFailure, isUncertain: Bool) {
        self.state.withLock { state in
            if state.isOver { return }
            state.outcome.failures.append(failure)
            if isUncertain { state.outcome.isUncertain = true }
        }
        self.advance { $0.failed(position) }
    }
}
