/// Why a logical clock did not move, or a replicated value was not changed or read.
///
/// Whatever the code, the clock or value is as it was before the call.
public struct ClockError: Error, Sendable, CustomStringConvertible {
    /// What is known after the failure, and what to do next.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidRequest, malformedValue, exhausted, remoteAhead, clockMovedBack, wallClockOutOfRange
        }
        private let wrapped: Wrapped

        /// The request itself is wrong, such as a negative amount for a counter that only grows. *Not done*; do not
        /// repeat it.
        public static let invalidRequest = Self(wrapped: .invalidRequest)
        /// The text or the decoded data is no value of the kind that was asked for. The message quotes what is wrong.
        public static let malformedValue = Self(wrapped: .malformedValue)
        /// A 64-bit number has reached its end. *Not done*, and never again with this clock or entry. No program counts
        /// that far; look for a peer that sends wrong numbers.
        public static let exhausted = Self(wrapped: .exhausted)
        /// A received timestamp lies further ahead of this host's wall clock than the bound allows. *Not done*: the
        /// timestamp was not taken in. One of the two wall clocks is wrong; the message quotes both.
        public static let remoteAhead = Self(wrapped: .remoteAhead)
        /// The wall clock stands further behind a timestamp already issued than the bound allows. *Not done*; ask again
        /// when the clock has caught up, and let an operator look at the clock.
        public static let clockMovedBack = Self(wrapped: .clockMovedBack)
        /// The wall clock stands before 1970 or beyond what 48 bits of milliseconds hold, in the year 10889. *Not done*;
        /// the clock is wrong.
        public static let wallClockOutOfRange = Self(wrapped: .wallClockOutOfRange)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is known, and what to do next.
    public var code: Code
    /// A sentence for people, with the values that matter.
    public var message: String
    /// How long until asking again can succeed, where that is known.
    public var retryAfter: Duration?
    /// The error underneath, if there was one.
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

extension ClockError {
    /// Decoded data that breaks a rule of its type. The decoder's error carries this one underneath.
    static func malformed(_ message: String, at path: [any CodingKey]) -> DecodingError {
        let error = ClockError(.malformedValue, message)
        return .dataCorrupted(.init(codingPath: path, debugDescription: error.message, underlyingError: error))
    }
}
