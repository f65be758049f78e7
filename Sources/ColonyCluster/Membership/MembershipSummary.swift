import ColonyCore

/// What a member knows, summed up: who is there in which incarnation, and whether it knows what that one says of itself. Equal for members that
/// know the same.
///
/// Whether somebody is suspected is not in it: that differs from place to place and from moment to moment, and decides itself.
///
/// Members fall into parts by their names, and each part is a sum of hashes, so that one that comes or goes changes one number. The sum of the
/// parts goes with every answer to a ping, and costs eight bytes. Where it differs, the parts tell which ones do, so that two members that
/// differ in one claim out of a thousand exchange some thirty of them, and not all.
public struct MembershipSummary: Hashable, Sendable {
    /// How many parts there are.
    public static let partCount = 32

    /// The sum of each part.
    public private(set) var parts: [UInt64]

    /// Sums up nobody.
    public init() {
        self.parts = Array(repeating: 0, count: Self.partCount)
    }

    /// Reads what another member has sent.
    ///
    /// - Precondition: As many as ``partCount``.
    public init(parts: [UInt64]) {
        precondition(parts.count == Self.partCount, "a summary has \(Self.partCount) parts, and not \(parts.count)")
        self.parts = parts
    }

    /// The sum of all parts.
    public var total: UInt64 { self.parts.reduce(0, &+) }

    /// - Parameter isComplete: Whether its metadata is known, too. A claim may come without, and what comes with it may get lost.
    mutating func add(_ claim: MembershipClaim, isComplete: Bool = true) {
        self.parts[Self.part(of: claim.id)] &+= claim.fingerprint &+ (isComplete ? 0 : 1)
    }

    mutating func remove(_ claim: MembershipClaim, isComplete: Bool = true) {
        self.parts[Self.part(of: claim.id)] &-= claim.fingerprint &+ (isComplete ? 0 : 1)
    }

    /// Whether what is known of a member may be other than what is summed up elsewhere.
    func differs(from other: Self, about id: NodeID) -> Bool {
        let part = Self.part(of: id)
        return self.parts[part] != other.parts[part]
    }

    private static func part(of id: NodeID) -> Int { Int(self.point(of: id) % UInt64(self.partCount)) }

    /// Where a name is among all numbers.
    static func point(of id: NodeID) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in id.rawValue.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return self.mixed(hash)
    }

    /// The finaliser of SplitMix64: numbers that differ in a few bits differ in many after it.
    fileprivate static func mixed(_ number: UInt64) -> UInt64 {
        var mixed = number &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension MembershipClaim {
    /// A number that stands for who is there in which incarnation; sums of such numbers tell whether two members know the same.
    var fingerprint: UInt64 {
        MembershipSummary.mixed(
            MembershipSummary.point(of: self.id)
                ^ MembershipSummary.mixed(self.instance &+ MembershipSummary.mixed(self.incarnation)))
    }
}
