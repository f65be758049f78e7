public import ColonyCore

/// What a ``Membership`` wants done.
public enum MembershipDirective: Hashable, Sendable {
    /// Send the packet. It may get lost.
    case send(MembershipPacket, to: MemberAddress, over: MembershipCarrier)
    /// Tell whoever listens.
    case tell(MembershipEvent)
}

/// How a packet travels.
public enum MembershipCarrier: Hashable, Sendable {
    /// Alone, and perhaps in vain.
    case datagram
    /// Over a connection, for what is large or what datagrams did not get through.
    case connection
}

/// What has happened to the members of a cluster.
public enum MembershipEvent: Hashable, Sendable {
    /// A member is there that was not known, or was gone.
    case joined(Member)
    /// A member has other metadata, or another address.
    case updated(Member)
    /// A member did not answer and is given time to contradict. Calls may still reach it.
    case suspected(Member)
    /// A member that was suspected has contradicted.
    case recovered(Member)
    /// A member is gone without a word.
    case failed(Member)
    /// A member has said good-bye.
    case left(Member)
    /// Another process uses the name of a member that is there. It is not let in while that one is.
    case conflict(NodeID, at: MemberAddress, with: MemberAddress)
    /// Another process uses the name of this member, and the cluster knows that one by it: this one is out, and asks to be let in until
    /// the other one is gone. Give one of the two another name.
    case displaced(by: MemberAddress)
    /// This member is in, or in again.
    case admitted
}
