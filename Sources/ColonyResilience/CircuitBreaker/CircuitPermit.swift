/// The permission for one call through a ``CircuitBreaker``, for those who report the result by hand.
///
/// It cannot be copied, so it is returned exactly once: by one of its methods, each of which consumes it, or by its end. A permit
/// that is dropped counts as ignored and gives its place back.
///
/// ```swift
/// let permit = try breaker.acquire()
/// if answer.isServerError { permit.fail() } else { permit.succeed() }
/// ```
public struct CircuitPermit: ~Copyable, Sendable {
    private let breaker: CircuitBreaker
    private let token: CircuitBreaker.Token
    private var isReturned = false

    init(breaker: CircuitBreaker, token: CircuitBreaker.Token) {
        self.breaker = breaker
        self.token = token
    }

    /// The other side answered.
    public consuming func succeed() {
        self.isReturned = true
        self.breaker.succeed(self.token)
    }

    /// The call failed with an error, which the options of the breaker ignore, count, or take for an answer.
    public consuming func fail(_ error: any Error) {
        self.isReturned = true
        self.breaker.fail(self.token, error)
    }

    /// The call failed, whatever the options say about errors.
    public consuming func fail() {
        self.isReturned = true
        self.breaker.countFailure(self.token)
    }

    /// The call says nothing about the other side.
    public consuming func ignore() {
        self.isReturned = true
        self.breaker.ignore(self.token)
    }

    deinit {
        if !self.isReturned { self.breaker.ignore(self.token) }
    }
}
