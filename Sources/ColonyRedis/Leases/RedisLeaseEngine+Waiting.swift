public import ColonyCore
import ColonyRESP

extension RedisLeaseEngine {
    /// How long who waits trusts that it will be told, and shows no sign of life.
    static let longestWait: Duration = .seconds(1)
    /// How long who waits for a holder trusts that does not tell anybody when it releases.
    static let foreignWait: Duration = .milliseconds(100)

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        guard limit > .zero else { return false }
        let deadline = self.clock.now.advanced(by: limit)
        let call = try self.call(LeaseScripts.watch, on: name, keys: 6, [token.description, self.identity])
        let wait = self.wakes.enter(Array("w".utf8) + call.keys[0])
        defer { self.wakes.leave(wait) }
        var patience = Patience(self)
        while true {
            let signal = wait.arm()
            var pause = Self.longestWait / 10
            if let answer = try await patience.ask({ () async throws(LeaseError) in try await self.run(call) }) {
                guard let parts = answer.elements, let isOver = parts.first.map({ $0.integer == 0 ? false : true })
                else { throw self.unexpected(answer) }
                if isOver { return true }
                guard parts.count == 3, let left = parts[1].integer, let current = parts[2].integer else {
                    throw self.unexpected(answer)
                }
                pause = Self.pause(
                    left < 0 ? nil : .milliseconds(left), isForeign: current == 0, isFirst: true)
                self.subscription.start()
            }
            let now = self.clock.now
            if now >= deadline { return false }
            try await self.sleep(signal, until: min(deadline, now.advanced(by: pause)), name.rawValue)
        }
    }

    /// When to look again, if nobody tells.
    ///
    /// - Parameters:
    ///   - left: When something changes by itself; `nil` for never.
    ///   - isFirst: Whether that concerns who waits.
    static func pause(_ left: Duration?, isForeign: Bool, isFirst: Bool) -> Duration {
        var pause = Self.longestWait
        guard isFirst else { return pause }
        // A key lives to the end of its last millisecond.
        if let left { pause = min(pause, left + .milliseconds(1)) }
        if isForeign { pause = min(pause, Self.foreignWait) }
        return pause
    }

    func sleep(_ signal: OneShotSignal, until end: MonotonicInstant, _ what: String) async throws(LeaseError) {
        do {
            _ = try await signal.wait(until: end, on: self.clock)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(what) was cancelled", cause: error)
        }
    }

    /// Who waits outlasts a server that cannot be reached for a while, as long as its place is kept there.
    struct Patience {
        private let clock: any MonotonicClock
        private let bound: Duration
        /// When the server answered last; `nil` before it first has.
        private var answered: MonotonicInstant?

        init(_ engine: RedisLeaseEngine) {
            self.clock = engine.clock
            self.bound = engine.deadWaiterBound
        }

        /// - Returns: The answer, or `nil` if the server could not be reached and should be asked again.
        /// - Throws: Everything else, and that it cannot be reached if it never answered, or not for too long.
        mutating func ask(_ question: () async throws(LeaseError) -> RESPValue) async throws(LeaseError) -> RESPValue? {
            do throws(LeaseError) {
                let answer = try await question()
                self.answered = self.clock.now
                return answer
            } catch {
                guard error.code == .unavailable, let answered, answered.duration(to: self.clock.now) < self.bound
                else { throw error }
                // Told apart from a pause by its length: the connection has a pause of its own between attempts.
                return nil
            }
        }
    }
}

extension RedisLeaseEngine: FairLeaseEngine {
    /// Three seconds: who waits shows every second that it is alive, and two signs may be late.
    public var deadWaiterBound: Duration { .microseconds(LeaseScripts.deadAfter) }

    /// Waits in turn for `name`, then takes it.
    ///
    /// A server that cannot be reached for a while, shorter than ``deadWaiterBound``, does not cost a waiter its place; one
    /// that cannot be reached at the first question is `unavailable` at once.
    ///
    /// - Complexity: One round trip if the name is free and nobody waits; else one per second and one at the turn.
    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        guard limit > .zero else { return try await self.tryAcquire(name, owner: owner, for: duration) }
        try LeaseLimits.check(duration)
        let member = self.makeMember(owner)
        // Looked at before anything is entered: a name that is refused leaves nothing behind.
        try self.space.check(name)
        let wait = self.wakes.enter(Array("t\(member)".utf8))
        defer { self.wakes.leave(wait) }
        do throws(LeaseError) {
            return try await self.waitForTurn(
                name, owner, duration, member, wait, until: self.clock.now.advanced(by: limit))
        } catch {
            self.leaveSoon(name, member)
            throw error
        }
    }

    private func waitForTurn(
        _ name: LeaseName, _ owner: OwnerID, _ duration: Duration, _ member: String, _ wait: LeaseWait,
        until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Acquisition {
        let arguments = [owner.rawValue] + Self.arguments(duration) + [member]
        var patience = Patience(self)
        while true {
            let signal = wait.arm()
            let sent = self.clock.now
            let isLast = sent >= deadline
            let call = try self.call(LeaseScripts.takeTurn, on: name, keys: 5, arguments + [isLast ? "1" : "0"])
            var pause = Self.longestWait / 10
            if let answer = try await patience.ask({ () async throws(LeaseError) in try await self.run(call) }) {
                switch LeaseAnswer.grant(answer) {
                case .granted(let token, let left):
                    return .granted(Self.lease(name, owner, token, duration, left, sent))
                case .held(let holder, let left, let isForeign, let rank):
                    if isLast { return .held(holder) }
                    // The first waits for the lock, and the second may have to wait for the first to be dead.
                    pause = Self.pause(left, isForeign: isForeign && rank == 0, isFirst: (rank ?? 0) < 2)
                    self.subscription.start()
                case nil: throw self.unexpected(answer)
                }
            } else if isLast {
                throw LeaseError(.unavailable, "\(self.place) could not be reached when the wait for \(name) was over")
            }
            try await self.sleep(
                signal, until: min(max(deadline, sent), self.clock.now.advanced(by: pause)), name.rawValue)
        }
    }

    /// Gives a place in the queue back, whatever becomes of the calling task. One that stays counts as dead soon.
    private func leaveSoon(_ name: LeaseName, _ member: String) {
        guard
            let call = try? self.call(LeaseScripts.leaveQueue, on: name, keys: 6, [member, self.space.channel])
        else { return }
        let router = self.router
        Task { _ = try? await router.run([call]) }
    }
}
