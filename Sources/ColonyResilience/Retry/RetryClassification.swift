/// What an error says about repeating the call that it ended.
public enum RetryVerdict: String, CaseIterable, Hashable, Sendable {
    /// The call did nothing, and a later one may succeed. Repeating it is safe.
    case notDone
    /// The call may have had its effect, which is the same once and twice. Repeating it is safe.
    case repeatable
    /// The call may have had its effect. Repeating it is safe only if that is the same once and twice, which is not known here.
    case unknown
    /// Repeating the call is of no use, such as for bad input, or the call has been given up.
    case final
}

/// An error that says itself whether the call that it ended may be repeated, such as that of a client that knows its request.
public protocol RetryJudging: RetryAdvising {
    /// What the error says.
    var retryVerdict: RetryVerdict { get }
}

/// Tells for each error whether the call that it ended may be repeated.
///
/// By itself it knows the errors of this module, those that are ``RetryJudging``, and the cancellation of a task. Every other error
/// counts as *unknown*: only the caller knows what it means. Say so in a closure:
///
/// ```swift
/// let classification = RetryClassification { error in
///     switch error {
///     case let error as HTTPStatusError where error.status == 429 || error.status == 503: .notDone
///     case let error as HTTPStatusError where error.status < 500: .final
///     default: nil
///     }
/// }
/// ```
public struct RetryClassification: Sendable {
    private let own: (@Sendable (any Error) -> RetryVerdict?)?

    /// Knows the errors of this module; every other error is unknown.
    public static let standard = RetryClassification(own: nil)

    /// Asks `own` first.
    ///
    /// - Parameter own: The verdict about an error that it knows, else `nil`. It is not asked about `CancellationError`, which is final.
    public init(_ own: @escaping @Sendable (any Error) -> RetryVerdict?) {
        self.init(own: own)
    }

    private init(own: (@Sendable (any Error) -> RetryVerdict?)?) {
        self.own = own
    }

    /// What an error says.
    public func verdict(_ error: any Error) -> RetryVerdict {
        if error is CancellationError { return .final }
        if let verdict = self.own?(error) { return verdict }
        if let error = error as? ResilienceError { return Self.verdict(error) }
        if let error = error as? any RetryJudging { return error.retryVerdict }
        return .unknown
    }

    private static func verdict(_ error: ResilienceError) -> RetryVerdict {
        switch error.code {
        case .circuitOpen, .rateLimited, .bulkheadFull, .shed: .notDone
        // A time limit for each attempt may have ended it half way; so may the store behind a limit or a key.
        case .deadlineExceeded where error.isNotStarted: .notDone
        // What it threw when it was cancelled may know better.
        case .deadlineExceeded: (error.cause as? any RetryJudging)?.retryVerdict ?? .unknown
        case .unavailable, .inFlight: .unknown
        // Without a cause no target was tried.
        case .noneAvailable: error.cause == nil ? .notDone : .unknown
        default: .final
        }
    }
}
