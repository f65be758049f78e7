public import ColonyCore

/// What somebody says about a member.
///
/// **Merging.** Of two claims about a member the greater one holds, by ``precedence``: the later incarnation, then the worse state. The greatest of
/// a set does not depend on the order in which it is looked through, so members that have heard the same claims, in whatever order and however
/// often, agree. A member that is slandered raises its incarnation, and its word is then the greater one.
///
/// - SeeAlso: A. Das, I. Gupta, A. Motivala, *SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol*, DSN 2002, section 4.2.
///   There a confirmed failure beats every incarnation, so that who was declared failed can never come back under its name; here it can.
public struct MembershipClaim: Hashable, Sendable {
    /// About whom.
    public var id: NodeID
    /// Where it can be reached.
    public var address: MemberAddress
    /// About which start of its process.
    public var instance: UInt64
    /// About which incarnation.
    public var incarnation: UInt64
    /// What is claimed.
    public var state: MemberState
    /// Who suspects it, so that independent suspicions can be counted; `nil` in other claims.
    public var accuser: NodeID?
    /// What the member says of itself in this incarnation; `nil` where the claim leaves it out.
    public var metadata: [UInt8]?

    /// Makes a claim.
    public init(
        id: NodeID, address: MemberAddress, instance: UInt64, incarnation: UInt64, state: MemberState,
        accuser: NodeID? = nil, metadata: [UInt8]? = nil
    ) {
        self.id = id
        self.address = address
        self.instance = instance
        self.incarnation = incarnation
        self.state = state
        self.accuser = accuser
        self.metadata = metadata
    }

    /// By what claims about one member are ordered.
    var precedence: (UInt64, UInt8, UInt64) { (self.incarnation, self.state.rawValue, self.instance) }

    /// Whether it holds against another claim about the same member.
    func overrides(_ other: MembershipClaim) -> Bool { self.precedence > other.precedence }
}
