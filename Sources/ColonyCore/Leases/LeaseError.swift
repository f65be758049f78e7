/// Why an engine could not answer.
///
/// That somebody else holds the lease is no error but an answer; see ``Acquisition``.
public struct LeaseError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String { case unavailable, cancelled, invalidRequest, storageFailed, closed, unsupported }
        private let wrapped: Wrapped

        /// The engine could not be reached or did not answer in time. *Unknown* whether it acted. Ask again with the
        /// same owner, which is safe, or release by owner.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The calling task was cancelled. *Unknown* whether the engine acted, unless the member says otherwise.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The request itself is wrong, such as a duration of zero. *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// The store refused to write or cannot be read: disk full, read-only, corrupt, not a Colony store. *Not
        /// done*. The message names the place and what an operator can do.
        public static let storageFailed = Self(wrapped: .storageFailed)
        /// The engine was shut down. *Not done*.
        public static let closed = Self(wrapped: .closed)
        /// The store behind the engine has not got this power, such as a daemon over a store that keeps no records. *Not
        /// done*; do not repeat it.
        public static let unsupported = Self(wrapped: .unsupported)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// The error of the library underneath, if there was one.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameter message: A sentence with the values that matter and without secrets.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String {
        if let cause { "\(self.code): \(self.message) (\(cause))" } else { "\(self.code): \(self.message)" }
    }
}
