public import ColonyCluster
import ColonyCore
import ColonyResilience

/// How much a ``ClusterNode`` takes from others before it lets them wait or drops what they send.
public struct ClusterLimits: Hashable, Sendable {
    /// How many datagrams and connections are taken from one address in a second.
    public let packetsPerSecond: Int
    /// How many at once after a rest.
    public let packetBurst: Int
    /// How many connections from others are open at a time.
    public let connections: Int
    /// How many of them are from one address.
    public let connectionsPerAddress: Int
    /// How many connections to others are open at a time.
    public let outgoingConnections: Int
    /// How many bytes one packet over a connection has at the most. A member takes some hundred of them in an exchange of everything.
    public let exchangeBytes: Int
    /// How long a connection is open at the most, from its beginning to its end, whatever goes over it.
    public let connectionTimeout: Duration

    /// What serves a thousand members.
    public static let standard = ClusterLimits()

    private init() {
        self.packetsPerSecond = 1_000
        self.packetBurst = 2_000
        self.connections = 128
        self.connectionsPerAddress = 32
        self.outgoingConnections = 64
        self.exchangeBytes = 8 << 20
        self.connectionTimeout = .seconds(10)
    }

    /// Makes limits from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - packetsPerSecond: From 1 to 1,000,000. A member of a thousand sends some ten in a second to all others together; more where several share an address.
    ///   - packetBurst: From 1 to 1,000,000.
    ///   - connections: From 1 to 10,000.
    ///   - connectionsPerAddress: From 1 to 10,000.
    ///   - outgoingConnections: From 1 to 10,000.
    ///   - exchangeBytes: From 64 KiB to 256 MiB.
    ///   - connectionTimeout: From 100 milliseconds to 10 minutes.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        packetsPerSecond: Int = 1_000, packetBurst: Int = 2_000, connections: Int = 128,
        connectionsPerAddress: Int = 32, outgoingConnections: Int = 64, exchangeBytes: Int = 8 << 20,
        connectionTimeout: Duration = .seconds(10)
    ) throws(ClusterError) {
        let defects = [
            SettingRange.defect(of: packetsPerSecond, in: 1...1_000_000, as: "the number of packets in a second"),
            SettingRange.defect(of: packetBurst, in: 1...1_000_000, as: "the number of packets at once"),
            SettingRange.defect(of: connections, in: 1...10_000, as: "the number of connections"),
            SettingRange.defect(
                of: connectionsPerAddress, in: 1...10_000, as: "the number of connections of an address"),
            SettingRange.defect(of: outgoingConnections, in: 1...10_000, as: "the number of connections to others"),
            SettingRange.defect(of: exchangeBytes, in: 65_536...256 << 20, as: "the size of an exchange"),
            SettingRange.defect(
                of: connectionTimeout, in: .milliseconds(100) ... .seconds(600), as: "the time of a connection"),
        ]
        if let defect = defects.lazy.compactMap(\.self).first { throw ClusterError(.invalidConfiguration, defect) }
        self.packetsPerSecond = packetsPerSecond
        self.packetBurst = packetBurst
        self.connections = connections
        self.connectionsPerAddress = connectionsPerAddress
        self.outgoingConnections = outgoingConnections
        self.exchangeBytes = exchangeBytes
        self.connectionTimeout = connectionTimeout
    }

    /// How many addresses have a limit of their own at a time.
    private static let addresses = 8_192

    /// Counts what comes from each address.
    func limiter(_ clock: any MonotonicClock) -> KeyedRateLimiter<String> {
        do {
            let rule = try RateLimitRule(self.packetsPerSecond, per: .seconds(1), burst: self.packetBurst)
            return try KeyedRateLimiter(rule, capacity: Self.addresses, name: "cluster", clock: clock)
        } catch {
            preconditionFailure("limits that were checked are refused: \(error)")
        }
    }
}
