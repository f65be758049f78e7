import ColonyCore
import Synchronization

/// The first phase of a two-phase commit: where participants are told what to do and to promise it.
public final class TwoPhaseWork: Sendable {
    private struct State {
        /// All that were asked to prepare, in the order of asking.
        var asked: [StepName] = []
        var underWay = 0
        var failure: (any Error)?
        var isOver = false
        /// Fired when nobody prepares any more.
        var settled: OneShotSignal?
    }

    /// Which transaction it is; made for it, and not used again, so that an abort that comes late meets no other one.
    public let id: TransactionID

    private let commit: TwoPhaseCommit
    private let state = Mutex(State())

    init(_ id: TransactionID, _ commit: TwoPhaseCommit) {
        self.id = id
        self.commit = commit
    }

    /// Has a participant do its work and promise to commit it. Several participants may do so at the same time.
    ///
    /// - Parameter work: What to do; see the participant.
    /// - Throws: What the participant throws. The whole is aborted then, also if the error is caught here. ``TwoPhaseError`` with code
    ///   `invalidRequest` for a participant that is not in the definition, or that was asked before, or after the end of the work.
    public func prepare<Participant: TwoPhaseParticipant>(
        _ participant: Participant, _ work: Participant.Work
    ) async throws {
        do {
            try self.enter(participant)
        } catch {
            self.state.withLock { $0.failure = $0.failure ?? error }
            throw error
        }
        do {
            try await participant.prepare(self.id, work)
            self.leave(nil)
        } catch {
            self.leave(error)
            throw error
        }
    }

    private func leave(_ error: (any Error)?) {
        let settled = self.state.withLock { state in
            state.underWay -= 1
            state.failure = state.failure ?? error
            return state.underWay == 0 ? state.settled : nil
        }
        settled?.fire()
    }

    /// Waits until nobody prepares any more, also in a task that is cancelled.
    func settle(until deadline: MonotonicInstant, on clock: any MonotonicClock) async {
        let signal = self.state.withLock { state -> OneShotSignal? in
            if state.underWay == 0 { return nil }
            let signal = OneShotSignal()
            state.settled = signal
            return signal
        }
        guard let signal else { return }
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        await Task(executorPreference: executor) { _ = try? await signal.wait(until: deadline, on: clock) }.value
    }

    private func enter(_ participant: some TwoPhaseParticipant) throws(TwoPhaseError) {
        let name = participant.name
        guard let known = self.commit.participants[name], known === participant else {
            throw TwoPhaseError(
                .invalidRequest, "the participant \"\(name)\" is not in the definition of \(self.commit.key)")
        }
        try self.state.withLock { state throws(TwoPhaseError) in
            if state.isOver {
                throw TwoPhaseError(.invalidRequest, "the work of \(self.id) is over, and \"\(name)\" comes too late")
            }
            if state.asked.contains(name) {
                throw TwoPhaseError(.invalidRequest, "the participant \"\(name)\" was asked before")
            }
            state.asked.append(name)
            state.underWay += 1
        }
    }

    /// Ends the phase.
    ///
    /// - Returns: Who was asked, and what is wrong, if it is.
    func close() -> (asked: [StepName], failure: (any Error)?) {
        self.state.withLock { state in
            state.isOver = true
            if state.failure == nil, state.underWay > 0 {
                state.failure = TwoPhaseError(
                    .invalidRequest,
                    "the work of \(self.id) returned while \(state.underWay) participants were preparing")
            }
            return (state.asked, state.failure)
        }
    }
}
