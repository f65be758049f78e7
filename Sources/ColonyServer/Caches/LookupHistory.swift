import ColonyCore

/// Hits and misses of the last half hour, in steps of ten seconds, for the curve of the console.
struct LookupHistory: Sendable {
    static let interval: Duration = .seconds(10)
    static let length = 180

    struct Step: Sendable, Equatable {
        var hits: UInt64 = 0
        var misses: UInt64 = 0
    }

    private let start: MonotonicInstant
    private var steps: [Step]
    /// The number of the newest step, counted from ``start``.
    private var newest: Int64 = 0

    init(start: MonotonicInstant) {
        self.start = start
        self.steps = Array(repeating: Step(), count: Self.length)
    }

    private func number(at now: MonotonicInstant) -> Int64 {
        max(0, self.start.duration(to: now).clampedMilliseconds / Self.interval.clampedMilliseconds)
    }

    /// Empties the steps that have begun since the last call.
    ///
    /// - Returns: How many have.
    mutating func advance(to now: MonotonicInstant) -> Int64 {
        let number = self.number(at: now)
        let passed = number - self.newest
        guard passed > 0 else { return 0 }
        for step in 0..<min(passed, Int64(Self.length)) {
            self.steps[Int((number - step) % Int64(Self.length))] = Step()
        }
        self.newest = number
        return passed
    }

    /// Counts a look-up in the step that ``advance(to:)`` came to.
    mutating func count(isHit: Bool) {
        let place = Int(self.newest % Int64(Self.length))
        if isHit { self.steps[place].hits += 1 } else { self.steps[place].misses += 1 }
    }

    /// The steps since the start, the oldest first; the last one is not over.
    var recent: [Step] {
        let count = min(self.newest + 1, Int64(Self.length))
        return (0..<count).map { self.steps[Int((self.newest - count + 1 + $0) % Int64(Self.length))] }
    }
}
