import ColonyCore

/// How patient nodes are that elect a leader.
///
/// A leader that dies is replaced after one to two election time-outs, mostly after less than one and a half. Shorter ones replace it sooner, and
/// replace it for nothing when the network, the disk, or the scheduler stalls for as long.
public struct VotingSettings: Hashable, Sendable {
    /// How long a node that has heard from a leader votes for nobody else, and the shortest time after which it stands for election itself.
    /// The longest is twice as long; which it is, is drawn anew each time.
    public let electionTimeout: Duration
    /// How often a leader lets itself be heard.
    public let heartbeat: Duration
    /// By how much of its speed the clock of a node may be wrong, in either direction: 0.01 is one in a hundred.
    public let clockDrift: Double
    /// How long a voter of a higher priority must have answered without a gap before the leader hands over to it.
    public let steadiness: Duration

    /// How long a leader leads after the sending of a heartbeat that a majority has answered; see ``lease(promised:)``.
    public let lease: Duration

    /// Makes settings from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - electionTimeout: From 10 milliseconds to a minute. Ten times what the network and a synced write need in bad moments is a good
    ///     start. Nodes may have different ones; the lease goes by the shorter.
    ///   - heartbeat: From a millisecond to a third of the election time-out, so that two may get lost; a fifth of it if not given.
    ///   - clockDrift: From 0 to 0.1. A clock that is disciplined by NTP is off by 0.0005 at the most while it is corrected.
    ///   - steadiness: Up to a day; five election time-outs if not given.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        electionTimeout: Duration = .seconds(1), heartbeat: Duration? = nil, clockDrift: Double = 0.01,
        steadiness: Duration? = nil
    ) throws(ClusterError) {
        let heartbeat = heartbeat ?? electionTimeout / 5
        let steadiness = steadiness ?? electionTimeout * 5
        let millisecond = Duration.milliseconds(1)
        let defects = [
            SettingRange.defect(
                of: electionTimeout, in: millisecond * 10...millisecond * 60_000, as: "the election time-out"),
            SettingRange.defect(
                of: heartbeat, in: millisecond...max(millisecond, electionTimeout / 3),
                as: "the interval of a leader's heartbeats"),
            SettingRange.defect(of: clockDrift, in: 0...0.1, as: "the drift of clocks"),
            SettingRange.defect(
                of: steadiness, in: .zero...millisecond * 86_400_000, as: "the steadiness before a leader hands over"),
        ]
        if let defect = defects.lazy.compactMap(\.self).first {
            throw ClusterError(.invalidConfiguration, defect)
        }
        self.electionTimeout = electionTimeout
        self.heartbeat = heartbeat
        self.clockDrift = clockDrift
        self.steadiness = steadiness
        self.lease = Self.lease(promised: electionTimeout, clockDrift: clockDrift)
    }

    /// How long a leader may count on the promise of a voter, on its own clock, from before the promise was asked for.
    ///
    /// With clocks that are wrong by a share ρ, the promise of a fast voter lasts E ⁄ (1 + ρ), and the lease L of a slow leader L ⁄ (1 − ρ). The
    /// lease is over first if L = E · (1 − ρ) ⁄ (1 + ρ), because it also begins first.
    func lease(promised promise: Duration) -> Duration {
        promise == self.electionTimeout
            ? self.lease : Self.lease(promised: min(promise, self.electionTimeout), clockDrift: self.clockDrift)
    }

    private static func lease(promised promise: Duration, clockDrift: Double) -> Duration {
        let nanoseconds = Double(promise.clampedNanoseconds) * (1 - clockDrift) / (1 + clockDrift)
        // Rounded down, and a nanosecond less, so that the end of the one is before the end of the other also where nothing drifts.
        return .nanoseconds(max(0, Int64(nanoseconds) - 1))
    }
}
