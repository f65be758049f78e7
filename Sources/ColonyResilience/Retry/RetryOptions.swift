/// How often, when, and after which errors a ``Retry`` repeats a call.
///
/// Whoever hands the same options to several layers shares their budget.
public struct RetryOptions: Sendable {
    /// The most attempts of a call, the first one included.
    public let attempts: Int
    /// How long to wait between attempts.
    public let delays: RetryDelays
    /// Whether calls are repeated that may have had their effect.
    public let retriesUnknownOutcomes: Bool
    /// What errors say.
    public let classification: RetryClassification
    /// The longest wait that another side may ask for; a longer one ends the call.
    public let longestAdvice: Duration
    /// What all who share it may add to the load; `nil` for no bound.
    public let budget: RetryBudget?
    /// Whether the layer has attempts of its own within an attempt of another one.
    public let multipliesNestedRetries: Bool

    /// The most attempts that settings may ask for.
    public static let maximumAttempts = 1_000

    /// Makes options from values that may come from outside.
    ///
    /// - Parameters:
    ///   - attempts: From 1, which never repeats, to ``maximumAttempts``. Three mend almost all that a repetition can mend.
    ///   - delays: Doubling from 50 milliseconds with full jitter unless said otherwise.
    ///   - retriesUnknownOutcomes: Whether calls are repeated whose outcome is unknown. Ask for it only if the effect of the call is the
    ///     same once and twice: a read, a write of a whole value, or a call with an idempotency key.
    ///   - classification: What errors say.
    ///   - longestAdvice: From zero. What asks for a longer wait is not waited for, because a caller has gone away after half a minute.
    ///   - budget: A budget of its own unless said otherwise: a fifth of the calls, and ten a second.
    ///   - multipliesNestedRetries: Off, because three layers with three attempts each make 27 of one call.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        attempts: Int = 3, delays: RetryDelays = .standard, retriesUnknownOutcomes: Bool = false,
        classification: RetryClassification = .standard, longestAdvice: Duration = .seconds(30),
        budget: RetryBudget? = RetryBudget(), multipliesNestedRetries: Bool = false
    ) throws(ResilienceError) {
        guard (1...Self.maximumAttempts).contains(attempts) else {
            throw ResilienceError(
                .invalidConfiguration, "\(attempts) attempts are not possible: from 1 to \(Self.maximumAttempts)")
        }
        guard longestAdvice >= .zero else {
            throw ResilienceError(
                .invalidConfiguration, "a longest advised wait of \(longestAdvice) is not possible: from zero")
        }
        self.attempts = attempts
        self.delays = delays
        self.retriesUnknownOutcomes = retriesUnknownOutcomes
        self.classification = classification
        self.longestAdvice = longestAdvice
        self.budget = budget
        self.multipliesNestedRetries = multipliesNestedRetries
    }
}
