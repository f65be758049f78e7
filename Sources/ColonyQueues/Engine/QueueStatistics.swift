/// How a queue stands at one moment.
public struct QueueStatistics: Hashable, Sendable {
    /// Can be delivered now.
    public var ready = 0
    /// Wait behind an earlier message of their key.
    public var waiting = 0
    /// Wait for their time, or rest after a failed attempt.
    public var delayed = 0
    /// Are with a consumer.
    public var leased = 0
    /// Are parked as dead letters in this queue.
    public var dead = 0
    /// Bodies, keys, and headers of all of them.
    public var bytes = 0

    /// All messages, dead letters included: what ``QueueSettings/capacity`` bounds.
    public var count: Int { self.ready + self.waiting + self.delayed + self.leased + self.dead }

    /// Makes statistics of an empty queue.
    public init() {}
}

/// What has happened in a queue since it was declared; each number only rises, also over restarts.
public struct QueueTotals: Hashable, Sendable {
    /// Were taken, dead letters of other queues and redriven ones included.
    public var published = 0
    /// Were handed out, each attempt counted.
    public var delivered = 0
    /// Were acknowledged.
    public var acknowledged = 0
    /// Were given up for room, with nowhere to go.
    public var dropped = 0
    /// Leases that ran out: consumers that died or were too slow.
    public var leasesLost = 0
    /// Whose delay has ended.
    public var undelayed = 0
    /// How late those were in all: the sum of the times from when they were due until they could be delivered.
    public var lateness: Duration = .zero

    /// Makes the totals of a new queue.
    public init() {}
}
