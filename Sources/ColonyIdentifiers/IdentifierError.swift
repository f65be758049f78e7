/// Why an identifier could not be made, read, or reserved.
public struct IdentifierError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidLayout, invalidRequest, malformedID, unsafeNumber
            case tickExhausted, clockMovedBack, epochNotBegun, epochOver, workerLost, noWorkerFree, schemeMismatch
            case segmentsExhausted, unavailable, cancelled, storageFailed, closed
        }
        private let wrapped: Wrapped

        /// The layout cannot work: no bits for time, more than 63 bits, a tick of zero, an epoch in the future. *Not
        /// done*; mend the program or the configuration.
        public static let invalidLayout = Self(wrapped: .invalidLayout)
        /// The request itself is wrong, such as a worker out of range or a count of zero. *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// The text or number is no identifier of the kind that was asked for. The message quotes it.
        public static let malformedID = Self(wrapped: .malformedID)
        /// The identifier does not fit a number that JavaScript keeps exactly; use its string form.
        public static let unsafeNumber = Self(wrapped: .unsafeNumber)
        /// All numbers of the present tick are used. *Not done*; ask again after the next tick has begun.
        public static let tickExhausted = Self(wrapped: .tickExhausted)
        /// The wall clock stands further behind an identifier already issued than the policy tolerates. *Not done*; ask
        /// again when the clock has caught up, and let an operator look at the clock.
        public static let clockMovedBack = Self(wrapped: .clockMovedBack)
        /// The wall clock stands before the layout's epoch. *Not done*; the clock or the epoch is wrong.
        public static let epochNotBegun = Self(wrapped: .epochNotBegun)
        /// The layout has no tick left. *Not done*, and never again with this layout.
        public static let epochOver = Self(wrapped: .epochOver)
        /// The lease of the worker number may have passed to another, so nothing is issued. *Not done*; ask again once
        /// the number is leased anew.
        public static let workerLost = Self(wrapped: .workerLost)
        /// Every worker number of the namespace is held by another. *Not done*; try again later, or widen the layout.
        public static let noWorkerFree = Self(wrapped: .noWorkerFree)
        /// The namespace or tag was begun under another scheme, such as another layout or epoch. *Not done*; nodes that
        /// disagree would issue identifiers twice.
        public static let schemeMismatch = Self(wrapped: .schemeMismatch)
        /// The tag has used every number up to the largest of its type. *Not done*, and never again for this tag.
        public static let segmentsExhausted = Self(wrapped: .segmentsExhausted)
        /// The store could not be reached or did not answer in time. *Unknown* whether it acted; if it did, numbers are
        /// skipped, never repeated. Ask again.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The calling task was cancelled. *Unknown* whether the store acted; numbers may be skipped, never repeated.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The store refused to write or cannot be read: disk full, read-only, corrupt. *Not done*. The message names
        /// the place and what an operator can do.
        public static let storageFailed = Self(wrapped: .storageFailed)
        /// The generator or the store was shut down. *Not done*.
        public static let closed = Self(wrapped: .closed)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// How long until asking again can succeed, where that is known.
    public var retryAfter: Duration?
    /// The error of the library underneath, if there was one.
    public var cause: (any Error)?

    /// Makes an error.
    ///
    /// - Parameter message: A sentence with the values that matter and without secrets.
    public init(_ code: Code, _ message: String, retryAfter: Duration? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
        self.cause = cause
    }

    public var description: String {
        if let cause { "\(self.code): \(self.message) (\(cause))" } else { "\(self.code): \(self.message)" }
    }
}
