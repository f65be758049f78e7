/// Why a layer refused a call, ended it, or gave it up.
///
/// The errors of the protected operation are not of this type: they pass through the layers as they are.
public struct ResilienceError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case circuitOpen, rateLimited, bulkheadFull, shed, deadlineExceeded, budgetExhausted, noneAvailable,
                inFlight
            case keyReused, disabled, invalidConfiguration, invalidRequest, unavailable, cancelled, closed
        }
        private let wrapped: Wrapped

        /// A circuit breaker is open, or all its probes are under way. *Not done*: the operation was not started.
        public static let circuitOpen = Self(wrapped: .circuitOpen)
        /// A rate limit has no permits left. *Not done*. ``ResilienceError/retryAfter`` tells when there will be.
        public static let rateLimited = Self(wrapped: .rateLimited)
        /// A bulkhead or a concurrency limit is full, and so is its queue or the time to wait in it. *Not done*.
        public static let bulkheadFull = Self(wrapped: .bulkheadFull)
        /// The call was refused for its low priority under load. *Not done*.
        public static let shed = Self(wrapped: .shed)
        /// The time of the call is used up. *Not done* if the operation had not been started, which
        /// ``ResilienceError/isNotStarted`` says; else *unknown*: it was cancelled and has ended.
        public static let deadlineExceeded = Self(wrapped: .deadlineExceeded)
        /// A retry was due and its budget was empty. The cause is the error of the last attempt.
        public static let budgetExhausted = Self(wrapped: .budgetExhausted)
        /// Every target of a failover is out, or has failed. The cause is the error of the last target tried.
        public static let noneAvailable = Self(wrapped: .noneAvailable)
        /// Another call with the same idempotency key is still under way and did not end in the time allowed. *Unknown*; ask
        /// again with the same key.
        public static let inFlight = Self(wrapped: .inFlight)
        /// The idempotency key was used for a request with another content. *Not done*; do not repeat it.
        public static let keyReused = Self(wrapped: .keyReused)
        /// An operator has switched the feature off. *Not done*.
        public static let disabled = Self(wrapped: .disabled)
        /// The settings cannot work, such as a rate of zero. *Not done*; mend the program or the configuration.
        public static let invalidConfiguration = Self(wrapped: .invalidConfiguration)
        /// The request itself is wrong, such as more permits than the burst holds. *Not done*; do not repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// The store behind a shared limit could not be reached or did not answer in time. *Unknown* whether it acted.
        public static let unavailable = Self(wrapped: .unavailable)
        /// The calling task was cancelled at a typed boundary. Nothing is held.
        public static let cancelled = Self(wrapped: .cancelled)
        /// The layer or its engine was shut down. *Not done*.
        public static let closed = Self(wrapped: .closed)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// When it is worth to ask again, from now, if the layer knows.
    public var retryAfter: Duration?
    /// The error underneath, such as that of the last attempt.
    public var cause: (any Error)?
    /// Whether the operation was certainly not started, where the code leaves it open.
    ///
    /// It speaks of the operation of the layer that threw the error: what stands around that layer may have done other things before.
    public var isNotStarted = false

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - message: A sentence with the values that matter and without secrets.
    ///   - isNotStarted: Whether the operation was certainly not started, where the code leaves it open.
    public init(
        _ code: Code, _ message: String, retryAfter: Duration? = nil, cause: (any Error)? = nil,
        isNotStarted: Bool = false
    ) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
        self.cause = cause
        self.isNotStarted = isNotStarted
    }

    /// The error as it is outside of typed boundaries, where a cancelled task throws `CancellationError`.
    var asTasksThrow: any Error {
        self.code == .cancelled ? self.cause ?? CancellationError() : self
    }

    public var description: String {
        if let cause { "\(self.code): \(self.message) (\(cause))" } else { "\(self.code): \(self.message)" }
    }
}

/// An error that tells when it is worth to ask again, such as an HTTP answer with `Retry-After`.
///
/// ``Retry`` waits at least as long, and gives up at once if the deadline comes first.
public protocol RetryAdvising: Error {
    /// The shortest wait until the next attempt, or `nil` if the other side gave no advice.
    var retryAfter: Duration? { get }
}

extension ResilienceError: RetryAdvising {}
