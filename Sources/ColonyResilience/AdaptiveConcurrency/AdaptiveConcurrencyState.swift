import ColonyCore

/// The decisions of an adaptive limit: ends of calls in, a new limit out, once for each window of samples.
package struct AdaptiveConcurrencyState: Sendable {
    private let limits: ClosedRange<Int>
    private let windowNanoseconds: Int64
    private let minimumSamples: Int
    private var algorithm: any ConcurrencyAlgorithm
    /// The limit with its fraction.
    private var estimate: Double

    private var end = Int64.min
    private var samples = 0
    /// How many of the samples have a time that counts.
    private var measured = 0
    private var sum = 0.0
    private var shortest = Int64.max
    private var inFlight = 0
    private var hasDropped = false

    package init(_ options: AdaptiveConcurrencyOptions, _ algorithm: any ConcurrencyAlgorithm) {
        self.limits = options.limits
        self.windowNanoseconds = options.window.clampedNanoseconds
        self.minimumSamples = options.minimumSamples
        self.algorithm = algorithm
        self.estimate = Double(options.initialLimit)
    }

    /// The limit in force.
    package var limit: Int { Int(self.estimate) }

    /// Takes in a call that has ended.
    ///
    /// - Parameters:
    ///   - nanoseconds: How long it took. The time of a call that was dropped is not looked at: one that was refused at once would
    ///     look like the fastest of all, and one that was given up took as long as its caller was patient.
    ///   - inFlight: How many calls were under way when it ended, itself included.
    /// - Returns: The new limit, if it has changed.
    /// - Complexity: O(1).
    package mutating func record(
        _ nanoseconds: Int64, inFlight: Int, isDropped: Bool, at now: Int64
    ) -> Int? {
        if self.samples == 0 { self.end = now.addingReportingOverflow(self.windowNanoseconds).partialValue }
        self.samples += 1
        self.inFlight = max(self.inFlight, inFlight)
        if isDropped {
            self.hasDropped = true
        } else {
            self.measured += 1
            self.sum += Double(max(1, nanoseconds))
            self.shortest = min(self.shortest, max(1, nanoseconds))
        }
        guard now >= self.end, self.samples >= self.minimumSamples else { return nil }
        return self.decide()
    }

    private mutating func decide() -> Int? {
        let before = self.limit
        let sample = ConcurrencySample(
            meanNanoseconds: self.measured > 0 ? Int64(self.sum / Double(self.measured)) : nil,
            shortestNanoseconds: self.measured > 0 ? self.shortest : nil, inFlight: self.inFlight,
            hasDropped: self.hasDropped)
        let next = self.algorithm.limit(after: self.estimate, sample)
        if next.isFinite {
            self.estimate = min(max(next, Double(self.limits.lowerBound)), Double(self.limits.upperBound))
        }
        self.samples = 0
        self.measured = 0
        self.sum = 0
        self.shortest = .max
        self.inFlight = 0
        self.hasDropped = false
        return self.limit == before ? nil : self.limit
    }
}
