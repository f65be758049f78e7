import ColonyCore
import Synchronization

/// The one request that is on its way at a time, in the background.
extension SegmentIDGenerator {
    /// What the background does after an attempt.
    enum NextAttempt {
        case none
        case now(Int64)
        case after(Duration)
    }

    /// Starts a request if the buffering wants one. Called under the lock, which a task may be made under: it runs later,
    /// on another thread.
    func fetchIfWanted(_ state: inout State, at now: MonotonicInstant) {
        guard state.buffering.wantsFetch, !state.isClosed else { return }
        if let verdict = state.verdict, now < verdict.until { return }
        let count = Self.beginFetch(&state, at: now)
        let (engine, clock, limit) = (self.engine, self.clock, self.configuration.requestLimit)
        var request = SegmentRequest(self.tag, count: count, above: self.floor, scheme: self.scheme)
        // The generator is held only between attempts and not through them, so that one that nobody uses any more goes.
        state.task = Task(executorPreference: self.executor) { [weak self] in
            while true {
                let answer = await Self.attempt(request, on: engine, upTo: limit, clock: clock)
                switch self?.settle(answer, of: request) ?? .none {
                case .none:
                    return
                case .now(let count):
                    request.count = count
                case .after(let pause):
                    do {
                        try await clock.sleep(until: clock.now.advanced(by: pause), tolerance: nil)
                    } catch {
                        return
                    }
                    guard self?.goesOn() ?? false else { return }
                }
            }
        }
    }

    private static func beginFetch(_ state: inout State, at now: MonotonicInstant) -> Int64 {
        state.requests += 1
        return state.buffering.beginFetch(at: now, demand: state.waiters.reduce(0) { $0 + $1.missing })
    }

    /// One request, which is cancelled when it takes too long, and then waited for: an answer that still comes is used,
    /// and there are never two requests on their way.
    private static func attempt(
        _ request: SegmentRequest, on engine: any SegmentEngine, upTo limit: Duration, clock: any MonotonicClock
    ) async -> Result<Segment, IdentifierError> {
        let deadline = clock.now.advanced(by: limit)
        return await withTaskGroup(of: Result<Segment, IdentifierError>?.self) { group in
            group.addTask {
                do throws(IdentifierError) {
                    return .success(try await engine.takeSegment(request))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                // Ends early only with the request or with the generator.
                try? await clock.sleep(until: deadline, tolerance: nil)
                return nil
            }
            var answer: Result<Segment, IdentifierError> = .failure(
                IdentifierError(.unavailable, "the store did not answer within \(limit.text)"))
            for await outcome in group {
                group.cancelAll()
                guard let outcome else { continue }
                // A request that was cancelled for its slowness has failed for its slowness.
                if case .failure(let error) = outcome, error.code == .cancelled { continue }
                answer = outcome
            }
            return answer
        }
    }

    /// Decides what follows from an answer, and tells those who waited for it.
    private func settle(_ answer: Result<Segment, IdentifierError>, of request: SegmentRequest) -> NextAttempt {
        let now = self.clock.now
        let (next, woken) = self.state.withLock { state -> (NextAttempt, [SegmentWaiter]) in
            guard !state.isClosed else { return (.none, []) }
            let failure: IdentifierError
            switch answer {
            case .success(let segment):
                if let woken = self.accept(segment, &state) {
                    guard state.buffering.wantsFetch else { return (.none, woken) }
                    return (.now(Self.beginFetch(&state, at: now)), woken)
                }
                failure = IdentifierError(
                    .storageFailed,
                    "the store gave the range \(segment.range) of \(segment.tag) when \(self.tag) had come to "
                        + "\(state.buffering.end); it repeats ranges, or was replaced by an older copy")
            case .failure(let error):
                failure = error
            }
            return self.fail(failure, &state, at: now)
        }
        for waiter in woken { waiter.signal.fire() }
        return next
    }

    private func accept(_ segment: Segment, _ state: inout State) -> [SegmentWaiter]? {
        guard segment.tag == self.tag, state.buffering.fetched(segment.range) else { return nil }
        state.verdict = nil
        state.failuresInARow = 0
        return state.serveWaiters()
    }

    private func fail(
        _ error: IdentifierError, _ state: inout State, at now: MonotonicInstant
    ) -> (NextAttempt, [SegmentWaiter]) {
        state.failures += 1
        state.failuresInARow += 1
        state.lastFailure = error
        let pause = self.pause(&state)
        switch error.code {
        case .unavailable, .cancelled:
            // Whoever waits has a deadline of its own; the store may be back before that. If nobody needs the range, the
            // pause still counts as a request, so that callers who poll do not make one after the other.
            return (.after(pause), [])
        case .storageFailed where state.buffering.remaining > 0:
            // An operator may mend the store before anybody notices.
            return (.after(pause), [])
        default:
            state.buffering.abandonFetch()
            state.verdict = (error, now.advanced(by: pause))
            return (.none, state.failWaiters(error))
        }
    }

    private func pause(_ state: inout State) -> Duration {
        func draw(_ generator: inout some RandomNumberGenerator) -> Duration {
            self.configuration.backoff.delay(after: state.failuresInARow, using: &generator)
        }
        var chance = state.chance
        defer { state.chance = chance }
        return draw(&chance)
    }

    /// After a pause: whether anybody still needs the range.
    private func goesOn() -> Bool {
        self.state.withLock { state in
            if !state.isClosed, state.buffering.remaining > 0 || !state.waiters.isEmpty { return true }
            state.buffering.abandonFetch()
            return false
        }
    }

    // MARK: Ending

    /// Ends the generator: callers that wait fail with `closed`, as do later ones; the request on its way is cancelled, and
    /// its end is waited for. Numbers that were not given are skipped for ever.
    ///
    /// Closing again waits as well and does nothing else. The engine stays open: it may serve others.
    public func close() async {
        let (task, waiters) = self.state.withLock { state -> (Task<Void, Never>?, [SegmentWaiter]) in
            state.isClosed = true
            state.buffering.discard()
            return (state.task, state.failWaiters(self.closed))
        }
        for waiter in waiters { waiter.signal.fire() }
        task?.cancel()
        await task?.value
    }
}
