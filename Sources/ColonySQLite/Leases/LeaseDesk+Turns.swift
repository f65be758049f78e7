import ColonyCore
import Synchronization

/// Standing in the queue of a name: entering, asking for the turn, and leaving in every way there is.
///
/// At most one request of a waiter is on the way at a time, which keeps its life a simple one: enter, wait, ask, wait,
/// ask, and then have the name or leave. Whatever interrupts it while a request is on the way is noted and acted on
/// when the answer is there, so that a name that was granted to somebody who is no longer there is given back in the
/// next breath.
extension LeaseDesk {
    func waitForTurn(_ wait: TurnWait) async throws(LeaseError) -> Acquisition {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.enter(wait, continuation)
            }
        } onCancel: {
            self.interrupt(
                wait, LeaseError(.cancelled, "the wait for \"\(wait.name)\" was cancelled; nothing is left of it"))
        }
        return try result.get()
    }

    // MARK: Entering

    private func enter(_ wait: TurnWait, _ continuation: CheckedContinuation<Result<Acquisition, LeaseError>, Never>) {
        self.raiseInterest()
        let interruption = self.state.withLock { state -> LeaseError? in
            if let interruption = wait.interruption { return interruption }
            wait.continuation = continuation
            wait.limit = state.alarms.insert(.turnLimit(wait), at: wait.deadline)
            state.waits[wait.engine, default: [:]][ObjectIdentifier(wait)] = wait
            return nil
        }
        if let interruption {
            self.lowerInterest()
            return continuation.resume(returning: .failure(interruption))
        }
        self.setAlarm()
        self.watchBell()
        let job = self.writer.submit(.savepoint) { transaction throws(StoreError) -> LeaseDecisions.Turn in
            let turn = try LeaseDecisions(transaction, desk: self).takeTurn(
                wait.name, owner: wait.owner, for: wait.duration, ticket: nil, since: wait.since)
            if case .waits(let ticket, _, let until) = turn {
                // The place counts from here on, also for the operations behind this one in the batch.
                self.state.withLock { state in
                    wait.ticket = ticket
                    state.tickets.insert(ticket)
                }
                // In the order of the operations, so that a release behind this one finds the waiter in its place.
                transaction.afterCommit { self.settle(wait, until: until) }
            }
            return turn
        } completion: { result in
            switch result {
            case .success(.granted(let lease)): self.wasGranted(lease, to: wait)
            case .success(.waits): break
            case .failure(let error): self.finish(wait, with: .failure(LeaseError(error)))
            }
        }
        self.keep(job, for: wait)
    }

    /// The waiter has its place.
    private func settle(_ wait: TurnWait, until: Int64) {
        let mustLeave = self.state.withLock { state in
            wait.job = nil
            if wait.interruption != nil || wait.hasTimedOut {
                wait.phase = .leaving
                return true
            }
            wait.phase = .waiting
            let isFirst = state.places[wait.name]?.turns.isEmpty ?? true
            state.places[wait.name, default: Place()].turns.append(wait)
            if isFirst { Self.setAlarm(of: wait.name, noLaterThan: until, in: &state) }
            self.scheduleHeartbeat(in: &state)
            return false
        }
        if mustLeave { self.leave(wait) }
        self.setAlarm()
    }

    /// Remembers the request that is on the way, to take it back if its waiter goes. An interruption may have come
    /// first.
    private func keep(_ job: WriteJob, for wait: TurnWait) {
        let isInterrupted = self.state.withLock { state in
            guard !wait.isOver else { return false }
            wait.job = job
            return wait.interruption != nil
        }
        if isInterrupted { job.cancel() }
    }

    // MARK: Asking for the turn

    /// Has a waiter ask for its turn, unless it does so already.
    func ask(_ wait: TurnWait) {
        let mustAsk = self.state.withLock { state in
            switch wait.phase {
            case .waiting:
                wait.phase = .asking(again: false)
                return true
            case .asking:
                wait.phase = .asking(again: true)
                return false
            case .entering, .leaving:
                return false
            }
        }
        if mustAsk { self.request(wait) }
    }

    private func request(_ wait: TurnWait) {
        let job = self.writer.submit(.savepoint) { transaction throws(StoreError) -> LeaseDecisions.Turn in
            try LeaseDecisions(transaction, desk: self).takeTurn(
                wait.name, owner: wait.owner, for: wait.duration, ticket: self.state.withLock { _ in wait.ticket },
                since: wait.since)
        } completion: { result in
            switch result {
            case .success(.granted(let lease)): self.wasGranted(lease, to: wait)
            case .success(.waits(_, _, let until)): self.mustWaitOn(wait, until: until)
            case .failure(let error): self.askingFailed(wait, error)
            }
        }
        self.keep(job, for: wait)
    }

    private func mustWaitOn(_ wait: TurnWait, until: Int64) {
        enum Next { case nothing, leave, again }
        let next = self.state.withLock { state -> Next in
            wait.job = nil
            if wait.interruption != nil || wait.hasTimedOut {
                wait.phase = .leaving
                return .leave
            }
            if case .asking(again: true) = wait.phase {
                wait.phase = .asking(again: false)
                return .again
            }
            wait.phase = .waiting
            if state.places[wait.name]?.turns.first === wait {
                Self.setAlarm(of: wait.name, noLaterThan: until, in: &state)
            }
            return .nothing
        }
        switch next {
        case .nothing: self.setAlarm()
        case .leave: self.leave(wait)
        case .again: self.request(wait)
        }
    }

    /// A file that is locked for long is asked again by the slow poll; anything else ends the wait.
    private func askingFailed(_ wait: TurnWait, _ error: StoreError) {
        if error.code == .busy, self.state.withLock({ _ in wait.interruption == nil && !wait.hasTimedOut }) {
            return self.mustWaitOn(wait, until: self.clock.now.nanoseconds + WaiterTable.heartbeatInterval)
        }
        self.state.withLock { _ in
            wait.phase = .leaving
            wait.interruption = wait.interruption ?? LeaseError(error)
        }
        self.leave(wait)
    }

    private func wasGranted(_ lease: Lease, to wait: TurnWait) {
        let interruption = self.state.withLock { state -> LeaseError? in
            wait.job = nil
            if wait.interruption != nil { wait.phase = .leaving }
            return wait.interruption
        }
        guard let interruption else {
            return self.finish(wait, with: .success(.granted(lease)), grantedUntil: lease.expiry.nanoseconds)
        }
        // Nobody is there any more to use it.
        self.writer.submit(.savepoint) { transaction throws(StoreError) in
            _ = try LeaseDecisions(transaction, desk: self).release(
                lease.name, owner: lease.owner, token: Int64(bitPattern: lease.token.rawValue))
        } completion: { _ in
            // If giving it back failed, it runs out by itself.
            self.finish(wait, with: .failure(interruption))
        }
    }

    // MARK: Leaving

    /// The limit of a waiter has passed.
    func timeOut(_ wait: TurnWait) {
        let mustLeave = self.state.withLock { state in
            wait.hasTimedOut = true
            guard case .waiting = wait.phase else { return false }
            wait.phase = .leaving
            return true
        }
        if mustLeave { self.leave(wait) }
    }

    func interrupt(_ wait: TurnWait, _ error: LeaseError) {
        let (mustLeave, job) = self.state.withLock { state -> (Bool, WriteJob?) in
            wait.interruption = wait.interruption ?? error
            guard wait.continuation != nil, case .waiting = wait.phase else { return (false, wait.job) }
            wait.phase = .leaving
            return (true, nil)
        }
        // Without the lock: a job that is taken back tells its recipient, which takes the lock.
        job?.cancel()
        if mustLeave { self.leave(wait) }
    }

    /// Gives back the place of a waiter in phase `leaving`, and ends its wait.
    ///
    /// One whose time is up asks a last time in the same transaction, so that the answer is true when it leaves.
    private func leave(_ wait: TurnWait) {
        let (ticket, interruption) = self.state.withLock { _ in (wait.ticket, wait.interruption) }
        self.writer.submit(.savepoint) { transaction throws(StoreError) -> Acquisition? in
            let decisions = LeaseDecisions(transaction, desk: self)
            var answer: Acquisition?
            if interruption == nil {
                switch try decisions.takeTurn(
                    wait.name, owner: wait.owner, for: wait.duration, ticket: ticket, since: wait.since)
                {
                case .granted(let lease): return .granted(lease)
                case .waits(_, let holder, _): answer = .held(holder)
                }
            }
            if let ticket { try decisions.leaveQueue(wait.name, ticket: ticket) }
            return answer
        } completion: { result in
            switch result {
            case .success(let answer?):
                self.finish(wait, with: .success(answer), grantedUntil: answer.lease?.expiry.nanoseconds)
            case .success(nil):
                self.finish(wait, with: .failure(interruption ?? LeaseError(.cancelled, "the wait was cancelled")))
            case .failure(let error):
                if let ticket {
                    self.state.withLock { state in
                        state.abandoned.append((wait.name, ticket))
                        self.scheduleHeartbeat(in: &state)
                    }
                }
                self.finish(wait, with: .failure(interruption ?? LeaseError(error)))
            }
        }
    }

    /// Ends a wait, once, and lets the next one of this process move up.
    private func finish(
        _ wait: TurnWait, with result: Result<Acquisition, LeaseError>, grantedUntil: Int64? = nil
    ) {
        typealias Continuation = CheckedContinuation<Result<Acquisition, LeaseError>, Never>
        let (continuation, next, drainer) = self.state.withLock {
            state -> (
                Continuation?, TurnWait?, CheckedContinuation<Void, Never>?
            ) in
            guard !wait.isOver, let continuation = wait.continuation else { return (nil, nil, nil) }
            wait.isOver = true
            wait.continuation = nil
            wait.phase = .leaving
            if let limit = wait.limit { state.alarms.remove(limit) }
            wait.limit = nil
            if let ticket = wait.ticket { state.tickets.remove(ticket) }
            let wasFirst = state.places[wait.name]?.turns.first === wait
            state.places[wait.name]?.turns.removeAll { $0 === wait }
            let next = wasFirst ? state.places[wait.name]?.turns.first : nil
            if next != nil, let grantedUntil {
                Self.setAlarm(of: wait.name, noLaterThan: grantedUntil, in: &state)
            }
            Self.forgetIfEmpty(wait.name, in: &state)
            return (continuation, grantedUntil == nil ? next : nil, Self.forget(wait, in: &state))
        }
        guard let continuation else { return }
        self.lowerInterest()
        continuation.resume(returning: result)
        drainer?.resume()
        // The one behind may have been waiting for this one only.
        if let next { self.ask(next) }
        self.setAlarm()
    }

    static func setAlarm(of name: LeaseName, noLaterThan instant: Int64, in state: inout State) {
        if let alarm = state.places[name]?.alarm, alarm.deadline.nanoseconds <= instant { return }
        Self.setAlarm(of: name, at: instant, in: &state)
    }

    // MARK: Signs of life

    private func scheduleHeartbeat(in state: inout State) {
        guard state.heartbeat == nil, !state.tickets.isEmpty || !state.abandoned.isEmpty else { return }
        let last = state.sessionRenewedAt ?? self.clock.now.nanoseconds
        state.heartbeat = state.alarms.insert(
            .heartbeat, at: MonotonicInstant(nanoseconds: last + WaiterTable.heartbeatInterval))
    }

    /// Shows the other processes that the waiters of this one are alive.
    func beat() {
        let (isNeeded, abandoned) = self.state.withLock { state in
            (!state.tickets.isEmpty || !state.abandoned.isEmpty, state.abandoned)
        }
        guard isNeeded else { return }
        self.writer.submit(.savepoint) { transaction throws(StoreError) in
            let decisions = LeaseDecisions(transaction, desk: self)
            try decisions.renewSession()
            for place in abandoned {
                try decisions.leaveQueue(place.name, ticket: place.ticket)
            }
        } completion: { result in
            self.state.withLock { state in
                if case .success = result { state.abandoned.removeFirst(abandoned.count) }
                if case .failure = result { state.sessionRenewedAt = self.clock.now.nanoseconds }
                self.scheduleHeartbeat(in: &state)
            }
            self.setAlarm()
        }
    }
}
