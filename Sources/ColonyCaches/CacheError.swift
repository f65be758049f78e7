/// Why a cache could not be made, or could not do what it was asked for.
public struct CacheError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidConfiguration, invalidRequest, valueTooLarge, wrongType, loadTimedOut, loadReentered
            case overloaded, unavailable, cancelled, refused, closed, undecodable
        }
        private let wrapped: Wrapped

        /// The settings cannot work, such as a capacity of zero or a negative time to live. *Not done*; mend the program
        /// or the configuration.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)
        /// The request itself is wrong, such as a key that is too long. *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// The value is larger than the store takes. *Not done*; what was stored under the key is as it was.
        public static let valueTooLarge = Self(wrapped: .valueTooLarge)
        /// The key holds something of another type, put there by another program. *Not done*.
        public static let wrongType = Self(wrapped: .wrongType)
        /// The loader did not answer within the hard time-out. It may still be running; its value is stored if it comes.
        public static let loadTimedOut = Self(wrapped: .loadTimedOut)
        /// A loader asked for the very key that it is loading, which would wait for ever. *Not done*.
        public static let loadReentered = Self(wrapped: .loadReentered)
        /// A bounded queue is full, such as that of write-behind. *Not done*; ask again later.
        public static let overloaded = Self(wrapped: .overloaded)
        /// The store could not be reached or did not answer in time. *Unknown* whether it acted.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The calling task was cancelled. *Unknown* whether the store acted.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The store answered and refused, such as for lack of memory or of permission. *Not done*.
        public static let refused = Self(wrapped: .refused)
        /// The cache or the store was shut down. *Not done*.
        public static let closed = Self(wrapped: .closed)
        /// Stored bytes are not what they should be: damaged, or written by another program or version. *Not done*.
        public static let undecodable = Self(wrapped: .undecodable)

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
