import ColonyCore
package import ColonyResilience

/// Does the same random things to an engine and to naive buckets, on a clock that it moves, and compares every answer.
///
/// What is done is given by the generator alone, so a run that disagrees can be repeated.
package struct RateLimitModelRun {
    private let engine: any RateLimitEngine
    private let names: [RateLimitName]
    private let advance: (Duration) -> Void
    private var random: any RandomNumberGenerator
    private var now: Int64 = 0
    private var buckets: [RateLimitName: NaiveBucket] = [:]
    private var rules: [RateLimitRule]

    /// Does so many steps.
    ///
    /// - Parameters:
    ///   - prefix: What the names of the run begin with.
    ///   - advance: Moves the clock of the engine, which stands still otherwise.
    /// - Throws: ``ConformanceFailure`` at the first answer that is another than that of the model.
    package static func run(
        steps: Int, on engine: any RateLimitEngine, prefix: String, advance: @escaping (Duration) -> Void,
        using random: some RandomNumberGenerator
    ) async throws {
        var run = try Self(engine, prefix, advance, random)
        for step in 0..<steps {
            do {
                try await run.step()
            } catch let failure as ConformanceFailure {
                throw ConformanceFailure("at step \(step): \(failure.message)")
            }
        }
    }

    private init(
        _ engine: any RateLimitEngine, _ prefix: String, _ advance: @escaping (Duration) -> Void,
        _ random: any RandomNumberGenerator
    ) throws {
        self.engine = engine
        self.names = try ["a", "b", "c"].map { try RateLimitName(prefix + $0) }
        self.advance = advance
        var random = random
        self.rules = []
        for _ in 0..<3 { self.rules.append(try Self.rule(&random)) }
        self.random = random
    }

    private static func rule(_ random: inout any RandomNumberGenerator) throws -> RateLimitRule {
        let permits = Int.random(in: 1...20, using: &random)
        let period = [Duration.microseconds(1), .milliseconds(3), .seconds(1), .seconds(3_600)]
        return try RateLimitRule(
            permits, per: period.randomElement(using: &random) ?? .seconds(1),
            burst: Int.random(in: 1...30, using: &random))
    }

    private mutating func step() async throws {
        switch Int.random(in: 0..<20, using: &self.random) {
        case 0:
            let number = Int.random(in: 0..<3, using: &self.random)
            self.rules[number] = try Self.rule(&self.random)
        case 1:
            let name = self.anyName()
            let owed = try await self.engine.reset(name)
            let expected = self.buckets[name, default: NaiveBucket(at: self.now)].reset(at: self.now)
            try expect(owed == expected, "a reset of \(name) said \(owed), and the model \(expected)")
        case 2...6:
            // Often exactly as long as a permit takes, or a nanosecond beside it.
            let rule = self.rules[Int.random(in: 0..<3, using: &self.random)]
            let count = Int64.random(in: 1...4, using: &self.random)
            let wait =
                Bool.random(using: &self.random)
                ? max(0, count * rule.interval + Int64.random(in: -1...1, using: &self.random))
                : Int64.random(in: 0...(2 * rule.tolerance), using: &self.random)
            self.advance(.nanoseconds(wait))
            self.now += wait
        default:
            try await self.take()
        }
    }

    private mutating func take() async throws {
        var requests: [RateLimitRequest] = []
        for _ in 0..<Int.random(in: 1...4, using: &self.random) {
            // Mostly each limit with a rule of its own, and sometimes with that of another.
            let number = Int.random(in: 0..<3, using: &self.random)
            let other = Int.random(in: 0..<8, using: &self.random)
            let rule = self.rules[other < 3 ? other : number]
            let most = Bool.random(using: &self.random) ? rule.burst : min(3, rule.burst)
            requests.append(
                RateLimitRequest(
                    self.names[number], permits: Int.random(in: 0...most, using: &self.random), rule: rule))
        }
        let decisions = try await self.engine.take(requests)
        try expect(decisions.count == requests.count, "\(decisions.count) answers to \(requests.count) requests")
        for (request, decision) in zip(requests, decisions) {
            let expected = self.buckets[request.name, default: NaiveBucket(at: self.now)]
                .take(request.permits, request.rule, at: self.now)
            try expect(
                decision == expected,
                "\(request.permits) of \(request.name) under \(request.rule): \(decision), and the model says \(expected)"
            )
        }
    }

    private mutating func anyName() -> RateLimitName {
        self.names[Int.random(in: 0..<3, using: &self.random)]
    }
}
