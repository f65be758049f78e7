public import ColonyCore

/// How a ``SegmentIDGenerator`` sizes its ranges and what it does while its store does not answer.
public struct SegmentIDConfiguration: Hashable, Sendable {
    /// How many numbers the first range has; from `minimumStep` to `maximumStep`. The default is 1 000.
    public var initialStep: Int64
    /// The fewest numbers that a range has. The default of 100 bounds what a program loses that starts often and asks
    /// for little.
    public var minimumStep: Int64
    /// The most numbers that a range has, which bounds what a crash loses: two ranges. The default of ten million lasts
    /// half a second at twenty million numbers a second, a hundred times longer than a durable write.
    public var maximumStep: Int64
    /// How long a range should last; the step doubles when ranges last shorter, and halves when they last longer than
    /// twice this. The default of 15 minutes is Leaf's: a store that is away for so long is not noticed.
    public var targetDuration: Duration
    /// Which part of a range is used when the next one is fetched, from 0 to below 1. The default of a tenth is Leaf's:
    /// it leaves almost the whole range as the time that the store may take.
    public var prefetchShare: Double
    /// How long one request to the store may take before it is cancelled. Three seconds leave a waiting caller time for
    /// another attempt.
    public var requestLimit: Duration
    /// How long a caller waits, if it has to wait at all, before its call fails with `unavailable`. Ten seconds.
    public var waitLimit: Duration
    /// How many callers may wait at a time; more are refused at once with `unavailable`. 65 536.
    public var maximumWaiters: Int
    /// The pauses between failed requests. At most a second, so that waiting callers see a store come back.
    public var backoff: Backoff

    /// The most numbers that one call may ask for, so that the array of its answer stays below a megabyte.
    public static let largestBatch = 100_000

    /// Makes a configuration; each default is explained at its member.
    ///
    /// - Precondition: The values are in the ranges that the members state.
    public init(
        initialStep: Int64 = 1_000, minimumStep: Int64 = 100, maximumStep: Int64 = 10_000_000,
        targetDuration: Duration = .seconds(15 * 60), prefetchShare: Double = 0.1, requestLimit: Duration = .seconds(3),
        waitLimit: Duration = .seconds(10), maximumWaiters: Int = 65_536,
        backoff: Backoff = Backoff(maximum: .seconds(1))
    ) {
        precondition(
            SegmentLimits.count.contains(minimumStep) && SegmentLimits.count.contains(maximumStep)
                && minimumStep <= initialStep && initialStep <= maximumStep,
            "steps rise from the smallest to the first to the largest, within \(SegmentLimits.count), and "
                + "\(minimumStep), \(initialStep), \(maximumStep) do not")
        precondition(targetDuration > .zero, "a range must last longer than zero, not \(targetDuration)")
        precondition(
            prefetchShare >= 0 && prefetchShare < 1, "the used share is from 0 to below 1, not \(prefetchShare)")
        precondition(requestLimit > .zero, "a request must be given more time than \(requestLimit)")
        precondition(waitLimit > .zero, "a wait must be longer than \(waitLimit)")
        precondition(maximumWaiters >= 1, "somebody must be allowed to wait, not \(maximumWaiters)")
        self.initialStep = initialStep
        self.minimumStep = minimumStep
        self.maximumStep = maximumStep
        self.targetDuration = targetDuration
        self.prefetchShare = prefetchShare
        self.requestLimit = requestLimit
        self.waitLimit = waitLimit
        self.maximumWaiters = maximumWaiters
        self.backoff = backoff
    }
}
