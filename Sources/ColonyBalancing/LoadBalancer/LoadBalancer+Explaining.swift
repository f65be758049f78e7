import ColonyCore
import Synchronization

extension LoadBalancer {
    /// How the endpoints stand, in the order in which they were given.
    ///
    /// The figures of one endpoint may be a call apart from each other, because calls go on meanwhile.
    ///
    /// - Complexity: O(*n*).
    public var status: [EndpointStatus] {
        let now = self.clock.now
        return self.control.withLock { control in
            let shares = control.roster.expectedShares
            return control.members.enumerated().map { position, member in
                self.status(of: member, share: shares[position], at: now)
            }
        }
    }

    private func status(of member: Control.Member, share: Double, at now: MonotonicInstant) -> EndpointStatus {
        let cell = member.cell
        let estimate = LatencyEstimate(word: cell.pointee.latency.load(ordering: .relaxed))
        let latency = estimate.nanoseconds(at: now.nanoseconds, decay: self.settlement.decay)
        return EndpointStatus(
            endpoint: member.endpoint, number: cell.pointee.number, state: member.state,
            reasons: member.reasons(at: now),
            callsUnderWay: cell.pointee.underWay, successes: cell.pointee.successes.load(ordering: .relaxed),
            failures: cell.pointee.failures.load(ordering: .relaxed),
            connectFailures: cell.pointee.connectFailures.load(ordering: .relaxed),
            timeouts: cell.pointee.timeouts.load(ordering: .relaxed),
            cancellations: cell.pointee.cancellations.load(ordering: .relaxed),
            failuresInARow: Int(cell.pointee.streak.load(ordering: .relaxed)),
            latency: estimate == .unknown ? nil : .nanoseconds(Int64(latency)),
            slowStartShare: cell.pointee.startingShare, expectedShare: share)
    }

    /// Why a call would go where it goes: the rule, the levels, and what speaks for or against each endpoint.
    ///
    /// Nothing is picked, and no turn is taken.
    ///
    /// - Complexity: O(*n*).
    public func explain(_ context: PickContext = PickContext()) -> PickExplanation {
        let now = self.clock.now
        return self.control.withLock { control in
            let roster = control.roster
            let shares = roster.expectedShares
            let chosen = self.certainChoice(context, control)
            let findings = control.members.enumerated().map { position, member in
                self.finding(
                    member, share: shares[position], chosen: chosen,
                    isAvoided: context.avoiding.contains(member.cell.pointee.number), at: now)
            }
            return PickExplanation(
                rule: self.options.algorithm.rule(hasKey: context.hash != nil),
                levels: roster.levels.count > 1 || roster.levels.contains { $0.share.isPanicking }
                    ? roster.levels.map { self.sentence(on: $0) } : [],
                chosen: chosen, findings: findings)
        }
    }

    /// Where a session or a key is at home, if its level is the only one with calls.
    private func certainChoice(_ context: PickContext, _ control: Control) -> EndpointName? {
        let roster = control.roster
        if let name = context.sticky, let position = control.positions[name] {
            let member = control.members[position]
            if member.isHealthy, member.administrative != .maintenance,
                !context.avoiding.contains(member.cell.pointee.number)
            {
                return name
            }
        }
        let open = roster.levels.filter { $0.share.share > 0 }
        guard open.count == 1, let level = open.first else { return nil }
        let candidates = level.entries.filter { roster.isCandidate(roster.entries[$0], in: level) }
        if candidates.count == 1, let only = candidates.first, context.avoiding.isEmpty {
            return roster.entries[only].endpoint.name
        }
        guard let hash = context.hash, context.avoiding.isEmpty, level.home != nil else { return nil }
        return roster.home(of: hash, self.settlement).map { roster.entries[$0].endpoint.name }
    }

    private func finding(
        _ member: Control.Member, share: Double, chosen: EndpointName?, isAvoided: Bool, at now: MonotonicInstant
    ) -> PickExplanation.Finding {
        let reasons = member.reasons(at: now).joined(separator: "; ")
        let isChosen = chosen == member.endpoint.name
        let sentence: String
        if isAvoided {
            sentence = "not for this call, which avoids it"
        } else if isChosen {
            sentence = reasons.isEmpty ? "takes this call" : "takes this call, although \(reasons)"
        } else if let chosen, share > 0 {
            sentence = "not for this call, which is at home at \(chosen)"
        } else if share > 0 {
            let load = "\(member.cell.pointee.underWay) calls under way"
            let part = Self.percent(share)
            sentence =
                reasons.isEmpty
                ? "may be picked, about \(part) of calls, \(load)"
                : "may be picked because its level ignores health, about \(part) of calls, \(load), although \(reasons)"
        } else if member.state == .inService {
            sentence = "in health, but the levels before it carry all calls"
        } else {
            sentence = "not picked: \(reasons)"
        }
        return PickExplanation.Finding(
            endpoint: member.endpoint.name, mayBePicked: !isAvoided && (chosen == nil ? share > 0 : isChosen),
            reason: sentence)
    }

    private func sentence(on level: Roster.Level) -> String {
        let place = self.options.zone == nil ? "" : level.key.distance == 0 ? ", own zone" : ", other zones"
        let health = "\(level.strength.healthy) of \(level.strength.total) of its weight in health"
        let panic = level.share.isPanicking ? ", which is below the panic threshold, so health is ignored" : ""
        return "Priority \(level.key.priority)\(place): \(Self.percent(level.share.share)) of calls, \(health)\(panic)."
    }

    private static func percent(_ share: Double) -> String {
        let tenths = Int((share * 1_000).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
    }
}

extension Control.Member {
    var state: EndpointStatus.State {
        switch self.administrative {
        case .maintenance: .maintenance
        case .draining: .draining
        case .active where !self.failingChecks.isEmpty: .unhealthy
        case .active: self.ejection == nil ? .inService : .ejected
        }
    }

    /// What is known against the endpoint, a sentence each.
    func reasons(at now: MonotonicInstant) -> [String] {
        var reasons: [String] = []
        if self.administrative != .active { reasons.append("an operator has set it to \(self.administrative)") }
        for (check, reason) in self.failingChecks.sorted(by: { $0.key < $1.key }) {
            reasons.append(
                reason.isEmpty ? "the check \(check) says it is out" : "the check \(check) says it is out: \(reason)")
        }
        if let ejection = self.ejection {
            let rest = max(.zero, now.duration(to: ejection.until))
            reasons.append("ejected for another \(rest.wholeSeconds) s: \(ejection.reason)")
        }
        return reasons
    }
}

extension EndpointCell {
    /// How much of its weight counts, above 0 and up to 1.
    var startingShare: Double { Double(self.share.load(ordering: .relaxed)) / Double(Self.fullShare) }
}

extension Roster {
    /// The share of all calls that each entry gets by weights and levels.
    var expectedShares: [Double] {
        var shares = [Double](repeating: 0, count: self.entries.count)
        for level in self.levels where level.share.share > 0 {
            let chosen = level.entries.filter { self.isCandidate(self.entries[$0], in: level) }
            let weighs = !self.algorithm.ignoresWeights
            let weights = chosen.map { position in
                (weighs ? Double(self.entries[position].endpoint.weight) : 1)
                    * self.entries[position].cell.pointee.startingShare
            }
            let total = weights.reduce(0, +)
            for (position, weight) in zip(chosen, weights) { shares[position] = level.share.share * weight / total }
        }
        return shares
    }

    /// The entry that a key goes to, if one level gets all calls.
    func home(of hash: UInt64, _ settlement: Settlement) -> Int? {
        let number = self.table.pointee.soleLevel
        guard number >= 0,
            let cell = PickStripe.home(
                of: hash, self.table.pointee.levels + number, isAlone: self.levels.count == 1, settlement)
        else {
            return nil
        }
        return self.entries.firstIndex { $0.cell == cell }
    }
}

extension BalancingAlgorithm {
    var ignoresWeights: Bool { self == .roundRobin || self == .random }

    /// How it chooses, in a sentence.
    func rule(hasKey: Bool) -> String {
        let rule =
            switch self {
            case .roundRobin: "Endpoints take turns, whatever their weights are."
            case .weightedRoundRobin: "Endpoints take turns in proportion to their weights."
            case .random: "Chance decides, whatever the weights are."
            case .weightedRandom: "Chance decides, in proportion to the weights."
            case .leastRequest(.two):
                "Of two that chance draws, the one with fewer calls under way in proportion to its weight."
            case .leastRequest(.all): "The one with the fewest calls under way in proportion to its weight."
            case .peakEWMA:
                "Of two that chance draws, the one with the lower product of latency and calls under way."
            case .addressHash: "The hash of the caller's address decides, in proportion to the weights."
            case .ringHash(nil): "The next endpoint on the ring after the hash of the key."
            case .ringHash(let factor?):
                "The next endpoint on the ring after the hash of the key that has at most \(factor) times its share of the calls under way."
            case .maglev: "The endpoint of the key's slot in the table."
            case .rendezvous: "The endpoint with the highest product of weight and hash of key and name."
            }
        return self.isByKey && !hasKey ? "The call has no key, so chance decides, in proportion to the weights." : rule
    }
}
