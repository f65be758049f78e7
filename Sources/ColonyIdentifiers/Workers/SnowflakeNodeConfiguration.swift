public import ColonyCore

/// How a node keeps its worker number and its moments.
public struct SnowflakeNodeConfiguration: Sendable {
    /// How long the lease of a worker number lasts without a renewal, in `LeaseLimits.duration`.
    ///
    /// It is renewed after a third. A tenth before its end nothing is issued any more, which covers clocks that run at
    /// different rates. 30 seconds ride out the restart of a store.
    public var leaseDuration: Duration

    /// How far ahead moments are reserved; from two ticks to one hour.
    ///
    /// A node writes to its store about every half of this, and one that crashed and takes the same number again waits
    /// for as long as is left of it. Three seconds keep both small.
    public var reservation: Duration

    /// By how much the wall clocks of two nodes may differ, from zero up.
    ///
    /// It matters only if the store of the moments does not reach as far as the engine of the leases: then the former
    /// holder's last moment is unknown, and a new holder lets this much time pass.
    public var clockDisagreement: Duration

    /// How long one call to a store may take before it counts as failed.
    public var callLimit: Duration

    /// How long to wait before a failed attempt is repeated.
    public var backoff: Backoff

    /// What the generator does at the edges.
    public var generator: SnowflakeConfiguration

    /// Makes a configuration; ``SnowflakeNode`` checks it.
    public init(
        leaseDuration: Duration = .seconds(30), reservation: Duration = .seconds(3),
        clockDisagreement: Duration = .seconds(10), callLimit: Duration = .seconds(5), backoff: Backoff = Backoff(),
        generator: SnowflakeConfiguration = SnowflakeConfiguration()
    ) {
        self.leaseDuration = leaseDuration
        self.reservation = reservation
        self.clockDisagreement = clockDisagreement
        self.callLimit = callLimit
        self.backoff = backoff
        self.generator = generator
    }

    func check(for layout: SnowflakeLayout) throws(IdentifierError) {
        func refuse(_ reason: String) -> IdentifierError { IdentifierError(.invalidRequest, reason) }
        guard LeaseLimits.duration.contains(self.leaseDuration) else {
            throw refuse("a lease of \(self.leaseDuration) is not possible: from 10 milliseconds to 24 hours")
        }
        guard self.reservation >= layout.tick * 2, self.reservation <= .seconds(3_600) else {
            throw refuse(
                "a reservation of \(self.reservation) is not possible: from two ticks, \((layout.tick * 2).text), to one "
                    + "hour")
        }
        guard self.clockDisagreement >= .zero, self.clockDisagreement <= .seconds(86_400) else {
            throw refuse("a disagreement of clocks of \(self.clockDisagreement) is not possible: from zero to a day")
        }
        guard self.callLimit > .zero else {
            throw refuse("a limit of \(self.callLimit) for a call is not possible: more than zero")
        }
    }
}
