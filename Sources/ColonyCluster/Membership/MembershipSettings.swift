import ColonyCore

/// How patient and how talkative members are.
///
/// All members of a cluster should have the same settings; nothing breaks if they differ for a while.
public struct MembershipSettings: Hashable, Sendable {
    /// How often a member pings another one.
    public let period: Duration
    /// How long it waits for the answer before it asks others to ping.
    public let pingTimeout: Duration
    /// How many others it asks.
    public let indirectPings: Int
    /// How often what is new is told beside pings.
    public let gossipInterval: Duration
    /// How many members are told at a time.
    public let gossipFanOut: Int
    /// λ: a claim is told λ·(1 + log₁₀(*n* + 1)) times by each member.
    public let retransmission: Int
    /// α: a suspect has at least α·(1 + log₁₀(*n*)) periods to contradict.
    public let suspicionFactor: Int
    /// β: and at most β times as long, while nobody confirms.
    public let suspicionSpread: Int
    /// The greatest factor by which a member that is not well itself stretches its time-outs, less one.
    public let healthLimit: Int
    /// How often, at the most, a member compares all that it knows with another one.
    public let exchangeInterval: Duration
    /// How long it is remembered who is gone, so that old claims do not bring it back.
    public let memory: Duration
    /// The most bytes of a datagram's contents; sealing adds 58.
    public let packetBytes: Int

    /// Makes settings from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - period: From 10 milliseconds to a minute. One second finds a dead member of a hundred in about ten.
    ///   - pingTimeout: Greater than zero and less than the period. Half of it leaves as much for the indirect pings.
    ///   - indirectPings: From 0 to 16.
    ///   - gossipInterval: From 10 milliseconds to a minute.
    ///   - gossipFanOut: From 1 to 16.
    ///   - retransmission: From 1 to 16.
    ///   - suspicionFactor: From 1 to 32.
    ///   - suspicionSpread: From 1 to 32.
    ///   - healthLimit: From 0 to 32.
    ///   - exchangeInterval: From 100 milliseconds to an hour.
    ///   - memory: From a minute to 30 days.
    ///   - packetBytes: From 1,024 to 8,192. 1,300 fit into one Ethernet frame with the seal, also through a tunnel.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        period: Duration = .seconds(1), pingTimeout: Duration = .milliseconds(500), indirectPings: Int = 3,
        gossipInterval: Duration = .milliseconds(200), gossipFanOut: Int = 3, retransmission: Int = 4,
        suspicionFactor: Int = 2, suspicionSpread: Int = 6, healthLimit: Int = 8,
        exchangeInterval: Duration = .seconds(15), memory: Duration = .seconds(86_400), packetBytes: Int = 1_300
    ) throws(ClusterError) {
        let second = Duration.seconds(1)
        let millisecond = Duration.milliseconds(1)
        var defects = [
            SettingRange.defect(of: period, in: millisecond * 10...second * 60, as: "the period of pings"),
            SettingRange.defect(
                of: gossipInterval, in: millisecond * 10...second * 60, as: "the interval of gossip"),
            SettingRange.defect(
                of: exchangeInterval, in: millisecond * 100...second * 3_600, as: "the interval of exchanges"),
            SettingRange.defect(
                of: memory, in: second * 60...second * 2_592_000, as: "the time for which the gone are remembered"),
        ]
        defects += [
            SettingRange.defect(of: indirectPings, in: 0...16, as: "the number of indirect pings"),
            SettingRange.defect(of: gossipFanOut, in: 1...16, as: "the fan-out of gossip"),
            SettingRange.defect(of: retransmission, in: 1...16, as: "the factor of retransmission"),
            SettingRange.defect(of: suspicionFactor, in: 1...32, as: "the factor of suspicion"),
            SettingRange.defect(of: suspicionSpread, in: 1...32, as: "the spread of suspicion"),
            SettingRange.defect(of: healthLimit, in: 0...32, as: "the limit of the health factor"),
            SettingRange.defect(of: packetBytes, in: 1_024...8_192, as: "the size of a datagram"),
        ]
        if let defect = defects.lazy.compactMap(\.self).first {
            throw ClusterError(.invalidConfiguration, defect)
        }
        guard pingTimeout > .zero, pingTimeout < period else {
            throw ClusterError(
                .invalidConfiguration,
                "\(pingTimeout) is not possible as the time-out of a ping: it must be greater than zero and less than the period of \(period)"
            )
        }
        self.period = period
        self.pingTimeout = pingTimeout
        self.indirectPings = indirectPings
        self.gossipInterval = gossipInterval
        self.gossipFanOut = gossipFanOut
        self.retransmission = retransmission
        self.suspicionFactor = suspicionFactor
        self.suspicionSpread = suspicionSpread
        self.healthLimit = healthLimit
        self.exchangeInterval = exchangeInterval
        self.memory = memory
        self.packetBytes = packetBytes
    }
}
