/// Why a cluster could not be set up, joined, or understood.
public struct ClusterError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidConfiguration, malformed, unsupportedVersion, overloaded, unavailable
            case notLeader, changePending, noMajority, foreignRecord, damagedRecord
        }
        private let wrapped: Wrapped

        /// A setting cannot work. *Not done*; mend the configuration.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)
        /// Bytes from elsewhere are no packet of this protocol. *Not done*; drop them, and count it.
        public static let malformed = Self(wrapped: .malformed)
        /// A packet has a version that this program does not know. *Not done*; drop it, and update the older one of the two.
        public static let unsupportedVersion = Self(wrapped: .unsupportedVersion)
        /// As many are known as can be. *Not done*; try it again when some are gone.
        public static let overloaded = Self(wrapped: .overloaded)
        /// Another node leads, or nobody does. *Not done*; ask the one that does.
        public static let notLeader = Self(wrapped: .notLeader)
        /// The change before is not known to a majority yet. *Not done*; try it again soon.
        public static let changePending = Self(wrapped: .changePending)
        /// Too few of those whose votes would be needed answer at present. *Not done*; mend them first.
        public static let noMajority = Self(wrapped: .noMajority)
        /// What is written down is that of another node or another cluster. *Not done*; start the node with a directory of its own.
        public static let foreignRecord = Self(wrapped: .foreignRecord)
        /// What was written down cannot be read. *Not done*; the node must not vote again under its name. Remove it from the set, and add one
        /// with another name.
        public static let damagedRecord = Self(wrapped: .damagedRecord)
        /// The network or a server does not do what is needed, such as give an address that somebody else has. *Not done*; try it again.
        public static let unavailable = Self(wrapped: .unavailable)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(self.code): \(self.message)" }
}
