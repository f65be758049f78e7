/// What a step throws that knows more of a call without an answer than that there was none: after how long another one makes sense.
///
/// Every error but ``Refusal`` leaves the outcome unknown; this one also says what the participant wished.
package struct UnknownOutcome: Error, Hashable, Sendable, CustomStringConvertible {
    /// What happened, for people.
    package var reason: String
    /// How long the participant wants to be left alone; the policy of the step may wait longer.
    package var retryAfter: Duration?

    package init(_ reason: String, retryAfter: Duration? = nil) {
        self.reason = reason
        self.retryAfter = retryAfter
    }

    package var description: String { self.reason }
}
