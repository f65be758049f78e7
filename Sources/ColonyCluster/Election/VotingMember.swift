public import ColonyCore

/// A node that takes part in an election by votes, or looks on.
public struct VotingMember: Hashable, Sendable, CustomStringConvertible {
    /// What a node may do.
    public enum Role: UInt8, Hashable, Sendable {
        /// It votes, and can be elected.
        case voter = 1
        /// It is told who leads, and neither votes nor can be elected.
        case observer = 2
    }

    /// What the node is called.
    public let id: NodeID
    /// What it may do.
    public let role: Role
    /// Who leads if several can: a leader hands over to a voter of a greater number that has been well for a while.
    public let priority: UInt8

    /// Makes a member.
    ///
    /// - Parameter priority: The same for all, unless one should lead whenever it can.
    public init(_ id: NodeID, role: Role = .voter, priority: UInt8 = 0) {
        self.id = id
        self.role = role
        self.priority = priority
    }

    public var description: String {
        "\(self.id)\(self.role == .observer ? " (observer)" : self.priority > 0 ? " (priority \(self.priority))" : "")"
    }
}

/// One change of a set of voters. More than one at a time could leave two majorities without a common member.
public enum VoterChange: Hashable, Sendable {
    /// A node joins. A voter should join as an observer, and be changed into a voter when it answers.
    case add(VotingMember)
    /// A member has another role or priority from now on.
    case update(VotingMember)
    /// A member leaves.
    case remove(NodeID)
}
