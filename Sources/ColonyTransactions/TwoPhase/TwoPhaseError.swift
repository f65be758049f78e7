/// Why a two-phase commit, or a participant of it, did not do what it was asked for.
public struct TwoPhaseError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case aborted, inDoubt, unsupported, invalidRequest, refused, unavailable, cancelled, storageFailed, closed
        }
        private let wrapped: Wrapped

        /// Nothing was committed, nor will be. *Not done*; it may be done again from the start.
        public static let aborted = Self(wrapped: .aborted)
        /// The journal did not say whether it has the decision. *Unknown*; whoever sweeps orphans ends it, the same way everywhere.
        public static let inDoubt = Self(wrapped: .inDoubt)
        /// The store is not set up for two-phase commit. *Not done*; the message says what to set.
        public static let unsupported = Self(wrapped: .unsupported)
        /// The request itself is wrong. *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// The store has refused a statement, such as one that breaks a constraint. *Not done*.
        public static let refused = Self(wrapped: .refused)
        /// The store could not be reached or did not answer in time. *Unknown* whether it acted.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The calling task was cancelled. *Unknown* whether the store acted.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The store does not work as it should: disk full, no permission, wrong password. *Not done*; the message tells an operator more.
        public static let storageFailed = Self(wrapped: .storageFailed)
        /// The participant was closed. *Not done*.
        public static let closed = Self(wrapped: .closed)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// The error underneath, if there was one.
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
