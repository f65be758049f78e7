import ColonyCore

/// A ``VoterSet`` with what orders it among all others that the cluster has ever had.
///
/// There is no log that would order changes of the set. Instead each set has a number that its predecessor's leader has given it, and the
/// term of the leader under which it holds: the later term is the newer one, and within a term the greater number. A leader takes over the set
/// that it was elected with under its own term, so whatever a former leader may still be about to spread is older.
///
/// - SeeAlso: W. Schultz, I. Dardik, S. Tripakis, *Design and Analysis of a Logless Dynamic Reconfiguration Protocol*, OPODIS 2021.
public struct VoterConfiguration: Hashable, Sendable {
    /// What orders configurations.
    public struct Stamp: Hashable, Comparable, Sendable, CustomStringConvertible {
        /// The term of the leader under which it holds; 0 for that with which a cluster is founded.
        public let term: UInt64
        /// One more with each change.
        public let version: UInt64
        /// A number that two different sets do not share, but for one case in 2⁶⁴.
        public let fingerprint: UInt64

        /// Makes a stamp.
        public init(term: UInt64, version: UInt64, fingerprint: UInt64) {
            self.term = term
            self.version = version
            self.fingerprint = fingerprint
        }

        public static func < (first: Self, second: Self) -> Bool {
            first.term == second.term ? first.version < second.version : first.term < second.term
        }

        /// Whether it has the place of another one, for a different set: the cluster was founded in two ways.
        public func contradicts(_ other: Stamp) -> Bool {
            self.term == other.term && self.version == other.version && self.fingerprint != other.fingerprint
        }

        public var description: String { "\(self.term).\(self.version)" }
    }

    /// What orders it.
    public let stamp: Stamp
    /// Who votes.
    public let set: VoterSet

    /// Makes a configuration.
    ///
    /// - Complexity: O(*n*) in the number of members.
    public init(term: UInt64, version: UInt64, set: VoterSet) {
        self.stamp = Stamp(term: term, version: version, fingerprint: set.fingerprint)
        self.set = set
    }

    /// What a node knows that has yet to be told.
    static let unknown = VoterConfiguration(term: 0, version: 0, set: .nobody)

    /// The same set under another leader.
    func under(term: UInt64) -> VoterConfiguration {
        VoterConfiguration(term: term, version: self.stamp.version, set: self.set)
    }

    /// The set that follows under a leader.
    func followed(by set: VoterSet, term: UInt64) -> VoterConfiguration {
        VoterConfiguration(term: term, version: self.stamp.version + 1, set: set)
    }
}

extension VoterSet {
    /// FNV-1a over the members.
    fileprivate var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        for member in self.members {
            for byte in member.id.rawValue.utf8 { add(byte) }
            // No byte of a name, so that two names are not another one.
            add(0xFF)
            add(member.role.rawValue)
            add(member.priority)
        }
        return hash
    }
}
