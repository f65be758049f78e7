/// What an ``ElectionNode`` has done since it was made.
public struct ElectionStatistics: Hashable, Sendable {
    /// Packets that were given to a connection.
    public internal(set) var packetsSent = 0
    /// Packets that were dropped because their receiver could not be reached, or did not take what came before.
    public internal(set) var packetsDropped = 0
    /// Packets that came, and were understood.
    public internal(set) var packetsReceived = 0
    /// Connections to others that were opened, greetings included.
    public internal(set) var connectionsOpened = 0
    /// Connections to others that could not be made, or that were not answered with a greeting.
    public internal(set) var connectionsFailed = 0
    /// Connections from others that were taken.
    public internal(set) var connectionsAccepted = 0
    /// Connections from others that were closed because there were as many as there may be, or because nobody greeted in time.
    public internal(set) var connectionsRefused = 0
    /// What was ignored, by kind; kinds of which there was nothing are left out.
    public internal(set) var refusals: [ClusterRefusal: Int] = [:]

    /// How much was ignored.
    public var refused: Int { self.refusals.values.reduce(0, +) }
}
