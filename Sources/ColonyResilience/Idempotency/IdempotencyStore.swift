public import ColonyCore

/// A request to run something under a key.
public struct IdempotencyRequest: Hashable, Sendable {
    /// The key.
    public let key: IdempotencyKey
    /// What is asked for.
    public let fingerprint: IdempotencyFingerprint
    /// Who would run it: another owner for each run.
    public let owner: OwnerID
    /// How long the key stays with the owner without a renewal.
    public let lease: Duration

    /// Makes a request.
    public init(
        _ key: IdempotencyKey, fingerprint: IdempotencyFingerprint = .none, owner: OwnerID, lease: Duration
    ) {
        self.key = key
        self.fingerprint = fingerprint
        self.owner = owner
        self.lease = lease
    }

    /// Refuses a request that no store can keep.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the value.
    public func check() throws(ResilienceError) {
        guard self.lease > .zero, self.lease <= IdempotencyLimits.longestLease else {
            throw ResilienceError(
                .invalidRequest,
                "a lease of \(self.lease) is not possible: above zero, up to \(IdempotencyLimits.longestLease)")
        }
    }
}

/// How something that ran under a key has ended, in the bytes that are given to those who repeat it.
public struct IdempotencyOutcome: Hashable, Sendable {
    /// Whether it is a value or an error.
    public enum Kind: Int, CaseIterable, Hashable, Sendable {
        /// A value.
        case value
        /// An error that repeats would meet as well.
        case failure
    }

    /// Whether it is a value or an error.
    public let kind: Kind
    /// The encoded value or error.
    public let bytes: [UInt8]

    /// Makes an outcome.
    public init(_ kind: Kind, _ bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    /// Refuses an outcome that no store can keep, and a time that none keeps it for.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the value.
    public func check(keeping retention: Duration) throws(ResilienceError) {
        guard self.bytes.count <= IdempotencyLimits.maximumOutcomeBytes else {
            throw ResilienceError(
                .invalidRequest,
                "an outcome of \(self.bytes.count) bytes is too long: at most \(IdempotencyLimits.maximumOutcomeBytes)")
        }
        guard retention > .zero, retention <= IdempotencyLimits.longestRetention else {
            throw ResilienceError(
                .invalidRequest,
                "a retention of \(retention) is not possible: above zero, up to \(IdempotencyLimits.longestRetention)")
        }
    }
}

/// The bounds of requests to an ``IdempotencyStore``.
public enum IdempotencyLimits {
    /// The longest lease: a day.
    public static let longestLease: Duration = .seconds(86_400)
    /// The longest time that an outcome is kept: 366 days.
    public static let longestRetention: Duration = .seconds(366 * 86_400)
    /// The most bytes of an outcome: 1 MiB. Keep a reference to what is larger.
    public static let maximumOutcomeBytes = 1 << 20
}

/// What a store says to one who wants to run something under a key.
public enum IdempotencyAnswer: Hashable, Sendable {
    /// The key is the owner's: run it, then complete or abandon it.
    case started
    /// Another owner runs it. Its lease ends after so long, unless it is renewed.
    case inFlight(remaining: Duration)
    /// It has run, and ended like this.
    case stored(IdempotencyOutcome)
    /// The key belongs to a request with another fingerprint.
    case conflict
}

/// A store that remembers for each key whether something runs under it, and how it ended.
///
/// An owner that crashes leaves its lease behind. When that has run out, the next request starts anew: what had been done by then may be
/// done again, unless it is made in one transaction with the completion.
public protocol IdempotencyStore: Sendable {
    /// How far keys reach, and what outcomes survive.
    var guarantee: Guarantee { get }

    /// Takes a key for its owner, or tells what is known of it, in one atomic step by the clock of the store.
    ///
    /// Repeating the call with the same owner renews its lease, so after `unavailable` or `cancelled` it may simply be repeated; a key
    /// that was taken then stays taken until the lease runs out or the owner abandons it.
    ///
    /// - Throws: ``ResilienceError`` with code `unavailable`, `cancelled`, `invalidRequest`, or `closed`.
    /// - Complexity: One round trip; O(log *n*) in the number of keys.
    func begin(_ request: IdempotencyRequest) async throws(ResilienceError) -> IdempotencyAnswer

    /// Stores how it ended, and gives the key up; for the owner, also after its lease has run out, as long as nobody else has the key.
    ///
    /// Repeating the call changes nothing and gives the same answer.
    ///
    /// - Parameter retention: How long the outcome is kept at least; above zero.
    /// - Returns: `false` if another owner has the key, whose outcome will count.
    /// - Throws: ``ResilienceError`` with code `unavailable`, `cancelled`, `invalidRequest`, or `closed`.
    func complete(
        _ request: IdempotencyRequest, with outcome: IdempotencyOutcome, keeping retention: Duration
    ) async throws(ResilienceError) -> Bool

    /// Gives a key up without an outcome, so that the next request starts anew. An outcome that is stored stays.
    ///
    /// Repeating the call changes nothing.
    ///
    /// - Returns: Whether the owner had the key.
    /// - Throws: ``ResilienceError`` with code `unavailable`, `cancelled`, or `closed`.
    @discardableResult
    func abandon(_ request: IdempotencyRequest) async throws(ResilienceError) -> Bool
}
