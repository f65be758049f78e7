import ColonyCaches
import ColonyCore
import Synchronization

/// Carries a ``ReadRound`` out: asks lanes, and wakes the caller when it is decided.
final class Reading: LaneClient {
    struct Answer: Sendable {
        let lane: ServerLane
        let held: CachedBytes?
    }

    struct Outcome: Sendable {
        var isEnough = false
        var isCancelled = false
        var answers: [Answer] = []
        var failures: [ReplicaFailure] = []
    }

    private struct State {
        var round: ReadRound
        var outcome = Outcome()
        var isOver = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let key: CacheKey
    private let lanes: [ServerLane]
    private let deadline: MonotonicInstant
    private let state: Mutex<State>

    private init(_ key: CacheKey, _ lanes: [ServerLane], _ round: ReadRound, until deadline: MonotonicInstant) {
        self.key = key
        self.lanes = lanes
        self.deadline = deadline
        self.state = Mutex(State(round: round))
    }

    /// Asks until `need` have answered, or cannot any more. Answers that come later are dropped.
    ///
    /// - Parameter lanes: Whom to ask, the best first.
    static func run(
        _ key: CacheKey, from lanes: [ServerLane], need: Int, until deadline: MonotonicInstant
    ) async -> Outcome {
        let reading = Reading(key, lanes, ReadRound(order: Array(lanes.indices), need: need), until: deadline)
        reading.advance { $0.start() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = reading.state.withLock { state in
                    if !state.isOver { state.waiter = continuation }
                    return state.isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            reading.end { $0.isCancelled = true }
        }
        return reading.state.withLock(\.outcome)
    }

    private func advance(_ event: (inout ReadRound) -> [ReadRound.Directive]) {
        for directive in self.state.withLock({ event(&$0.round) }) {
            switch directive {
            case .ask(let position):
                self.lanes[position].look(
                    ServerLane.Look(key: self.key, deadline: self.deadline, client: self, position: position))
            case .decide(let isEnough):
                self.end { $0.isEnough = isEnough }
            }
        }
    }

    private func end(_ change: (inout Outcome) -> Void) {
        let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.isOver { return nil }
            state.isOver = true
            change(&state.outcome)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: Answers

    func found(_ answer: Result<CachedBytes?, ReplicaFailure>, at position: Int) {
        self.state.withLock { state in
            if state.isOver { return }
            switch answer {
            case .success(let held): state.outcome.answers.append(Answer(lane: self.lanes[position], held: held))
            case .failure(let failure): state.outcome.failures.append(failure)
            }
        }
        self.advance { round in
            if case .success = answer { round.answered(position) } else { round.failed(position) }
        }
    }

    func compared(_ answer: Result<CompareAndSet, ReplicaFailure>, at position: Int) {
        preconditionFailure("a read compared something at position \(position)")
    }

    func isSlow(at position: Int) { self.advance { $0.isSlow(position) } }
}
