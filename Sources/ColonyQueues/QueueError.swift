/// Why a queue, an exchange, or a topic could not do what it was asked for.
///
/// That a queue is empty, that a name is free, or that a receipt is stale is no error but an answer.
public struct QueueError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidConfiguration, invalidRequest, tooLarge, unknownQueue, unknownExchange, conflict, unroutable
            case full, unavailable, cancelled, storageFailed, closed, undecodable, tooSlow
        }
        private let wrapped: Wrapped

        /// The settings cannot work, such as a capacity of zero. *Not done*; mend the program or the configuration.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)
        /// The request itself is wrong, such as a priority of 10. *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// A body or the headers of a message are larger than is taken. *Not done*; do not repeat it.
        public static let tooLarge = Self(wrapped: .tooLarge)
        /// There is no queue of that name. *Not done*; declare it first.
        public static let unknownQueue = Self(wrapped: .unknownQueue)
        /// There is no exchange of that name. *Not done*; declare it first.
        public static let unknownExchange = Self(wrapped: .unknownExchange)
        /// What is to be declared exists already, with other settings. *Not done*; the present ones stay.
        public static let conflict = Self(wrapped: .conflict)
        /// An exchange has no queue for the message, and no other exchange to turn to. *Not done*; nothing was stored.
        public static let unroutable = Self(wrapped: .unroutable)
        /// The queue has no room, and none came within the deadline. *Not done*; publish again later.
        public static let full = Self(wrapped: .full)
        /// The store could not be reached or did not answer in time. *Unknown* whether it acted; a message with a deduplication
        /// identifier can be published again without being there twice.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The calling task was cancelled. *Unknown* whether the store acted, unless the member says otherwise.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The store refused to write or cannot be read: disk full, read-only, corrupt. *Not done*. The message names the
        /// place and what an operator can do.
        public static let storageFailed = Self(wrapped: .storageFailed)
        /// The queue or the store was shut down. *Not done*.
        public static let closed = Self(wrapped: .closed)
        /// A body is not what the type of the queue says. The message is where it was.
        public static let undecodable = Self(wrapped: .undecodable)
        /// A subscriber did not keep up, and has asked to be disconnected then. *Nothing is lost* yet: subscribe again after the last
        /// offset, while the log keeps what came since.
        public static let tooSlow = Self(wrapped: .tooSlow)

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
