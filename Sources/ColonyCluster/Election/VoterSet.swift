public import ColonyCore

/// Who votes, and who looks on.
public struct VoterSet: Hashable, Sendable, CustomStringConvertible {
    /// How many members there can be. Each is sent a heartbeat in each round, and more than seven voters help nobody.
    public static let maximumCount = 64

    /// All members, by name.
    public let members: [VotingMember]
    /// How many of them vote.
    public let voterCount: Int

    /// A set of nobody: what a node knows that has yet to be told of the set.
    static let nobody = VoterSet(sorted: [])

    private init(sorted members: [VotingMember]) {
        self.members = members
        self.voterCount = members.count { $0.role == .voter }
    }

    /// Makes a set.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if two members have one name, if nobody votes, so that no majority is
    ///   possible, or if there are more than ``maximumCount``. An even number of voters is no error: see ``warnings``.
    public init(_ members: some Sequence<VotingMember>) throws(ClusterError) {
        let sorted = members.sorted { $0.id < $1.id }
        guard sorted.count <= Self.maximumCount else {
            throw ClusterError(
                .invalidConfiguration, "a set of \(sorted.count) members is too large: \(Self.maximumCount) at the most"
            )
        }
        for (first, second) in zip(sorted, sorted.dropFirst()) where first.id == second.id {
            throw ClusterError(
                .invalidConfiguration,
                "two members have the name \(NameRules.quoted(first.id.rawValue)); each vote must be that of one node")
        }
        guard sorted.contains(where: { $0.role == .voter }) else {
            throw ClusterError(
                .invalidConfiguration,
                "a set without a voter has no majority, so nobody could ever lead: \(sorted.count) members, all observers"
            )
        }
        self.init(sorted: sorted)
    }

    /// Makes a set of voters of one priority.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, as the other initialiser.
    public init(voters: some Sequence<NodeID>) throws(ClusterError) {
        try self.init(voters.map { VotingMember($0) })
    }

    /// How many votes elect: more than half.
    public var majority: Int { self.voterCount / 2 + 1 }

    /// What is possible and not wise.
    public var warnings: [VoterSetWarning] {
        if self.voterCount == 1 { return [.singleVoter] }
        return self.voterCount > 1 && self.voterCount.isMultiple(of: 2) ? [.evenCount(self.voterCount)] : []
    }

    /// The member of a name; `nil` if there is none.
    ///
    /// - Complexity: O(*n*).
    public subscript(id: NodeID) -> VotingMember? { self.members.first { $0.id == id } }

    /// The names of those who vote.
    public var voters: [NodeID] { self.members.filter { $0.role == .voter }.map(\.id) }

    /// Whether those voters that fulfil a condition are a majority.
    func isMajority(_ condition: (NodeID) -> Bool) -> Bool {
        self.members.count { $0.role == .voter && condition($0.id) } >= self.majority
    }

    /// Whether each majority of this set has a member in common with each majority of the other one.
    public func overlaps(_ other: VoterSet) -> Bool {
        let mine = Set(self.voters)
        let common = other.members.count { $0.role == .voter && mine.contains($0.id) }
        // As many of each majority as possible are taken from those that are in one set only.
        let needed = max(0, self.majority - (self.voterCount - common))
        let otherNeeded = max(0, other.majority - (other.voterCount - common))
        return needed + otherNeeded > common
    }

    /// The set after a change.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if a node is added that is a member, or another one changed or removed
    ///   that is none, or if the new set is not possible.
    public func applying(_ change: VoterChange) throws(ClusterError) -> VoterSet {
        var members = self.members
        switch change {
        case .add(let member):
            guard self[member.id] == nil else {
                throw ClusterError(
                    .invalidConfiguration,
                    "\(NameRules.quoted(member.id.rawValue)) is a member already, so it cannot be added")
            }
            members.append(member)
        case .update(let member):
            guard let index = members.firstIndex(where: { $0.id == member.id }) else { throw Self.noMember(member.id) }
            members[index] = member
        case .remove(let id):
            guard let index = members.firstIndex(where: { $0.id == id }) else { throw Self.noMember(id) }
            members.remove(at: index)
        }
        return try VoterSet(members)
    }

    private static func noMember(_ id: NodeID) -> ClusterError {
        ClusterError(.invalidConfiguration, "\(NameRules.quoted(id.rawValue)) is no member, so it cannot be changed")
    }

    public var description: String { "[\(self.members.map(\.description).joined(separator: ", "))]" }
}

/// What is possible in a ``VoterSet`` and not wise.
public enum VoterSetWarning: Hashable, Sendable, CustomStringConvertible {
    /// An even number of voters: one fewer would survive as many failures, and has one node fewer that can fail.
    case evenCount(Int)
    /// One voter: nobody leads while it is away.
    case singleVoter

    public var description: String {
        switch self {
        case .evenCount(let count):
            "\(count) voters survive \(count / 2 - 1) failures, as \(count - 1) do: an odd number is better"
        case .singleVoter: "one voter survives no failure: nobody leads while it is away"
        }
    }
}
