public import ColonyCore

/// What members send each other: one message, and claims that ride along.
public struct MembershipPacket: Hashable, Sendable {
    /// Who sends it.
    public var sender: NodeID
    /// What it is sent for.
    public var message: MembershipMessage
    /// What the sender has heard lately.
    public var claims: [MembershipClaim]

    /// Makes a packet.
    public init(sender: NodeID, message: MembershipMessage, claims: [MembershipClaim] = []) {
        self.sender = sender
        self.message = message
        self.claims = claims
    }
}

/// What a packet is sent for.
public enum MembershipMessage: Hashable, Sendable {
    /// Are you there? `target` is whom the sender means: a process that has its address now must not answer for it.
    case ping(sequence: UInt32, target: NodeID)
    /// I am, or the one that you asked me to ping is. `digest` sums up whom the answering one knows.
    case ack(sequence: UInt32, digest: UInt64)
    /// The one that you asked me to ping has not answered me, but I am there.
    case nack(sequence: UInt32)
    /// Ping `target` for me.
    case pingRequest(sequence: UInt32, target: NodeID, address: MemberAddress)
    /// Nothing but claims.
    case gossip
    /// The sender knows so much; the receiver answers with ``push(_:)``. Goes over a connection, as the answers do.
    case pull(MembershipSummary)
    /// The answer to ``pull(_:)``: the receiver knows so much, and what differs in it is in the claims.
    case push(MembershipSummary)
    /// The answer to ``push(_:)``, if one is needed: what was lacking there is in the claims.
    case fill
}
