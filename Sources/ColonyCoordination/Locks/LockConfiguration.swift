public import ColonyCore

/// How a ``DistributedLock`` behaves.
public struct LockConfiguration: Sendable {
    /// How long a lease runs without a renewal, and so how long a lock stays taken after its holder died. From
    /// ``LeaseLimits/duration``.
    ///
    /// 30 seconds outlasts a restart of the store and most pauses of a process. Shorter leases free a dead holder's lock
    /// sooner, and are lost sooner.
    public var duration: Duration

    /// How long an acquisition waits unless the call says otherwise.
    ///
    /// A minute is twice the default lease, so that the lock of a holder that has just died comes free within it.
    public var waiting: Duration

    /// Whether the lease is renewed at every third of its duration until it is released.
    ///
    /// Without renewals the lease is good for one ``duration``; it is still watched, and lost on time.
    public var renewsAutomatically: Bool

    /// Which part of the duration is given up at its end, so that the holder stops before anybody else can start. From 0
    /// to 0.5.
    ///
    /// A tenth covers clocks whose rates differ by far more than quartz does, and leaves two attempts to renew.
    public var safetyMargin: Double

    /// How long a release waits for the engine before it leaves the lease to run out by itself.
    public var releaseLimit: Duration

    /// Called with what happens to the lock, in order per lease, on the thread where it happened: return quickly.
    public var onEvent: (@Sendable (LockEvent) -> Void)?

    /// Makes a configuration; what is not named has its default.
    ///
    /// A safety margin outside 0 to 0.5 is a programmer's error and stops the program; a duration outside its range is
    /// refused when the lock is taken.
    public init(
        duration: Duration = .seconds(30),
        waiting: Duration = .seconds(60),
        renewsAutomatically: Bool = true,
        safetyMargin: Double = 0.1,
        releaseLimit: Duration = .seconds(2),
        onEvent: (@Sendable (LockEvent) -> Void)? = nil
    ) {
        precondition((0...0.5).contains(safetyMargin), "the safety margin lies from 0 to 0.5, not at \(safetyMargin)")
        self.duration = duration
        self.waiting = waiting
        self.renewsAutomatically = renewsAutomatically
        self.safetyMargin = safetyMargin
        self.releaseLimit = releaseLimit
        self.onEvent = onEvent
    }
}

/// What happens to a lock, for logs and metrics.
public enum LockEvent: Sendable {
    /// The lock was taken after a wait.
    case acquired(Lease, waited: Duration)
    /// Somebody else held the lock until the deadline.
    case refused(LeaseName, LeaseHolder, waited: Duration)
    /// A renewal was answered.
    case renewed(Lease)
    /// A renewal failed. It is repeated until the lease is over.
    case renewalFailed(Lease, LeaseError)
    /// The holder no longer holds the lock.
    case lost(Lease, LockLossReason)
    /// The holder gave the lock back.
    case released(Lease)
}
