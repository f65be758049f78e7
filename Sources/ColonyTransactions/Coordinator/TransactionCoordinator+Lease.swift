import ColonyCore
import Synchronization

extension TransactionCoordinator {
    /// Enlists, and stays enlisted. After a lapse everything that was worked on belongs to others, and is begun anew under another token.
    func keepLease() async {
        var failures = 0
        while !Task.isCancelled {
            let asked = self.services.clock.now
            do throws(TransactionError) {
                let token = try await self.journal.enlist(self.owner, for: self.options.lease)
                failures = 0
                guard self.begin(token) else { return await self.give(back: token) }
                await self.renew(token, until: asked.advanced(by: self.options.lease))
                self.lapse()
            } catch {
                if error.code == .closed || error.code == .cancelled { return }
                failures += 1
                self.services.hub.send(.journalFailed(error))
                try? await self.services.clock.sleep(for: self.services.pause(after: failures))
            }
        }
    }

    /// Renews until that is refused, or the lease has run out without it.
    private func renew(_ token: FencingToken, until end: MonotonicInstant) async {
        let (clock, journal, lease) = (self.services.clock, self.journal, self.options.lease)
        var end = end
        var next = clock.now.advanced(by: lease / 3)
        while !Task.isCancelled {
            let doubt = OneShotSignal()
            self.state.withLock { $0.doubt = doubt }
            guard (try? await doubt.wait(until: min(next, end), on: clock)) != nil else { return }
            let now = clock.now
            if now >= end { return }
            do throws(TransactionError) {
                let cancelled = try await BoundedCall.run(
                    upTo: now.duration(to: end), on: clock,
                    timeOut: TransactionError(.unavailable, "the journal did not answer within the lease")
                ) { () throws(TransactionError) in
                    try await journal.renew(token, for: lease)
                }
                guard let cancelled else { return }
                end = now.advanced(by: lease)
                next = clock.now.advanced(by: lease / 3)
                for id in cancelled { self.turnBack(id, .cancelled, reason: "somebody asked for it") }
            } catch {
                if error.code == .closed { return }
                self.services.hub.send(.journalFailed(error))
                next = clock.now.advanced(by: max(.milliseconds(10), lease / 20))
            }
        }
    }

    /// Asks the journal now, and not at the next renewal.
    func doubtLease() {
        self.state.withLock { $0.doubt }?.fire()
    }

    private func begin(_ token: FencingToken) -> Bool {
        let starters = self.state.withLock { state -> [OneShotSignal]? in
            switch state.phase {
            case .idle, .enlisting, .running: state.phase = .running(token)
            case .draining, .ended: return nil
            }
            defer { state.starters = [] }
            return state.starters
        }
        for starter in starters ?? [] { starter.fire() }
        return starters != nil
    }

    private func lapse() {
        if Task.isCancelled { return }
        let runs = self.state.withLock { state -> [TransactionRun] in
            guard case .running = state.phase else { return [] }
            state.phase = .enlisting
            defer { state.runs = [:] }
            return Array(state.runs.values)
        }
        for run in runs { run.mailbox.send(.lost) }
    }

    private func give(back token: FencingToken) async {
        _ = try? await self.journal.renew(token, for: .zero)
    }

    // MARK: The end

    func drain() async {
        let (runs, emptied) = self.state.withLock { state -> ([TransactionRun], OneShotSignal) in
            if case .running(let token) = state.phase { state.draining = token }
            state.phase = .draining
            let signal = OneShotSignal()
            if state.runs.isEmpty { signal.fire() } else { state.emptied = signal }
            return (Array(state.runs.values), signal)
        }
        for run in runs { run.mailbox.send(.release) }
        let clock = self.services.clock
        _ = try? await emptied.wait(until: clock.now.advanced(by: self.options.drainLimit), on: clock)
        // What is still under way is cancelled, and goes on elsewhere.
        for run in self.state.withLock({ Array($0.runs.values) }) { run.mailbox.send(.release) }
    }

    func resign() async {
        let token = self.state.withLock { state -> FencingToken? in
            state.phase = .ended
            return state.draining
        }
        if let token { await self.give(back: token) }
    }
}
