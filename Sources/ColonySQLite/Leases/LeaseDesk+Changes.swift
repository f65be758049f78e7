import ColonyCore
import Synchronization

/// Waiting for the end of a grant.
extension LeaseDesk {
    func waitForChange(_ wait: ChangeWait) async throws(LeaseError) -> Bool {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.begin(wait, continuation)
            }
        } onCancel: {
            self.interrupt(wait, LeaseError(.cancelled, "the wait for a change of \"\(wait.name)\" was cancelled"))
        }
        return try result.get()
    }

    private func begin(_ wait: ChangeWait, _ continuation: CheckedContinuation<Result<Bool, LeaseError>, Never>) {
        self.raiseInterest()
        let interruption = self.state.withLock { state -> LeaseError? in
            if let interruption = wait.interruption { return interruption }
            wait.continuation = continuation
            wait.limit = state.alarms.insert(.changeLimit(wait), at: wait.deadline)
            state.waits[wait.engine, default: [:]][ObjectIdentifier(wait)] = wait
            state.places[wait.name, default: Place()].changes.append(wait)
            return nil
        }
        if let interruption {
            self.lowerInterest()
            return continuation.resume(returning: .failure(interruption))
        }
        self.setAlarm()
        self.watchBell()
        // Entered first, looked second: a change between the two is told or seen.
        self.examine([wait.name])
    }

    func interrupt(_ wait: ChangeWait, _ error: LeaseError) {
        let isWaiting = self.state.withLock { state in
            wait.interruption = wait.interruption ?? error
            return wait.continuation != nil
        }
        if isWaiting { self.finish(wait, with: .failure(error)) }
    }

    /// Ends a wait, once.
    func finish(_ wait: ChangeWait, with result: Result<Bool, LeaseError>) {
        let (continuation, drainer) = self.state.withLock {
            state -> (
                CheckedContinuation<Result<Bool, LeaseError>, Never>?, CheckedContinuation<Void, Never>?
            ) in
            guard !wait.isOver, let continuation = wait.continuation else { return (nil, nil) }
            wait.isOver = true
            wait.continuation = nil
            if let limit = wait.limit { state.alarms.remove(limit) }
            wait.limit = nil
            state.places[wait.name]?.changes.removeAll { $0 === wait }
            Self.forgetIfEmpty(wait.name, in: &state)
            return (continuation, Self.forget(wait, in: &state))
        }
        guard let continuation else { return }
        self.lowerInterest()
        continuation.resume(returning: result)
        drainer?.resume()
    }

    static func forgetIfEmpty(_ name: LeaseName, in state: inout State) {
        guard let place = state.places[name], place.isEmpty else { return }
        if let alarm = place.alarm { state.alarms.remove(alarm) }
        state.places[name] = nil
    }

    /// Takes a wait off the list of its engine; gives whoever waits for the last of them.
    static func forget(_ wait: DeskWait, in state: inout State) -> CheckedContinuation<Void, Never>? {
        state.waits[wait.engine]?[ObjectIdentifier(wait)] = nil
        guard state.waits[wait.engine]?.isEmpty == true else { return nil }
        state.waits[wait.engine] = nil
        return state.drainers.removeValue(forKey: wait.engine)
    }

    /// Ends all waits that came through an engine, with the error `closed`, and gives back their places.
    func drain(engine: ObjectIdentifier) async {
        self.endObservation(of: engine)
        let error = LeaseError(.closed, "the engine was closed while somebody waited")
        let waits = self.state.withLock { state in Array((state.waits[engine] ?? [:]).values) }
        for wait in waits {
            if let wait = wait as? ChangeWait { self.interrupt(wait, error) }
            if let wait = wait as? TurnWait { self.interrupt(wait, error) }
        }
        await withCheckedContinuation { continuation in
            let isDone = self.state.withLock { state in
                if state.waits[engine] == nil { return true }
                state.drainers[engine] = continuation
                return false
            }
            if isDone { continuation.resume() }
        }
    }
}
