public import ColonyCore

/// A member of a cluster, as one of the others sees it.
public struct Member: Hashable, Sendable {
    /// What it is called, also after a restart.
    public let id: NodeID
    /// Where it can be reached.
    public let address: MemberAddress
    /// Whether it is there.
    public let state: MemberState
    /// How often it has spoken for itself: only the member raises it, to contradict what others say or to change its metadata.
    public let incarnation: UInt64
    /// Which start of the process it is: a number drawn at each one, so that two processes of one name are told apart.
    public let instance: UInt64
    /// What it says of itself, such as its zone or its roles; at most ``MembershipLimits/metadataBytes``.
    public let metadata: [UInt8]

    /// Makes a member.
    public init(
        id: NodeID, address: MemberAddress, state: MemberState, incarnation: UInt64, instance: UInt64,
        metadata: [UInt8] = []
    ) {
        self.id = id
        self.address = address
        self.state = state
        self.incarnation = incarnation
        self.instance = instance
        self.metadata = metadata
    }
}

/// Whether a member is there.
public enum MemberState: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    /// It answers. Next: suspected, failed, left.
    case alive = 0
    /// It did not answer somebody, and has some time to contradict. Next: alive, failed, left.
    case suspected = 1
    /// It did not contradict in time. Next: alive, if it comes back.
    case failed = 2
    /// It has said good-bye. Next: alive, if it comes back.
    case left = 3

    /// Whether calls should be sent to it: a suspect is there until it is known that it is not.
    public var isPresent: Bool { self < .failed }

    public static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
}

/// What no packet may exceed.
public enum MembershipLimits {
    /// The most bytes of metadata.
    public static let metadataBytes = 512
    /// The most members that one knows, gone ones included.
    public static let members = 100_000
    /// The most pings that one makes for others at a time; more are left to whoever else was asked.
    public static let relays = 256
    /// The most suspects that one means to look after for others; more are left to whoever else heard of them.
    static let doubts = 16
}
