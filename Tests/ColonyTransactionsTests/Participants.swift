import ColonyCore
import ColonyResilience
import ColonyTransactions
import Synchronization

/// Services that do what they are asked once for each key, write down who called, and fail as a test wants.
final class Participants: Sendable {
    /// What a call meets.
    enum Answer: Sendable {
        case done
        case refuse
        /// It is done, and the answer is lost.
        case doneButLost
        /// It is not done, and nobody says so.
        case lost
        /// It never ends, unless it is cancelled.
        case hang
    }

    struct NoAnswer: Error {}

    private struct State {
        var calls: [String] = []
        var effects: Set<String> = []
        var answers: [String: [Answer]] = [:]
        var standing: [String: Answer] = [:]
    }

    private let state = Mutex(State())
    private let clock: any MonotonicClock

    init(clock: any MonotonicClock) {
        self.clock = clock
    }

    /// All calls in their order, as `step` or `-step` for a compensation.
    var calls: [String] { self.state.withLock { $0.calls } }

    /// What stands at the moment.
    var effects: [String] { self.state.withLock { $0.effects.sorted() } }

    /// The next answers to a call, in their order; after them it is done.
    func answer(_ call: String, _ answers: Answer...) {
        self.state.withLock { $0.answers[call] = answers }
    }

    /// The answer to every call from here on.
    func answerAlways(_ call: String, _ answer: Answer) {
        self.state.withLock { $0.standing[call] = answer }
    }

    func act(_ step: String, key: IdempotencyKey) async throws {
        try await self.call(step) { $0.insert(step) }
    }

    func undo(_ step: String, key: IdempotencyKey) async throws {
        try await self.call("-\(step)") { $0.remove(step) }
    }

    private func call(_ name: String, _ effect: @Sendable (inout Set<String>) -> Void) async throws {
        let answer = self.state.withLock { state -> Answer in
            state.calls.append(name)
            guard var answers = state.answers[name], !answers.isEmpty else { return state.standing[name] ?? .done }
            defer { state.answers[name] = answers }
            return answers.removeFirst()
        }
        switch answer {
        case .done:
            self.state.withLock { effect(&$0.effects) }
        case .doneButLost:
            self.state.withLock { effect(&$0.effects) }
            throw NoAnswer()
        case .lost:
            throw NoAnswer()
        case .refuse:
            throw Refusal("\(name) says no")
        case .hang:
            try await self.clock.sleep(for: .seconds(1_000_000))
        }
    }
}

extension Participants {
    /// A saga of stock, payment, and parcel, of which the last decides, and a mail.
    func order(_ policy: StepPolicy = .standard, timeout: Duration? = nil) throws -> Saga<String, String> {
        try Saga<String, String>("order", timeout: timeout) { saga in
            let stock = saga.step("stock", policy: policy) { call in
                try await self.act("stock", key: call.idempotencyKey)
                return "\(call.input)-reserved"
            } compensation: { call in
                try await self.undo("stock", key: call.idempotencyKey)
            }
            saga.step("payment", policy: policy) { call in
                try await self.act("payment", key: call.idempotencyKey)
            } compensation: { call in
                try await self.undo("payment", key: call.idempotencyKey)
            }
            let (parcel, rest) = saga.pivot("parcel", policy: policy) { call in
                try await self.act("parcel", key: call.idempotencyKey)
                return 7
            }
            rest.retryable("mail", policy: policy) { call in try await self.act("mail", key: call.idempotencyKey) }
            return rest.result { call in "\(try call[stock]) \(try call[parcel])" }
        }
    }
}
