import ColonyCore

/// How an ``AdaptiveConcurrencyLimit`` measures, and between which bounds it moves.
public struct AdaptiveConcurrencyOptions: Sendable {
    /// The bounds of the limit.
    public let limits: ClosedRange<Int>
    /// The limit at the start.
    public let initialLimit: Int
    /// How long samples are collected before the limit is decided anew.
    public let window: Duration
    /// How many calls must have ended in a window.
    public let minimumSamples: Int
    /// How many calls wait, in turn.
    public let maximumWaiting: Int
    /// How long a call waits at most.
    public let maximumWait: Duration
    /// Errors that mean that the other side has too much to do. Calls with other errors are not measured, because a call that fails
    /// at once would look like a fast one.
    public let drops: @Sendable (any Error) -> Bool

    /// Makes options from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - limits: From 1 to 1,000,000. The least keeps a trickle of calls going, from which a recovery is noticed.
    ///   - initialLimit: Within `limits`; 20, or the nearest bound, unless said otherwise.
    ///   - window: From one millisecond to one hour. One second unless said otherwise.
    ///   - minimumSamples: From 1 to 1,000,000.
    ///   - maximumWaiting: From 0 to ``BulkheadOptions/largest``. None unless said otherwise: a line adds to the time that callers
    ///     see, and the limit is there to keep that short.
    ///   - maximumWait: From zero to one day.
    ///   - drops: Unless said otherwise `unavailable`, `bulkheadFull`, `shed`, `rateLimited`, and `deadlineExceeded` except where
    ///     it ``ResilienceError/isNotStarted``. It runs under no lock.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        limits: ClosedRange<Int> = 1...1_000, initialLimit: Int? = nil, window: Duration = .seconds(1),
        minimumSamples: Int = 10, maximumWaiting: Int = 0, maximumWait: Duration = .seconds(1),
        drops: @escaping @Sendable (any Error) -> Bool = AdaptiveConcurrencyOptions.isDrop
    ) throws(ResilienceError) {
        try Bounds.check(limits.lowerBound, in: 1...1_000_000, "calls as the least limit")
        try Bounds.check(limits.upperBound, in: 1...1_000_000, "calls as the greatest limit")
        let initial = initialLimit ?? min(max(20, limits.lowerBound), limits.upperBound)
        try Bounds.check(initial, in: limits, "calls as the first limit")
        try Bounds.check(window, in: .milliseconds(1) ... .seconds(3_600), "the window of a concurrency limit")
        try Bounds.check(minimumSamples, in: 1...1_000_000, "samples in a window")
        try Bounds.check(maximumWaiting, in: 0...BulkheadOptions.largest, "calls in line")
        try Bounds.check(maximumWait, in: .zero ... .seconds(86_400), "the longest wait in a line")
        self.limits = limits
        self.initialLimit = initial
        self.window = window
        self.minimumSamples = minimumSamples
        self.maximumWaiting = maximumWaiting
        self.maximumWait = maximumWait
        self.drops = drops
    }

    /// Whether an error says that the other side has too much to do, or that its answer took too long.
    public static let isDrop: @Sendable (any Error) -> Bool = { error in
        guard let error = error as? ResilienceError else { return false }
        // The other side was never asked.
        if error.code == .deadlineExceeded { return !error.isNotStarted }
        let codes: [ResilienceError.Code] = [
            .unavailable, .bulkheadFull, .shed, .rateLimited,
        ]
        return codes.contains(error.code)
    }
}
