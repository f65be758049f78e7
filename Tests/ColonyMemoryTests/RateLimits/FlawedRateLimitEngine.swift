import ColonyCore
import ColonyResilience
import Synchronization

/// An engine of shared limits with one flaw, or none, to find out whether the conformance suite notices.
final class FlawedRateLimitEngine: RateLimitAdministration {
    enum Flaw: String, CaseIterable, Sendable, CustomStringConvertible {
        case grantsOneMore = "grants one permit more than the burst"
        case neverGrantsWholeBurst = "never grants the whole burst at once"
        case grantsInPart = "takes what is there when it refuses"
        case startsEmpty = "gives a new limit no burst"
        case savesUp = "saves up more than the burst"
        case startsWindowsAnew = "fills up at once when a period is over"
        case waitsForOneInterval = "says that one interval is long enough for any request"
        case waitsTooLong = "says one interval too much"
        case roundsWaits = "rounds waits up to milliseconds"
        case countsBefore = "says what remained before the decision"
        case looksTake = "takes a permit when somebody looks"
        case looksApplyRules = "applies the rule of a look"
        case sortsBatches = "decides a batch in the order of names"
        case stopsBatches = "refuses what follows a refusal in a batch"
        case oneAnswerPerName = "decides each limit once in a batch"
        case oneRulePerBatch = "judges a batch by its first rule"
        case keepsWideDebt = "keeps what a wider rule left owing"
        case forgivesNothingOnRefusal = "forgets that it has forgiven, when it refuses"
        case keepsFirstRule = "keeps the rule that a limit began with"
        case countsPermits = "owes permits, not time"
        case resetsAll = "resets every limit"
        case resetsNothing = "does not reset"
        case resetSaysYes = "says of every reset that something was owed"
        case comparesCharacters = "takes two spellings of a name for one"
        case folds = "takes upper and lower case for the same"
        case acceptsTooMany = "accepts more permits than the burst"
        case acceptsNegative = "gives permits back for negative numbers"
        case takesBeforeBadOnes = "takes what stands before a bad request"
        case acceptsNothing = "accepts an empty batch"
        case acceptsLongBatches = "accepts batches of any length"
        case forgetsUnderLoad = "reads and writes in two steps"
        case cancelledTwice = "takes the permits of a cancelled request twice"
        case trustsClients = "believes the clock of the client"
        case listsUnsorted = "lists in no order"
        case listsLastAgain = "begins a page with the last limit of the page before"
        case listsFull = "lists limits that are full"
        case listsLooks = "lists what an answer to a look would be"
        case listsRefusedRules = "lists the rule of a refused request"
        case ignoresPrefix = "lists limits of any prefix"
        case ignoresPage = "lists more than a page"
        case forgetsOnReopen = "forgets everything when it is opened anew"

        var description: String { self.rawValue }
    }

    private struct Record {
        var arrival: Int64
        var rule: RateLimitRule
    }

    private final class Store: Sendable {
        let records = Mutex<[RateLimitName: Record]>([:])
    }

    private let flaw: Flaw?
    private let store: Store
    private let clock: any MonotonicClock
    private let offset: Duration

    init(_ flaw: Flaw?, clock: any MonotonicClock) {
        (self.flaw, self.store, self.clock, self.offset) = (flaw, Store(), clock, .zero)
    }

    private init(sharing other: FlawedRateLimitEngine, offset: Duration) {
        (self.flaw, self.store, self.clock, self.offset) = (other.flaw, other.store, other.clock, offset)
    }

    /// A client of the same store whose clock is wrong, for a store that has one of its own.
    func skewed(by offset: Duration) -> FlawedRateLimitEngine {
        FlawedRateLimitEngine(sharing: self, offset: self.flaw == .trustsClients ? offset : .zero)
    }

    func reopened() -> FlawedRateLimitEngine {
        if self.flaw == .forgetsOnReopen { self.store.records.withLock { $0 = [:] } }
        return self
    }

    var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    private var now: Int64 { self.clock.now.advanced(by: self.offset).nanoseconds }

    private func stored(_ name: RateLimitName) -> RateLimitName {
        switch self.flaw {
        case .folds: (try? RateLimitName(name.rawValue.lowercased())) ?? name
        case .comparesCharacters:
            self.store.records.withLock { $0.keys.first { $0.rawValue == name.rawValue } } ?? name
        default: name
        }
    }

    private func check(_ requests: [RateLimitRequest]) throws(ResilienceError) {
        switch self.flaw {
        case .acceptsNothing where requests.isEmpty, .acceptsLongBatches where requests.count > RateLimitLimits.batch:
            return
        case .acceptsTooMany, .acceptsNegative:
            if requests.allSatisfy({ (-1...$0.rule.burst + 1).contains($0.permits) }) { return }
        default: break
        }
        try RateLimitLimits.check(requests)
    }

    func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        do {
            try self.check(requests)
        } catch {
            if self.flaw == .takesBeforeBadOnes, let first = requests.first, (try? first.check()) != nil {
                _ = self.decide(first)
            }
            throw error
        }
        if self.flaw == .forgetsUnderLoad {
            var decisions: [RateLimitDecision] = []
            for request in requests {
                let before = self.store.records.withLock { $0 }
                await Task.yield()
                var changed = before
                decisions.append(self.decide(request, in: &changed))
                let record = changed[request.name]
                self.store.records.withLock { $0[request.name] = record }
            }
            return decisions
        }
        if self.flaw == .cancelledTwice {
            await Task.yield()
            if Task.isCancelled {
                for request in requests { (_, _) = (self.decide(request), self.decide(request)) }
                throw ResilienceError(.cancelled, "cancelled")
            }
        }
        var answers = [RateLimitDecision?](repeating: nil, count: requests.count)
        var order = Array(requests.indices)
        if self.flaw == .sortsBatches { order.sort { (requests[$1].name, $1) < (requests[$0].name, $0) } }
        var seen: [RateLimitName: RateLimitDecision] = [:]
        var hasRefused = false
        for index in order {
            var request = requests[index]
            if self.flaw == .oneRulePerBatch, request.permits <= requests[0].rule.burst {
                request = RateLimitRequest(request.name, permits: request.permits, rule: requests[0].rule)
            }
            var decision = self.flaw == .oneAnswerPerName ? seen[request.name] : nil
            if self.flaw == .stopsBatches, hasRefused {
                decision = RateLimitDecision(
                    isAllowed: false, remaining: 0, retryAfter: .seconds(1), resetAfter: .seconds(1))
            }
            let answer = decision ?? self.decide(request)
            hasRefused = hasRefused || !answer.isAllowed
            seen[request.name] = answer
            answers[index] = answer
        }
        return answers.compactMap { $0 }
    }

    private func decide(_ request: RateLimitRequest) -> RateLimitDecision {
        let request = RateLimitRequest(self.stored(request.name), permits: request.permits, rule: request.rule)
        return self.store.records.withLock { self.decide(request, in: &$0) }
    }

    private func decide(_ request: RateLimitRequest, in records: inout [RateLimitName: Record]) -> RateLimitDecision {
        let now = self.now
        let present = records[request.name]
        var rule = request.rule
        if self.flaw == .keepsFirstRule, let present { rule = present.rule }
        var permits = request.permits
        if self.flaw == .looksTake, permits == 0 { permits = 1 }
        var arrival = present?.arrival ?? (self.flaw == .startsEmpty ? now + rule.tolerance : 0)
        if self.flaw == .countsPermits, let present, present.arrival > now {
            arrival = now + (present.arrival - now) / present.rule.interval * rule.interval
        }
        if self.flaw == .startsWindowsAnew, arrival > now, now % rule.period.clampedNanoseconds < rule.interval {
            arrival = now
        }
        let saved = self.flaw == .savesUp ? 3 * rule.interval : 0
        var owed = arrival > now ? arrival - now : (arrival > 0 ? max(-saved, arrival - now) : 0)
        if self.flaw != .keepsWideDebt { owed = min(owed, rule.tolerance) }
        let cost = Int64(permits) * rule.interval
        var room = rule.tolerance - cost
        if self.flaw == .grantsOneMore { room += rule.interval }
        if self.flaw == .neverGrantsWholeBurst, permits == rule.burst, permits > 1 { room -= 1 }
        let isAllowed = owed <= room
        var after = isAllowed ? owed + cost : owed
        if self.flaw == .grantsInPart, !isAllowed { after = rule.tolerance }
        if request.permits > 0 || self.flaw == .looksTake || self.flaw == .looksApplyRules {
            var kept = now + after
            if self.flaw == .forgivesNothingOnRefusal, !isAllowed { kept = arrival }
            let isRuleKept = isAllowed || self.flaw == .listsRefusedRules
            records[request.name] = Record(arrival: kept, rule: isRuleKept ? rule : present?.rule ?? rule)
        }
        var wait = isAllowed ? 0 : owed + cost - rule.tolerance
        if !isAllowed {
            switch self.flaw {
            case .waitsForOneInterval: wait = min(wait, rule.interval)
            case .waitsTooLong: wait += rule.interval
            case .roundsWaits: wait = (wait + 999_999) / 1_000_000 * 1_000_000 + 1_000_000
            default: break
            }
        }
        let left = rule.tolerance - (self.flaw == .countsBefore ? owed : after)
        return RateLimitDecision(
            isAllowed: isAllowed, remaining: Int(max(0, left) / rule.interval), retryAfter: .nanoseconds(wait),
            resetAfter: .nanoseconds(max(0, after)))
    }

    func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool {
        let name = self.stored(name)
        return self.store.records.withLock { records in
            let owed = (records[name]?.arrival ?? 0) > self.now
            switch self.flaw {
            case .resetsAll: records = [:]
            case .resetsNothing: break
            default: records[name] = nil
            }
            return owed || self.flaw == .resetSaysYes
        }
    }

    func limits(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitRecord] {
        try RateLimitLimits.check(page: limit)
        let now = self.now
        let all = self.store.records.withLock { $0 }.sorted {
            self.flaw == .listsUnsorted ? $0.key > $1.key : $0.key < $1.key
        }
        var page: [RateLimitRecord] = []
        for (key, record) in all where page.count < (self.flaw == .ignoresPage ? limit + 1 : limit) {
            if self.flaw != .ignoresPrefix, !key.rawValue.utf8.starts(with: prefix.utf8) { continue }
            if let name, self.flaw == .listsLastAgain ? key < name : key <= name { continue }
            guard record.arrival > now || self.flaw == .listsFull else { continue }
            let decision = GenericCellRate.decide(
                self.flaw == .listsLooks ? 0 : 1, under: record.rule, arrival: record.arrival, at: now
            ).decision
            page.append(RateLimitRecord(name: key, rule: record.rule, decision: decision))
        }
        return page
    }
}
