import ColonyCore
public import ColonyResilience

/// How a step is called: how long a call may take, how often and after which waits it is repeated, and what happens when that was in vain.
public struct StepPolicy: Sendable {
    /// What happens when the last attempt has ended without a known outcome.
    public enum Exhaustion: String, Hashable, Sendable, CaseIterable {
        /// A person has to look: the transaction is stuck. A call without an answer may have had its effect, so nothing is undone on a guess.
        case stuck
        /// The transaction turns back, and the step is compensated, whose compensation therefore must cope with an action that never
        /// came, that was done, and that comes later. For a step before the pivot.
        case turnBack
    }

    /// How long one call may take; then its task is cancelled, and its outcome is unknown. In ``timeouts``.
    public let timeout: Duration
    /// The waits between attempts.
    public let delays: RetryDelays
    /// How many attempts of the action there are in a row; `nil` for as many as it takes. Compensations have as many as they take.
    public let attempts: Int?
    /// What happens after the last one.
    public let exhaustion: Exhaustion
    /// Whether a step that was refused is compensated like one that was done. For participants whose effects are not all in one
    /// database transaction, so that a refusal may leave something behind.
    public let compensatesRefused: Bool

    /// The legal time of one call.
    public static let timeouts: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

    /// Half a minute for a call; repeated until it is done, after 100 milliseconds at first and a minute at the most.
    public static let standard = StepPolicy(
        unchecked: .seconds(30), delays: Self.standardDelays, attempts: nil, exhaustion: .stuck,
        compensatesRefused: false)

    private static let standardDelays: RetryDelays = {
        do {
            return try RetryDelays(from: .milliseconds(100), upTo: .seconds(60))
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    /// Makes a policy from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - timeout: In ``timeouts``. Half a minute is longer than any healthy call, and shorter than people wait.
    ///   - delays: From 100 milliseconds, doubling up to a minute with full jitter, unless given.
    ///   - attempts: From 1 to 1,000,000; `nil`, which is the default, for as many as it takes.
    ///   - exhaustion: What happens after the last one.
    ///   - compensatesRefused: Off unless said otherwise: who refuses has done nothing.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`, which quotes the value.
    public init(
        timeout: Duration = .seconds(30), delays: RetryDelays? = nil, attempts: Int? = nil,
        exhaustion: Exhaustion = .stuck, compensatesRefused: Bool = false
    ) throws(TransactionError) {
        if let defect = SettingRange.defect(of: timeout, in: Self.timeouts, as: "the time of a call") {
            throw TransactionError(.invalidDefinition, defect)
        }
        if let attempts,
            let defect = SettingRange.defect(of: attempts, in: 1...1_000_000, as: "the number of attempts")
        {
            throw TransactionError(.invalidDefinition, defect)
        }
        self.init(
            unchecked: timeout, delays: delays ?? Self.standardDelays, attempts: attempts, exhaustion: exhaustion,
            compensatesRefused: compensatesRefused)
    }

    private init(
        unchecked timeout: Duration, delays: RetryDelays, attempts: Int?, exhaustion: Exhaustion,
        compensatesRefused: Bool
    ) {
        self.timeout = timeout
        self.delays = delays
        self.attempts = attempts
        self.exhaustion = exhaustion
        self.compensatesRefused = compensatesRefused
    }
}
