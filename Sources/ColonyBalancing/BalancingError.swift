/// Why a balancer cannot be made, changed, or asked for an endpoint.
///
/// Nothing is ever half done: after a failed change the balancer is as it was.
public struct BalancingError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case noEndpoints, noneAvailable, duplicateEndpoint, unknownEndpoint, tooManyEndpoints
            case invalidName, invalidAddress, invalidWeight, invalidPriority, invalidConfiguration
        }
        private let wrapped: Wrapped

        /// The balancer has no endpoints at all. *Not done*: nothing was picked. Give it some, or wait for discovery.
        public static let noEndpoints = Self(wrapped: .noEndpoints)
        /// There are endpoints, but none that may be picked: all are out of health, ejected, drained, or to be avoided. *Not done*.
        public static let noneAvailable = Self(wrapped: .noneAvailable)
        /// Two endpoints have the same name. Mend the list; an endpoint that counts more has a greater weight.
        public static let duplicateEndpoint = Self(wrapped: .duplicateEndpoint)
        /// No endpoint of that name is in the balancer.
        public static let unknownEndpoint = Self(wrapped: .unknownEndpoint)
        /// There are more endpoints than a balancer takes. The message has the limit; a subset is the way to use more.
        public static let tooManyEndpoints = Self(wrapped: .tooManyEndpoints)
        /// A name cannot be one. The message quotes it.
        public static let invalidName = Self(wrapped: .invalidName)
        /// An address has none of the forms that are read. The message quotes it.
        public static let invalidAddress = Self(wrapped: .invalidAddress)
        /// A weight is outside its range. The message quotes it.
        public static let invalidWeight = Self(wrapped: .invalidWeight)
        /// A priority is outside its range. The message quotes it.
        public static let invalidPriority = Self(wrapped: .invalidPriority)
        /// Settings that cannot work, such as a rise of zero. The message quotes the value.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is wrong, and what to do next.
    public var code: Code
    /// A sentence for people that quotes the value.
    public var message: String
    /// The error underneath.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameter message: A sentence that quotes the value.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String {
        if let cause { "\(self.code): \(self.message) (\(cause))" } else { "\(self.code): \(self.message)" }
    }
}
