import ColonyCaches
import ColonyCore
import Synchronization

/// Carries a ``ReadRound`` out: asks lanes, and wakes the caller when it is decided.
final class Reading: LaneClient {
    /// What is asked for.
    enum Question: Sendable {
        /// What is there, with the version that a comparison needs.
        case entry
        /// What is there.
        case value
        /// A time after which it was not written.
        case rank
    }

    struct Answer: Sendable {
        let lane: ServerLane
        /// ``LaneAnswer/entry(_:)``, or ``LaneAnswer/rank(_:)`` where that was asked for and the server can tell.
        let said: LaneAnswer

        /// What is there, if all of it was told.
        var held: HeldEntry? { if case .entry(let held) = self.said { held } else { nil } }
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
        var waiter: UnsafeContinuation<Void, Never>?
    }

    private let key: CacheKey
    private let question: Question
    private let lanes: [ServerLane]
    private let deadline: MonotonicInstant
    private let state: Mutex<State>

    private init(
        _ question: Question, of key: CacheKey, _ lanes: [ServerLane], need: Int, until deadline: MonotonicInstant
    ) {
        self.question = question
        self.key = key
        self.lanes = lanes
        self.deadline = deadline
        self.state = Mutex(State(round: ReadRound(order: Array(lanes.indices), need: need)))
    }

    /// Asks until `need` have answered, or cannot any more. Answers that come later are dropped.
    ///
    /// - Parameter lanes: Whom to ask, the best first.
    static func run(
        _ question: Question, of key: CacheKey, from lanes: [ServerLane], need: Int, until deadline: MonotonicInstant
    ) async -> Outcome {
        let reading = Reading(question, of: key, lanes, need: need, until: deadline)
        reading.carryOut(reading.state.withLock { $0.round.start() })
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
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

    private func carryOut(_ directives: [ReadRound.Directive]) {
        for directive in directives {
            switch directive {
            case .ask(let position):
                let look = LaneLook(key: self.key, deadline: self.deadline, client: self, position: position)
                switch self.question {
                case .entry: self.lanes[position].lookEntry(look)
                case .value: self.lanes[position].lookValue(look)
                case .rank: self.lanes[position].lookRank(look)
                }
            case .decide(let isEnough): self.end { $0.isEnough = isEnough }
            }
        }
    }

    private func end(_ change: (inout Outcome) -> Void) {
        let waiter = self.state.withLock { state -> UnsafeContinuation<Void, Never>? in
            if state.isOver { return nil }
            state.isOver = true
            change(&state.outcome)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: Answers

    func answered(_ answer: Result<LaneAnswer, ReplicaFailure>, at position: Int) {
        self.carryOut(
            self.state.withLock { state in
                if state.isOver { return [] }
                switch answer {
                case .success(let said):
                    state.outcome.answers.append(Answer(lane: self.lanes[position], said: said))
                    return state.round.answered(position)
                case .failure(let failure):
                    state.outcome.failures.append(failure)
                    return state.round.failed(position)
                }
            })
    }

    func isSlow(at position: Int) { self.carryOut(self.state.withLock { $0.round.isSlow(position) }) }
}
