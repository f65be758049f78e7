// One question for all writes that ask
//
// A strong write has to learn of a time that no acknowledged write of its key is above. A server has one such time for all
// its keys, its mark, so writes need not ask one by one: those that begin while a poll is under way are asked for together in
// the next. A poll asks each server once, and every write waits until as many of its servers have answered as it needs. It is
// the read index of Raft [1]: an answer is good for all that had begun before the question was sent.
//
// The next poll begins when the first write of this one has its answer, not when the last has, so that a slow server holds up
// nobody who does not need it. All servers of a key are asked from the start, because others ask most of them anyhow.
//
// A poll decides nothing about trouble. Where too many servers fail, are slow, or have no mark, a write is told that the time
// is not known, and asks for its key with all that a round can do.
//
// [1] D. Ongaro, Consensus: Bridging Theory and Practice, Stanford 2014, section 6.4.

import ColonyCaches
import ColonyClocks
import ColonyCore
import Synchronization

/// What a poll tells a write.
enum MarkFinding: Sendable {
    /// No write that enough of the servers held before the poll is above this time.
    case time(HybridTimestamp)
    case unknown
    case cancelled
}

/// Asks servers for their marks, for all strong writes of a store.
final class MarkPolling: Sendable {
    private enum Place { case first, inLine, none }

    private struct State {
        var waiting: [MarkWaiter] = []
        /// Whether a poll is under way in which nobody has an answer.
        var isPolling = false
    }

    private let waitingLimit: Int
    private let state = Mutex(State())

    /// - Parameter waitingLimit: How many may wait for the next poll; those beyond are told that the time is not known.
    init(waitingLimit: Int) { self.waitingLimit = waitingLimit }

    /// Asks servers, together with others who ask.
    ///
    /// - Parameters:
    ///   - lanes: Servers that keep marks, each once.
    ///   - need: How many of them must answer.
    /// - Returns: The latest of the marks of those that did.
    func time(of lanes: [ServerLane], need: Int, until deadline: MonotonicInstant) async -> MarkFinding {
        let waiter = MarkWaiter(lanes, need: need, until: deadline)
        let place = self.state.withLock { state -> Place in
            if state.waiting.count >= self.waitingLimit { return .none }
            state.waiting.append(waiter)
            defer { state.isPolling = true }
            return state.isPolling ? .inLine : .first
        }
        switch place {
        case .none: return .unknown
        case .inLine: break
        // Not at once, because others who were woken together with this one are about to ask as well.
        case .first: Task(executorPreference: Caller.executor) { self.poll() }
        }
        return await waiter.finding()
    }

    /// Begins a poll for all that wait, or ends polling.
    fileprivate func poll() {
        let waiting = self.state.withLock { state in
            if state.waiting.isEmpty { state.isPolling = false }
            defer { state.waiting = [] }
            return state.waiting
        }
        if !waiting.isEmpty { MarkPoll(for: waiting, by: self).start() }
    }
}

/// One question to each server that some of the writes need.
private final class MarkPoll: LaneClient {
    private struct State {
        var waiting: [(waiter: MarkWaiter, positions: Positions)] = []
        var answered = Positions()
        var lost = Positions()
        var times: [HybridTimestamp]
        /// Whether nobody has an answer yet.
        var isFirst = true

        /// What a write is told; `nil` while that is open.
        func finding(for waiter: MarkWaiter, at positions: Positions) -> MarkFinding? {
            let answers = positions.intersection(self.answered)
            if answers.count >= waiter.need {
                return .time(answers.reduce(HybridTimestamp(rawValue: 0)) { max($0, self.times[$1]) })
            }
            return positions.count - positions.intersection(self.lost).count < waiter.need ? .unknown : nil
        }
    }

    private let lanes: [ServerLane]
    private let deadline: MonotonicInstant
    private let polling: MarkPolling
    /// Those whose servers would be too many for one poll.
    private let refused: [MarkWaiter]
    private let state: Mutex<State>

    init(for waiters: [MarkWaiter], by polling: MarkPolling) {
        var lanes: [ServerLane] = []
        var refused: [MarkWaiter] = []
        var waiting: [(waiter: MarkWaiter, positions: Positions)] = []
        waiting.reserveCapacity(waiters.count)
        for waiter in waiters {
            guard lanes.count + waiter.lanes.count <= Positions.most else {
                refused.append(waiter)
                continue
            }
            var positions = Positions()
            for lane in waiter.lanes {
                let position = lanes.firstIndex { $0 === lane } ?? lanes.count
                if position == lanes.count { lanes.append(lane) }
                positions.insert(position)
            }
            waiting.append((waiter, positions))
        }
        self.lanes = lanes
        self.refused = refused
        self.deadline = waiters.reduce(waiters[0].deadline) { min($0, $1.deadline) }
        self.polling = polling
        self.state = Mutex(
            State(waiting: waiting, times: Array(repeating: HybridTimestamp(rawValue: 0), count: lanes.count)))
    }

    func start() {
        for waiter in self.refused { waiter.end(.unknown) }
        for (position, lane) in self.lanes.enumerated() {
            lane.lookMark(
                LaneLook(key: QuorumStore.markKey, deadline: self.deadline, client: self, position: position))
        }
    }

    func answered(_ answer: Result<LaneAnswer, ReplicaFailure>, at position: Int) {
        self.tell { state in
            if case .success(.rank(.rank(let time))) = answer {
                state.times[position] = HybridTimestamp(rawValue: time)
                state.answered.insert(position)
            } else {
                state.lost.insert(position)
            }
        }
    }

    func isSlow(at position: Int) { self.tell { $0.lost.insert(position) } }

    /// Notes something, and tells those for whom that decides it.
    private func tell(_ note: (inout State) -> Void) {
        var told: [(waiter: MarkWaiter, finding: MarkFinding)] = []
        let isFirst = self.state.withLock { state in
            note(&state)
            var rest: [(waiter: MarkWaiter, positions: Positions)] = []
            for (waiter, positions) in state.waiting {
                if let finding = state.finding(for: waiter, at: positions) {
                    told.append((waiter, finding))
                } else {
                    rest.append((waiter, positions))
                }
            }
            state.waiting = rest
            defer { if !told.isEmpty { state.isFirst = false } }
            return state.isFirst && !told.isEmpty
        }
        for (waiter, finding) in told { waiter.end(finding) }
        if isFirst { self.polling.poll() }
    }
}

/// A write that waits for a time.
private final class MarkWaiter: Sendable {
    private enum State {
        case new
        case waiting(UnsafeContinuation<MarkFinding, Never>)
        case over(MarkFinding)
    }

    let lanes: [ServerLane]
    let need: Int
    let deadline: MonotonicInstant
    private let state = Mutex(State.new)

    init(_ lanes: [ServerLane], need: Int, until deadline: MonotonicInstant) {
        self.lanes = lanes
        self.need = need
        self.deadline = deadline
    }

    func finding() async -> MarkFinding {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let finding = self.state.withLock { state -> MarkFinding? in
                    if case .over(let finding) = state { return finding }
                    state = .waiting(continuation)
                    return nil
                }
                if let finding { continuation.resume(returning: finding) }
            }
        } onCancel: {
            self.end(.cancelled)
        }
    }

    func end(_ finding: MarkFinding) {
        let continuation = self.state.withLock { state -> UnsafeContinuation<MarkFinding, Never>? in
            switch state {
            case .over: return nil
            case .new:
                state = .over(finding)
                return nil
            case .waiting(let continuation):
                state = .over(finding)
                return continuation
            }
        }
        continuation?.resume(returning: finding)
    }
}
