/// What a ``ClusterNode`` has done since it was made.
public struct ClusterStatistics: Hashable, Sendable {
    /// Datagrams that were sent, greetings included.
    public internal(set) var datagramsSent = 0
    /// Datagrams that came, those included that were ignored.
    public internal(set) var datagramsReceived = 0
    /// Bytes of the datagrams that were sent.
    public internal(set) var datagramBytesSent = 0
    /// Bytes of the datagrams that came.
    public internal(set) var datagramBytesReceived = 0
    /// Datagrams that the system did not take, such as when there is no way to their receiver.
    public internal(set) var datagramsFailed = 0
    /// Packets that went over a connection because they were too long for a datagram.
    public internal(set) var oversizedPackets = 0
    /// Packets that were dropped because it is not known yet to which address the name of their receiver leads, or because it is one of IPv6 and the node listens at one of IPv4.
    public internal(set) var unresolvedPackets = 0
    /// Connections to others that were begun.
    public internal(set) var connectionsOpened = 0
    /// Connections from others that were taken.
    public internal(set) var connectionsAccepted = 0
    /// Connections that were closed at once or not begun, because there were as many as there may be.
    public internal(set) var connectionsRefused = 0
    /// Connections that could not be made, broke, or whose time was up before they had done what they were for.
    public internal(set) var connectionsFailed = 0
    /// Packets of other members that were taken, over whatever.
    public internal(set) var packetsReceived = 0
    /// Pings that were answered over a connection and not over datagrams. If it grows, something lets no datagrams through.
    public internal(set) var answersOverConnectionsOnly = 0
    /// What was ignored, by kind; kinds of which there was nothing are left out.
    public internal(set) var refusals: [ClusterRefusal: Int] = [:]

    /// How much was ignored.
    public var refused: Int { self.refusals.values.reduce(0, +) }
}
