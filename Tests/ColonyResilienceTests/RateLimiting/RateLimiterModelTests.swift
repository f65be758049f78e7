import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Limiters answer as naive ones do", .timeLimit(.minutes(3)))
struct RateLimiterModelTests {
    private static let runs = RateLimitAlgorithm.allCases.flatMap { algorithm in
        Seed(0x11).followed(by: 50).map { (algorithm, $0) }
    }

    private static func rule(
        _ algorithm: RateLimitAlgorithm, _ random: inout SeededGenerator
    ) throws -> RateLimitRule {
        let permits = Int.random(in: 1...9, using: &random)
        let isWindow = algorithm == .slidingWindowLog || algorithm == .slidingWindowCounter
        let burst = Int.random(in: 1...(isWindow ? permits : 12), using: &random)
        // The model of the window counter reckons in floating point, which is exact for such periods.
        let period = Duration.nanoseconds(permits * Int.random(in: 1_000...100_000, using: &random))
        return try RateLimitRule(permits, per: period, burst: burst)
    }

    /// Without a macro: three million of them would take a minute.
    private static func agree(_ holds: Bool, _ text: @autoclosure () -> String) throws {
        if !holds { throw Disagreement(text: text()) }
    }

    struct Disagreement: Error {
        let text: String
    }

    private static func wait(_ rule: RateLimitRule, _ random: inout SeededGenerator) -> Int64 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: 0
        case 1: Int64.random(in: 0...rule.interval, using: &random)
        case 2: rule.interval * Int64.random(in: 1...3, using: &random)
        default: Int64.random(in: 0...(2 * rule.nanosecondsOfPeriod), using: &random)
        }
    }

    @Test(arguments: Self.runs)
    func `grants, waits, and remainders over random schedules`(algorithm: RateLimitAlgorithm, seed: Seed) throws {
        var random = SeededGenerator(seed: seed)
        let clock = ManualClock(now: MonotonicInstant(nanoseconds: 5_000_000_000))
        let rule = try Self.rule(algorithm, &random)
        let limiter = try RateLimiter(rule, RateLimiterOptions(algorithm: algorithm), clock: clock)
        var model = NaiveLimiter(algorithm, rule)
        for step in 0..<1_000 {
            clock.advance(by: .nanoseconds(Self.wait(rule, &random)))
            let now = clock.now.nanoseconds
            let permits = Int.random(in: 1...rule.burst, using: &random)
            let decision = try limiter.take(permits)
            let recent = model.keepingNewest(60)
            try Self.agree(
                decision.isAllowed == recent.fits(permits, at: now),
                "\(seed), step \(step): \(permits) of \(rule): \(decision)")
            if decision.isAllowed {
                model.grant(permits, at: now)
            } else {
                let wait = decision.retryAfter.clampedNanoseconds
                try Self.agree(wait > 0 && recent.fits(permits, at: now + wait), "\(seed), step \(step): \(decision)")
                try Self.agree(!recent.fits(permits, at: now + wait - 1), "\(seed), step \(step): \(decision) is late")
            }
            if algorithm != .leakyBucket {
                let after = model.keepingNewest(60)
                let left = decision.remaining
                try Self.agree(left == 0 || after.fits(left, at: now), "\(seed), step \(step): \(decision)")
                try Self.agree(!after.fits(left + 1, at: now), "\(seed), step \(step): \(decision)")
            }
        }
        if let defect = model.defect() { Issue.record("\(seed): \(defect) of \(rule)") }
    }

    /// Turns are reserved and given back at random moments before they come. What is left is within the bound in every window, turns
    /// come in order, and once nobody waits the limiter answers as if those given back had never been.
    @Test(arguments: Self.runs)
    func `turns that are given back leave nothing behind and take nothing away`(
        algorithm: RateLimitAlgorithm, seed: Seed
    ) throws {
        var random = SeededGenerator(seed: seed)
        let clock = ManualClock(now: MonotonicInstant(nanoseconds: 5_000_000_000))
        let rule = try Self.rule(algorithm, &random)
        let limiter = try RateLimiter(rule, RateLimiterOptions(algorithm: algorithm), clock: clock)
        var model = NaiveLimiter(algorithm, rule)
        /// Gives back a turn, and counts those that came because of it.
        func giveBack(_ number: UInt64) throws {
            let before = limiter.turns
            try Self.agree(limiter.giveBackTurn(number), "\(seed): a turn had come unseen")
            let left = Set(limiter.turns.map(\.number))
            for (other, turn) in before where other != number && !left.contains(other) {
                model.grant(Int(turn.permits), at: clock.now.nanoseconds)
            }
        }
        for step in 0..<200 {
            let now = clock.now.nanoseconds
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let slots = limiter.turns.map(\.turn.slot)
                try Self.agree(
                    slots == slots.sorted() && slots.allSatisfy { $0 > now }, "\(seed), step \(step): \(slots)")
                clock.advance(by: .nanoseconds(Self.wait(rule, &random)))
                for (_, turn) in limiter.turns where turn.slot <= clock.now.nanoseconds {
                    model.grant(Int(turn.permits), at: turn.slot)
                }
                limiter.callDueTurns()
            case 1:
                if let number = limiter.turns.map(\.number).randomElement(using: &random) { try giveBack(number) }
            default:
                let permits = Int.random(in: 1...rule.burst, using: &random)
                let limit = Int64.random(in: 0...(3 * rule.nanosecondsOfPeriod), using: &random)
                let (answer, number) = limiter.reserveTurn(permits, within: limit)
                try Self.agree(answer.isGranted == (answer.slot - now <= limit), "\(seed), step \(step)")
                if answer.isGranted, number == nil { model.grant(permits, at: now) }
            }
        }
        // All that is still waited for is given back, in any order; then the limiter has counted what has been used, and no more.
        while let number = limiter.turns.map(\.number).randomElement(using: &random) { try giveBack(number) }
        if let defect = model.defect() { Issue.record("\(seed): \(defect) of \(rule)") }
        let now = clock.now.nanoseconds
        for permits in 1...rule.burst {
            let look = limiter.reserveTurn(permits, within: -1).answer
            #expect((look.slot <= now) == model.fits(permits, at: now), "\(seed): \(permits) of \(rule)")
        }
    }
}
