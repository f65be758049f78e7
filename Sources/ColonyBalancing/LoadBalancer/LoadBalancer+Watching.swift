public import ColonyCore
import Synchronization

// What time and the ends of calls bring about: endpoints whose calls go wrong are ejected and come back, and starting ones grow.

extension LoadBalancer {
    /// Carries out what time brings about, until it is cancelled: ejections end, endpoints are compared, slow starts grow.
    ///
    /// A balancer without ``BalancerOptions/outliers`` and ``BalancerOptions/slowStart`` needs no run. Ejections for failures in a row come at
    /// once, also without it, but only a run or ``advance()`` ends them.
    public func run() async {
        while !Task.isCancelled {
            let next = self.advance()
            // Something may begin meanwhile, such as a slow start, so that the sleep has a bound.
            let bound = self.clock.now.advanced(by: .seconds(1))
            do {
                try await self.clock.sleep(until: min(next ?? bound, bound), tolerance: nil)
            } catch {
                return
            }
        }
    }

    /// Carries out what time has brought about until now.
    ///
    /// - Returns: When there is something to carry out next; `nil` if nothing changes with time alone.
    /// - Complexity: O(*n*) if something is due, or slow starts are set.
    @discardableResult
    public func advance() -> MonotonicInstant? {
        let now = self.clock.now
        return self.control.withLock { control in
            var decisions = control.detector?.advance(to: now) ?? []
            if let interval = self.options.outliers?.interval, now >= control.comparison {
                control.comparison = now.advanced(by: interval)
                decisions += self.compare(&control, at: now)
            }
            self.enact(decisions, on: &control)
            let starts = self.grow(&control, at: now)
            let changes = [control.detector?.nextChange, control.detector == nil ? nil : control.comparison, starts]
            return changes.compactMap { $0 }.min()
        }
    }

    // MARK: Ejections

    /// Brings an ejected endpoint back at once, and forgives it.
    ///
    /// - Returns: Whether it was ejected.
    /// - Throws: ``BalancingError`` with code `unknownEndpoint`.
    @discardableResult
    public func restore(_ name: EndpointName) throws(BalancingError) -> Bool {
        var isRestored = false
        try self.change { control throws(BalancingError) in
            _ = try control.position(of: name)
            guard let decision = control.detector?.uneject(name) else { return [] }
            isRestored = true
            let changes = self.carryOut([decision], on: &control)
            try self.renew(&control)
            return changes
        }
        return isRestored
    }

    /// Judges an endpoint whose last calls have all failed.
    func judge(number: UInt64) {
        let now = self.clock.now
        self.control.withLock { control in
            guard let member = control.members.first(where: { $0.cell.pointee.number == number }) else { return }
            let name = member.endpoint.name
            // A success or an operator may have ended the run meanwhile.
            let streak = Int(member.cell.pointee.streak.load(ordering: .relaxed))
            let connectStreak = Int(member.cell.pointee.connectStreak.load(ordering: .relaxed))
            var decisions =
                control.detector?.recordConsecutiveFailures(name, count: connectStreak, of: .connecting, at: now) ?? []
            decisions += control.detector?.recordConsecutiveFailures(name, count: streak, at: now) ?? []
            self.enact(decisions, on: &control)
        }
    }

    /// Compares what the endpoints did since the last comparison.
    private func compare(_ control: inout Control, at now: MonotonicInstant) -> [OutlierDecision] {
        var samples: [OutlierSample] = []
        for position in control.members.indices {
            let cell = control.members[position].cell
            let counts = Control.Counts(
                successes: cell.pointee.successes.load(ordering: .relaxed),
                failures: cell.pointee.failures.load(ordering: .relaxed),
                latencySum: cell.pointee.latencySum.load(ordering: .relaxed))
            let before = control.members[position].counted
            control.members[position].counted = counts
            samples.append(
                OutlierSample(
                    name: control.members[position].endpoint.name, successes: Int(counts.successes - before.successes),
                    failures: Int(counts.failures - before.failures),
                    latencyNanosecondsTotal: Int64(clamping: counts.latencySum &- before.latencySum)))
        }
        return control.detector?.evaluate(samples, at: now) ?? []
    }

    /// Notes decisions with the endpoints. The caller makes the roster anew.
    ///
    /// - Returns: What listeners are told.
    func carryOut(_ decisions: [OutlierDecision], on control: inout Control) -> [Change] {
        var changes: [Change] = []
        for decision in decisions {
            guard let position = control.positions[decision.name] else { continue }
            switch decision {
            case .eject(let name, let until, let reason):
                control.members[position].ejection = Control.Ejection(until: until, reason: reason)
                changes.append((.ejected, name, reason))
            case .restore(let name, let reason):
                control.members[position].ejection = nil
                control.members[position].cell.pointee.forgetStreaks()
                if control.members[position].isHealthy { self.start(&control.members[position]) }
                changes.append((.restored, name, reason))
            }
        }
        return changes
    }

    private func enact(_ decisions: [OutlierDecision], on control: inout Control) {
        let changes = self.carryOut(decisions, on: &control)
        guard !changes.isEmpty else { return }
        do throws(BalancingError) {
            try self.renew(&control)
        } catch {
            // The endpoints are those of the roster before, and rosters are refused for their endpoints only.
            preconditionFailure(error.description)
        }
        self.tell(changes)
    }

    // MARK: Slow starts

    /// Lets an endpoint that is new or back start slowly.
    func start(_ member: inout Control.Member) {
        if self.options.slowStart != nil { member.startedAt = self.clock.now }
    }

    /// Gives starting endpoints the share that belongs to their age.
    ///
    /// - Returns: When the shares are to grow next; `nil` if no endpoint is starting.
    private func grow(_ control: inout Control, at now: MonotonicInstant) -> MonotonicInstant? {
        guard let slowStart = self.options.slowStart else { return nil }
        var isStarting = false
        for position in control.members.indices {
            guard let startedAt = control.members[position].startedAt else { continue }
            if startedAt.duration(to: now) >= slowStart.window {
                control.members[position].startedAt = nil
            } else {
                isStarting = true
            }
        }
        self.spreadStarts(control)
        // A hundred steps are as good as a straight line.
        return isStarting ? now.advanced(by: max(.milliseconds(1), slowStart.window / 100)) : nil
    }

    /// Writes the shares of starting endpoints where picks see them. Shares count in proportion to the greatest of their level: where all
    /// endpoints start together, none of them has to make way for another.
    func spreadStarts(_ control: Control) {
        guard let slowStart = self.options.slowStart else { return }
        let now = self.clock.now
        for level in control.roster.levels {
            let members = level.entries.map { control.members[$0] }
            let shares = members.map { member in
                member.startedAt.map { slowStart.share(sinceHealthy: $0.duration(to: now)) } ?? 1
            }
            let open = zip(level.entries, shares).filter { position, _ in
                control.roster.isCandidate(control.roster.entries[position], in: level)
            }
            let greatest = open.map(\.1).max() ?? 1
            for (member, share) in zip(members, shares) {
                let part = min(1, share / greatest) * Double(EndpointCell.fullShare)
                member.cell.pointee.share.store(max(1, UInt32(part.rounded())), ordering: .relaxed)
            }
        }
    }
}
