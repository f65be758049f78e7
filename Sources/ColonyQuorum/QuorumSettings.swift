public import ColonyCore

/// How many servers keep a key, how many must answer, and what becomes of concurrent writes.
public struct QuorumSettings: Sendable {
    /// Which servers count towards a quorum.
    public enum Membership: String, Hashable, Sendable {
        /// Only the servers that the key is placed on. A read quorum then meets every write quorum.
        case strict
        /// Where one of those fails, the next one in the order of the placement stands in and is relieved later. Writes
        /// go through as long as any ``QuorumSettings/writeQuorum`` servers can be reached, and reads may miss them
        /// until they are handed off.
        case sloppy
    }

    /// What becomes of writes that did not know of one another.
    public enum Conflicts: String, Hashable, Sendable {
        /// The one with the greatest stamp stays; the others are dropped and nobody is told.
        case lastWriteWins
        /// All stay side by side until a write with their context replaces them.
        case siblings
    }

    // MARK: Quorums

    /// *N*: on how many servers each key is kept, from 1 to the number of servers, and at most 16.
    public var replicas = 3
    /// *R*: how many of them must answer a read, from 1 to *N*.
    public var readQuorum = 2
    /// *W*: how many of them must hold a write before it is acknowledged, from 1 to *N*.
    public var writeQuorum = 2
    /// Which servers count.
    public var membership = Membership.strict
    /// What becomes of concurrent writes.
    public var conflicts = Conflicts.lastWriteWins

    // MARK: Time

    /// How long a call may take; from 1 millisecond.
    public var timeout: Duration = .seconds(1)
    /// After how long without an answer another server is asked as well, also while the request waits behind others to
    /// the same server; above zero. A little above the slowest
    /// hundredth of all answers is a good value: it then costs one request in a hundred.
    public var hedge: Duration = .milliseconds(50)
    /// How long a server that failed is asked last, and by a sloppy store not at all, growing with each failure.
    public var suspicion = Backoff(initial: .milliseconds(200), maximum: .seconds(2))
    /// How long it is remembered that a key was deleted; from 1 second. A server that was away for longer must come
    /// back empty, or it brings deleted values back.
    public var tombstoneGrace: Duration = .seconds(10 * 86_400)
    /// How long a hint is kept for a server that is away; at most ``tombstoneGrace``, because an older one could bring
    /// a deleted value back.
    public var hintLifetime: Duration = .seconds(86_400)
    /// How often servers with hints are tried; above zero.
    public var handoffInterval: Duration = .seconds(1)
    /// How far ahead of this host's wall clock the stamp of a stored write may lie; from 1 millisecond. See
    /// `HybridLogicalClock`.
    public var maximumDrift: Duration = .milliseconds(500)

    // MARK: Bounds

    /// The most siblings of a key, from 1.
    public var maximumSiblings = 64
    /// How many hints are delivered in a second at the most, from 1.
    public var handoffRate = 2_000
    /// How many repairs may be under way in the background, from 0; those beyond are left to the next read.
    public var maximumRepairs = 256
    /// How many calls to one server may be under way at a time, from 1. What comes meanwhile is sent together.
    /// Fewer make larger calls and a busy store faster; more keep one call that hangs from holding up those behind it.
    public var callsPerServer = 4
    /// How many requests may wait for one server, from 1; more fail with `overloaded`.
    public var waitingPerServer = 20_000

    // MARK: Surroundings

    /// What deadlines are counted on.
    public var clock: any MonotonicClock = HostClock()
    /// Civil time, for stamps.
    public var wallClock: any WallClock = SystemWallClock()

    /// Makes settings with the defaults.
    public init() {}

    /// Why these settings cannot give `.strong`; `nil` if they can.
    var shortfallOfStrong: String? {
        let (n, r, w) = (self.replicas, self.readQuorum, self.writeQuorum)
        if self.membership == .sloppy { return "a sloppy quorum of writes need not meet one of reads" }
        if r + w <= n { return "R + W > N is needed, and \(r) + \(w) is not above \(n)" }
        if 2 * w <= n { return "2 W > N is needed, and 2 × \(w) is not above \(n)" }
        return nil
    }

    /// The first thing that is wrong; `nil` if nothing is.
    func defect(servers: Int) -> String? {
        let counts: [(Int, ClosedRange<Int>, String)] = [
            (self.replicas, 1...max(1, min(servers, 16)), "the number of replicas N on \(servers) servers"),
            (self.readQuorum, 1...max(1, self.replicas), "the read quorum R of \(self.replicas) replicas"),
            (self.writeQuorum, 1...max(1, self.replicas), "the write quorum W of \(self.replicas) replicas"),
            (self.maximumSiblings, 1...1_024, "the most siblings of a key"),
            (self.handoffRate, 1...1_000_000, "the number of hints in a second"),
            (self.maximumRepairs, 0...100_000, "the number of repairs under way"),
            (self.callsPerServer, 1...1_024, "the number of calls to one server"),
            (self.waitingPerServer, 1...10_000_000, "the number of requests that wait for one server"),
        ]
        for (value, range, what) in counts {
            if let defect = SettingRange.defect(of: value, in: range, as: what) { return defect }
        }
        let day: Duration = .seconds(86_400)
        let times: [(Duration, ClosedRange<Duration>, String)] = [
            (self.timeout, .milliseconds(1)...day, "the time-out of a call"),
            (self.hedge, .nanoseconds(1)...day, "the wait before another server is asked"),
            (self.tombstoneGrace, .seconds(1)...(day * 3_650), "the grace of tombstones"),
            (self.hintLifetime, .zero...self.tombstoneGrace, "the lifetime of hints, which ends with tombstones"),
            (self.handoffInterval, .nanoseconds(1)...day, "the interval of hand-offs"),
            (self.maximumDrift, .milliseconds(1)...day, "the drift bound"),
        ]
        for (value, range, what) in times {
            if let defect = SettingRange.defect(of: value, in: range, as: what) { return defect }
        }
        return nil
    }
}
