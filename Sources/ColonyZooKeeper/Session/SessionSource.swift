#if ZooKeeper
package import ColonyCore
import Synchronization

/// The one session of an engine: made when it is first needed, and again, after a pause, when it is over.
package final class SessionSource: Sendable {
    private struct State {
        var session: ZooKeeperSession?
        /// Before when no session is made.
        var notBefore: MonotonicInstant?
        /// How many sessions in a row ended without having been of use.
        var failures = 0
        var isClosed = false
    }

    let options: ZooKeeperOptions
    let clock: any MonotonicClock
    private let generator: Mutex<any RandomNumberGenerator & Sendable>
    private let onEnd = Mutex<(@Sendable (ZooKeeperSession) -> Void)?>(nil)
    private let state = Mutex(State())

    package init(
        options: ZooKeeperOptions, clock: any MonotonicClock, generator: any RandomNumberGenerator & Sendable
    ) {
        self.options = options
        self.clock = clock
        self.generator = Mutex(generator)
    }

    /// What is told of the end of each session, before anybody can see that it is over.
    func whenSessionsEnd(_ handler: @escaping @Sendable (ZooKeeperSession) -> Void) {
        self.onEnd.withLock { $0 = handler }
    }

    /// How long to let others go first after a number of decisions that came too late.
    func pause(after conflicts: Int) -> Duration {
        let backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(50))
        return self.generator.withLock { backoff.delay(after: conflicts, using: &$0) }
    }

    func randomNumber() -> UInt64 { self.generator.withLock { $0.next() } }

    /// The session, once a server is connected.
    ///
    /// - Throws: `unavailable` if that is not before `deadline`, `cancelled`, `storageFailed` for refused credentials, or
    ///   `closed`.
    /// - Complexity: No round trip while connected.
    package func connected(until deadline: MonotonicInstant) async throws(LeaseError) -> ZooKeeperSession {
        while true {
            let session: ZooKeeperSession
            switch try self.next() {
            case .session(let present):
                session = present
            case .pause(let end):
                try await self.sleep(until: min(end, deadline))
                if self.clock.now >= deadline { throw self.unreachable() }
                continue
            }
            let standing = session.standing
            switch standing {
            case .connected:
                self.state.withLock { $0.failures = 0 }
                return session
            case .over(.denied):
                throw LeaseError(.storageFailed, "\(self.options.description) refuses the user and password")
            case .over:
                continue
            case .connecting:
                let news = session.news(after: standing)
                defer { session.forget(news) }
                do {
                    if try await !news.wait(until: deadline, on: self.clock) { throw self.unreachable() }
                } catch let error as LeaseError {
                    throw error
                } catch {
                    throw LeaseError(.cancelled, "the wait for \(self.options.description) was cancelled", cause: error)
                }
            }
        }
    }

    /// The session, connected or not, if there is one that is not over.
    var present: ZooKeeperSession? {
        self.state.withLock { $0.session }.flatMap { $0.isOver ? nil : $0 }
    }

    private enum Next {
        case session(ZooKeeperSession)
        case pause(until: MonotonicInstant)
    }

    private func next() throws(LeaseError) -> Next {
        let now = self.clock.now
        let outcome: (next: Next?, new: ZooKeeperSession?) = self.state.withLock { state in
            if state.isClosed { return (nil, nil) }
            if let session = state.session {
                if case .over(.denied) = session.standing { return (.session(session), nil) }
                if !session.isOver { return (.session(session), nil) }
                // The first one that ends is replaced at once: who waits for its locks has waited long enough.
                state.session = nil
                state.failures += 1
                if state.failures > 1 {
                    let pause = self.generator.withLock {
                        self.options.backoff.delay(after: state.failures - 1, using: &$0)
                    }
                    state.notBefore = now.advanced(by: pause)
                }
            }
            if let end = state.notBefore, now < end { return (.pause(until: end), nil) }
            state.notBefore = nil
            let session = ZooKeeperSession(options: self.options, clock: self.clock) { [weak self] ended in
                self?.onEnd.withLock { $0 }?(ended)
            }
            state.session = session
            return (.session(session), session)
        }
        outcome.new?.start()
        guard let next = outcome.next else {
            throw LeaseError(.closed, "the engine for \(self.options.description) was closed")
        }
        return next
    }

    func unreachable() -> LeaseError {
        var reason = ""
        if case .over(.unusable(let text)) = self.state.withLock({ $0.session })?.standing { reason = ": \(text)" }
        return LeaseError(
            .unavailable,
            "\(self.options.description) could not be reached within \(self.options.timeout.text)\(reason)")
    }

    func sleep(until end: MonotonicInstant) async throws(LeaseError) {
        do {
            try await self.clock.sleep(until: end, tolerance: nil)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(self.options.description) was cancelled", cause: error)
        }
    }

    /// Ends the session; no other is made.
    package func close() -> ZooKeeperSession? {
        let session = self.state.withLock { state -> ZooKeeperSession? in
            state.isClosed = true
            return state.session
        }
        session?.close()
        return session
    }

    deinit {
        self.state.withLock { $0.session }?.close()
    }
}

extension LeaseError {
    /// What an answer other than the expected one means to the caller.
    package init(_ outcome: ZooKeeperReply.Outcome, _ what: String, _ options: ZooKeeperOptions) {
        let sentence = "\(options.description) could not \(what): \(outcome.phrase)"
        switch outcome {
        case .cancelled:
            self.init(.cancelled, "the call to \(options.description) was cancelled")
        case .timedOut:
            self.init(.unavailable, "\(options.description) did not answer within \(options.timeout.text)")
        case .connectionLost, .sessionOver, .noNode, .nodeExists, .notEmpty, .badVersion:
            self.init(.unavailable, sentence)
        case .denied:
            self.init(
                .storageFailed,
                "\(sentence); give \(options.user.map { "the user \($0)" } ?? "the world") the rights to read, create, and "
                    + "delete below \(options.root.isEmpty ? "/" : options.root)")
        case .done, .unimplemented, .refused:
            self.init(.storageFailed, sentence)
        }
    }
}
#endif
