import ColonyResilience

/// A limiter in its most naive form: a list of all that was granted, and for each algorithm what it says about such a list.
struct NaiveLimiter {
    struct Grant {
        let time: Int64
        let permits: Int
    }

    let algorithm: RateLimitAlgorithm
    let rule: RateLimitRule
    private(set) var grants: [Grant] = []
    /// What is owed by grants that are not listed any more, and when.
    private var start: (debt: Int64, time: Int64) = (0, .min / 4)

    init(_ algorithm: RateLimitAlgorithm, _ rule: RateLimitRule) {
        self.algorithm = algorithm
        self.rule = rule
    }

    private var period: Int64 { self.rule.nanosecondsOfPeriod }
    private var interval: Int64 { self.rule.interval }

    mutating func grant(_ permits: Int, at time: Int64) {
        self.grants.append(Grant(time: time, permits: permits))
    }

    /// The moment of the last turn that was given.
    var last: Int64 { self.grants.map(\.time).max() ?? .min }

    mutating func giveBack(_ permits: Int, at time: Int64) {
        guard let index = self.grants.lastIndex(where: { $0.time == time && $0.permits == permits }) else { return }
        self.grants.remove(at: index)
    }

    /// What is owed at `time`: each grant adds its cost, and each nanosecond takes one away.
    private func debt(at time: Int64) -> Int64 {
        var (debt, before) = self.start
        for grant in self.grants {
            debt = max(0, debt - (grant.time - before)) + Int64(grant.permits) * self.interval
            before = grant.time
        }
        return max(0, debt - (time - before))
    }

    /// The same without old grants, but for what is owed by them: they make the model slow.
    func keepingNewest(_ count: Int) -> NaiveLimiter {
        var result = self
        for grant in self.grants.dropLast(count) {
            result.start.debt = max(0, result.start.debt - (grant.time - result.start.time))
            result.start.debt += Int64(grant.permits) * self.interval
            result.start.time = grant.time
        }
        result.grants = self.grants.suffix(count)
        return result
    }

    /// Whether a request fits at a moment after all grants.
    func fits(_ permits: Int, at time: Int64) -> Bool {
        switch self.algorithm {
        case .tokenBucket:
            return self.debt(at: time) + Int64(permits) * self.interval <= self.rule.tolerance
        case .leakyBucket:
            return self.debt(at: time) == 0
        case .slidingWindowLog:
            let inside = self.grants.filter { $0.time > time - self.period }
            return inside.reduce(permits) { $0 + $1.permits } <= self.rule.permits
        case .slidingWindowCounter:
            let number = time / self.period
            func count(_ number: Int64) -> Int {
                self.grants.filter { $0.time / self.period == number }.reduce(0) { $0 + $1.permits }
            }
            let covered = Double(self.period - time % self.period) / Double(self.period)
            let estimate = Double(count(number - 1)) * covered + Double(count(number) + permits)
            return estimate <= Double(self.rule.permits) + 1e-6
        }
    }

    /// Whether what was granted is within what the algorithm declares, in every window.
    func defect() -> String? {
        let grants = self.grants.sorted { $0.time < $1.time }
        for (index, first) in grants.enumerated() {
            var permits = 0
            for later in grants[index...] {
                permits += later.permits
                let span = later.time - first.time
                let isWithin =
                    switch self.algorithm {
                    case .tokenBucket: Int64(permits) * self.interval <= self.rule.tolerance + span
                    case .leakyBucket: Int64(permits - later.permits) * self.interval <= span
                    case .slidingWindowLog: span >= self.period || permits <= self.rule.permits
                    case .slidingWindowCounter: span >= self.period || permits <= 2 * self.rule.permits
                    }
                if !isWithin { return "\(permits) permits within \(span) ns of \(first.time)" }
            }
        }
        return nil
    }
}
