/// When a ``Failover`` leaves a target, for how long, and when it comes back.
public struct FailoverOptions: Sendable {
    /// After how many failures in a row a target is out.
    public let failuresToOpen: Int
    /// How long it is out the first time.
    public let firstRest: Duration
    /// How long it is out at most; each failed probe doubles the time.
    public let longestRest: Duration
    /// How long a better target must have been healthy before the calls go back to it.
    public let returnAfter: Duration
    /// Whether a call whose outcome is unknown goes on to the next target.
    public let retriesUnknownOutcomes: Bool
    /// What errors say about a call.
    public let classification: RetryClassification

    /// Makes options from values that may come from outside.
    ///
    /// - Parameters:
    ///   - failuresToOpen: From 1 to 1,000. Three do not take one lost packet for an outage.
    ///   - firstRest: Above zero to an hour. Five seconds is soon enough to notice that a restart is over.
    ///   - longestRest: From `firstRest` to a day.
    ///   - returnAfter: From zero, which returns with the first good probe, to a day. During that time one call in each quarter of it
    ///     goes to the better target, and each has to succeed.
    ///   - retriesUnknownOutcomes: Ask for it only if the effect of the call is the same once and twice, on whichever targets.
    ///   - classification: A `final` error is an answer and speaks for the target; the others speak against it. A final
    ///     `budgetExhausted` is judged by its cause, and a final `closed` or `disabled` as *not done*: another target may be there.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        failuresToOpen: Int = 3, firstRest: Duration = .seconds(5), longestRest: Duration = .seconds(120),
        returnAfter: Duration = .seconds(30), retriesUnknownOutcomes: Bool = false,
        classification: RetryClassification = .standard
    ) throws(ResilienceError) {
        func refuse(_ message: String) -> ResilienceError { ResilienceError(.invalidConfiguration, message) }
        guard (1...1_000).contains(failuresToOpen) else {
            throw refuse("\(failuresToOpen) failures in a row are not possible: from 1 to 1000")
        }
        guard firstRest > .zero, firstRest <= .seconds(3_600) else {
            throw refuse("a first rest of \(firstRest) is not possible: above zero, up to an hour")
        }
        guard longestRest >= firstRest, longestRest <= .seconds(86_400) else {
            throw refuse("a longest rest of \(longestRest) is not possible: from the first, \(firstRest), to a day")
        }
        guard returnAfter >= .zero, returnAfter <= .seconds(86_400) else {
            throw refuse("a return after \(returnAfter) is not possible: from zero to a day")
        }
        self.failuresToOpen = failuresToOpen
        self.firstRest = firstRest
        self.longestRest = longestRest
        self.returnAfter = returnAfter
        self.retriesUnknownOutcomes = retriesUnknownOutcomes
        self.classification = classification
    }
}
