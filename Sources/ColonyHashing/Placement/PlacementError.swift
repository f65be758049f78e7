/// Why a placement could not be made, changed, or asked for so many nodes.
///
/// Nothing is ever half done: a placement is a value, and a failed change leaves the old value as it was.
public struct PlacementError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case noNodes, tooManyNodes, duplicateNode, unknownNode, invalidName, invalidWeight, invalidPoints
            case invalidTableSize, invalidReplicas, invalidLoadFactor
        }
        private let wrapped: Wrapped

        /// No node was given, or the last one would go. A placement always has a node, so that look-ups cannot fail; a
        /// program whose set of nodes may be empty keeps an optional placement.
        public static let noNodes = Self(wrapped: .noNodes)
        /// There are more nodes than the placement can number. The message has the limit.
        public static let tooManyNodes = Self(wrapped: .tooManyNodes)
        /// Two members have the same node or the same name. Mend the list; a node that counts more has a greater weight.
        public static let duplicateNode = Self(wrapped: .duplicateNode)
        /// The node that should be removed or reweighted is not in the placement.
        public static let unknownNode = Self(wrapped: .unknownNode)
        /// A name that places the node is empty or otherwise unfit. The message quotes it.
        public static let invalidName = Self(wrapped: .invalidName)
        /// A weight is zero, negative, not finite, or outside the range that the message gives.
        public static let invalidWeight = Self(wrapped: .invalidWeight)
        /// The number of points, per unit of weight or in all, is outside the range that the message gives.
        public static let invalidPoints = Self(wrapped: .invalidPoints)
        /// The size of a table is not a prime, smaller than the number of nodes, or too large.
        public static let invalidTableSize = Self(wrapped: .invalidTableSize)
        /// Fewer than one or more replicas were asked for than there are nodes to hold them.
        public static let invalidReplicas = Self(wrapped: .invalidReplicas)
        /// The factor of bounded loads is not greater than one, not finite, or too large.
        public static let invalidLoadFactor = Self(wrapped: .invalidLoadFactor)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is wrong, and what to do next.
    public var code: Code
    /// A sentence for people that quotes the value.
    public var message: String

    /// Makes an error.
    ///
    /// - Parameter message: A sentence that quotes the value.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(self.code): \(self.message)" }
}
