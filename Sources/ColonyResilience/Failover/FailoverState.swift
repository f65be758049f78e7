package import ColonyCore

/// Which target gets the next call: the decisions of a ``Failover`` as a value.
///
/// Each target is in one of four conditions:
///
/// ```text
/// healthy ──failuresToOpen in a row──▶ out(until) ──time is over, one call──▶ probing
///    ▲                                    ▲  ▲                                │    │
///    │                                    │  └───────────failure──────────────┘    │ success
///    └──────healthy for returnAfter── recovering ◀─────────────────────────────────┘
///                                         └─failure─▶ out(longer)
/// ```
///
/// The present target keeps the calls while it is healthy (*stickiness*), also when a better one comes back: first that one gets a single
/// call in each quarter of `returnAfter`, and only when all of them went well for so long do the calls return. A target that recovers
/// while no healthy one is left takes the calls at once.
package struct FailoverState: Sendable {
    /// Where a call goes, and what must be handed back with its outcome.
    package struct Assignment: Hashable, Sendable {
        /// The target, by its place in the order.
        package let target: Int
        /// The state of the target when the call began; an outcome from an earlier one is not counted.
        package let epoch: UInt64
        /// Whether the call is the only one that tries a target that was out.
        package let isProbe: Bool
    }

    /// How a call ended.
    package enum Outcome: Hashable, Sendable {
        case success
        case failure
        /// It says nothing about the target, such as a cancellation.
        case nothing
    }

    enum Condition: Hashable, Sendable {
        case healthy(failures: Int)
        case out(until: MonotonicInstant)
        case probing
        /// - Parameters:
        ///   - since: The first good probe.
        ///   - next: When the next call may try it.
        ///   - isTried: Whether such a call is under way.
        case recovering(since: MonotonicInstant, next: MonotonicInstant, isTried: Bool)
    }

    struct Target: Hashable, Sendable {
        var condition = Condition.healthy(failures: 0)
        var epoch: UInt64 = 0
        /// How often in a row it went out without having been healthy in between.
        var rests = 0
    }

    private let failuresToOpen: Int
    private let rest: Backoff
    private let returnAfter: Duration
    private var targets: [Target]
    /// The target that keeps the calls.
    package private(set) var present = 0

    /// - Parameter count: At least 1.
    package init(targets count: Int, _ options: FailoverOptions) {
        precondition(count >= 1, "a failover needs a target, not \(count)")
        self.failuresToOpen = options.failuresToOpen
        self.rest = Backoff(initial: options.firstRest, maximum: options.longestRest, multiplier: 2)
        self.returnAfter = options.returnAfter
        self.targets = Array(repeating: Target(), count: count)
    }

    /// Chooses the target of the next attempt; `nil` if all that were not tried are out.
    ///
    /// - Parameter tried: Targets that this call has been to already.
    /// - Complexity: O(*n*) in the number of targets.
    package mutating func assign(at now: MonotonicInstant, excluding tried: Set<Int> = []) -> Assignment? {
        // A better target whose time has come gets this one call, and so does the present one if it went out.
        for index in self.targets.indices where index <= self.present && !tried.contains(index) {
            if let probe = self.probe(index, at: now) { return probe }
        }
        var best: Int?
        for index in [self.present] + Array(self.targets.indices) where !tried.contains(index) {
            if case .healthy = self.targets[index].condition {
                best = index
                break
            }
        }
        if let best {
            // A call that was refused by the present target does not take the others along; only an outage does.
            if !self.isHealthy(self.present) { self.present = best }
            return Assignment(target: best, epoch: self.targets[best].epoch, isProbe: false)
        }
        // Nobody is healthy: one that recovers takes every call, one whose rest is over a single one.
        for index in self.targets.indices where !tried.contains(index) {
            if case .recovering = self.targets[index].condition {
                return Assignment(target: index, epoch: self.targets[index].epoch, isProbe: false)
            }
            if let probe = self.probe(index, at: now) { return probe }
        }
        return nil
    }

    private func isHealthy(_ index: Int) -> Bool {
        if case .healthy = self.targets[index].condition { true } else { false }
    }

    /// The single call that tries a target which was out, if it is time for one.
    private mutating func probe(_ index: Int, at now: MonotonicInstant) -> Assignment? {
        switch self.targets[index].condition {
        case .out(let until) where until <= now:
            self.move(index, to: .probing)
        case .recovering(let since, let next, isTried: false) where next <= now:
            self.targets[index].condition = .recovering(since: since, next: next, isTried: true)
        default:
            return nil
        }
        return Assignment(target: index, epoch: self.targets[index].epoch, isProbe: true)
    }

    private mutating func move(_ index: Int, to condition: Condition) {
        self.targets[index].condition = condition
        self.targets[index].epoch &+= 1
    }

    /// Counts how a call ended. Each assignment must be reported once.
    ///
    /// - Returns: Whether the target went out or came back with this.
    package mutating func report(
        _ assignment: Assignment, _ outcome: Outcome, at now: MonotonicInstant
    ) -> FailoverChange? {
        let index = assignment.target
        guard self.targets[index].epoch == assignment.epoch else { return nil }
        switch (self.targets[index].condition, outcome) {
        case (.healthy, .success):
            self.targets[index].condition = .healthy(failures: 0)
        case (.healthy(let failures), .failure):
            guard failures + 1 >= self.failuresToOpen else {
                self.targets[index].condition = .healthy(failures: failures + 1)
                return nil
            }
            return self.open(index, at: now)
        case (.probing, .success):
            self.move(index, to: .recovering(since: now, next: now.advanced(by: self.returnAfter / 4), isTried: false))
            return self.recover(index, since: now, at: now)
        case (.recovering(let since, _, let isTried), .success):
            // A call that came along does not end the turn of the one that tries the target.
            if assignment.isProbe || !isTried {
                let next = now.advanced(by: self.returnAfter / 4)
                self.targets[index].condition = .recovering(since: since, next: next, isTried: false)
            }
            return self.recover(index, since: since, at: now)
        case (.probing, .failure), (.recovering, .failure):
            return self.open(index, at: now)
        case (.probing, .nothing):
            // The place of the probe is given back: the next call may try.
            self.move(index, to: .out(until: now))
        case (.recovering(let since, let next, _), .nothing) where assignment.isProbe:
            self.targets[index].condition = .recovering(since: since, next: next, isTried: false)
        case (.healthy, .nothing), (.recovering, .nothing), (.out, _):
            break
        }
        return nil
    }

    private mutating func open(_ index: Int, at now: MonotonicInstant) -> FailoverChange {
        self.targets[index].rests += 1
        // The bound of the backoff itself: a probe is one call, so there is no crowd that jitter had to spread.
        let rest = Duration.nanoseconds(self.rest.bound(after: self.targets[index].rests))
        self.move(index, to: .out(until: now.advanced(by: rest)))
        return .out(target: index, for: rest)
    }

    private mutating func recover(_ index: Int, since: MonotonicInstant, at now: MonotonicInstant) -> FailoverChange? {
        guard since.duration(to: now) >= self.returnAfter else { return nil }
        self.targets[index].rests = 0
        self.move(index, to: .healthy(failures: 0))
        if index < self.present || !self.isHealthy(self.present) { self.present = index }
        return .back(target: index)
    }

    /// When the next target may be tried, if none may be now.
    package func nextTry(at now: MonotonicInstant) -> Duration? {
        self.targets.compactMap { target -> Duration? in
            if case .out(let until) = target.condition { now.duration(to: until) } else { nil }
        }.min().map { max(.zero, $0) }
    }

    /// What can be said of each target, in their order.
    package func health(at now: MonotonicInstant) -> [FailoverHealth] {
        self.targets.map { target in
            switch target.condition {
            case .healthy: .healthy
            case .out(let until): .out(remaining: max(.zero, now.duration(to: until)))
            case .probing: .probing
            case .recovering: .recovering
            }
        }
    }
}

/// A target of a ``Failover`` that went out or came back.
public enum FailoverChange: Hashable, Sendable {
    /// It failed too often in a row, or a probe failed, and gets no calls for so long.
    case out(target: Int, for: Duration)
    /// It has been healthy for long enough.
    case back(target: Int)
}

/// How a target of a ``Failover`` does.
public enum FailoverHealth: Hashable, Sendable {
    /// It gets calls when it is the best.
    case healthy
    /// It gets no call for so long.
    case out(remaining: Duration)
    /// One call tries it.
    case probing
    /// It has answered again, and gets a call now and then until it has been healthy for a while.
    case recovering
}
