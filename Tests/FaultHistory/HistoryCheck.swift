/// What a history must show, whatever was done to the servers and the contenders.
package enum HistoryRule: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Of two grants that were seen to be held, the later one has the greater token.
    case tokensRise = "tokens rise"
    /// No two grants have one token.
    case oneOwnerPerToken = "one owner per token"
    /// The register accepts no token lower than one that it has accepted.
    case staleWritesAreRefused = "stale writes are refused"
    /// The times at which holders, by their own clock and knowledge, held the lock do not overlap.
    case oneHolderAtATime = "one holder at a time"
    /// After the last fault is taken out, every contender gets the lock within the bound.
    case progress = "progress after healing"

    package var description: String { self.rawValue }
}

/// One breach of a rule, with the numbers that show it.
package struct HistoryViolation: Hashable, Sendable, CustomStringConvertible {
    package let rule: HistoryRule
    package let detail: String

    package var description: String { "\(self.rule): \(self.detail)" }
}

/// Looks for breaches in a history. Pure: the same history gives the same answer.
///
/// A contender may be stopped anywhere, also between what it does and the line that it writes about it. So the check relies only on
/// what a pause cannot make wrong: a time that was read *before* the lock was seen to be held is a time at which it was held,
/// because a lock that is lost stays lost.
package struct HistoryCheck: Sendable {
    /// What is known of one grant.
    private struct Grant {
        let id: String
        let token: UInt64
        /// The first and the last time at which it was held for certain, or `nil` if it never was.
        var held: ClosedRange<Int64>?
    }

    /// In the order of their times.
    private let events: [HistoryEvent]
    private let grants: [Grant]

    package init(_ events: [HistoryEvent]) {
        self.events = events.sorted { $0.at < $1.at }
        var grants: [String: Grant] = [:]
        for event in self.events {
            guard let id = event.grant, let token = event.token else { continue }
            // A contender that was killed may have written to the register before it wrote about its acquisition.
            var grant = grants[id] ?? Grant(id: id, token: token)
            if event.kind == .acquired, event.isHeld == true {
                grant.held = event.at...max(event.at, grant.held?.upperBound ?? 0)
            }
            if event.kind == .wrote, let checked = event.checked {
                let first = grant.held?.lowerBound ?? checked
                grant.held = min(first, checked)...max(checked, grant.held?.upperBound ?? checked)
            }
            grants[id] = grant
        }
        self.grants = grants.values.sorted { ($0.held?.lowerBound ?? 0, $0.id) < ($1.held?.lowerBound ?? 0, $1.id) }
    }

    /// All breaches of the rules about safety.
    package func safetyViolations() -> [HistoryViolation] {
        self.tokensThatFall() + self.tokensWithTwoOwners() + self.acceptedStaleWrites() + self.overlaps()
    }

    private func tokensThatFall() -> [HistoryViolation] {
        var violations: [HistoryViolation] = []
        var greatest: Grant?
        for grant in self.grants where grant.held != nil {
            if let greatest, grant.token <= greatest.token {
                violations.append(
                    HistoryViolation(
                        rule: .tokensRise,
                        detail: "\(grant.id) got \(grant.token) after \(greatest.id) had got \(greatest.token)"))
            }
            if grant.token >= greatest?.token ?? 0 { greatest = grant }
        }
        return violations
    }

    private func tokensWithTwoOwners() -> [HistoryViolation] {
        Dictionary(grouping: self.grants, by: \.token).filter { $0.value.count > 1 }.sorted { $0.key < $1.key }
            .map { token, grants in
                HistoryViolation(
                    rule: .oneOwnerPerToken,
                    detail: "\(token) was granted to \(grants.map(\.id).sorted().joined(separator: " and "))")
            }
    }

    private func acceptedStaleWrites() -> [HistoryViolation] {
        let writes = self.events.filter { $0.kind == .wrote && $0.isAccepted == true }
            .sorted { ($0.order ?? 0) < ($1.order ?? 0) }
        var violations: [HistoryViolation] = []
        var greatest: UInt64 = 0
        for write in writes {
            guard let token = write.token else { continue }
            if token < greatest {
                violations.append(
                    HistoryViolation(
                        rule: .staleWritesAreRefused,
                        detail:
                            "write \(write.order ?? 0) of \(write.who) with \(token) was accepted after one with \(greatest)"
                    ))
            }
            greatest = max(greatest, token)
        }
        return violations
    }

    private func overlaps() -> [HistoryViolation] {
        var violations: [HistoryViolation] = []
        var last: (id: String, end: Int64)?
        for grant in self.grants {
            guard let held = grant.held else { continue }
            if let last, held.lowerBound < last.end {
                let overlap = min(held.upperBound, last.end) - held.lowerBound
                violations.append(
                    HistoryViolation(
                        rule: .oneHolderAtATime,
                        detail: "\(grant.id) held it while \(last.id) did, for \(overlap / 1_000_000) ms and more"))
            }
            if held.upperBound >= last?.end ?? 0 { last = (grant.id, held.upperBound) }
        }
        return violations
    }

    /// Who did not get the lock in time after the last healing.
    ///
    /// - Parameters:
    ///   - contenders: Who is alive since then.
    ///   - bound: In nanoseconds.
    package func progressViolations(of contenders: [String], within bound: Int64) -> [HistoryViolation] {
        guard let healed = self.events.last(where: { $0.kind == .healed }) else {
            return [HistoryViolation(rule: .progress, detail: "the history has no end of the faults")]
        }
        return contenders.filter { name in
            !self.events.contains { event in
                event.kind == .acquired && event.contender == name && event.at > healed.at
                    && event.at - healed.at <= bound
            }
        }.map { HistoryViolation(rule: .progress, detail: "\($0) did not get the lock within \(bound / 1_000_000) ms") }
    }

    // MARK: Counts

    package var acquisitions: Int { self.events.count { $0.kind == .acquired } }
    package var acceptedWrites: Int { self.events.count { $0.kind == .wrote && $0.isAccepted == true } }
    package var refusedWrites: Int { self.events.count { $0.kind == .wrote && $0.isAccepted == false } }
    package var losses: Int { self.events.count { $0.kind == .lost } }

    /// How often calls failed, by code.
    package var failures: [String: Int] {
        self.events.filter { $0.kind == .failed }
            .reduce(into: [:]) { counts, event in
                counts[String((event.text ?? "").prefix { $0 != ":" }), default: 0] += 1
            }
    }
}
