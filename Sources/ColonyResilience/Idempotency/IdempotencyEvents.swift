/// What an ``Idempotency`` tells those who listen.
public enum IdempotencyEvent: Sendable {
    /// A key was new, or its last owner has crashed, and the operation was started.
    case started(IdempotencyKey)
    /// A stored outcome was given.
    case replayed(IdempotencyKey)
    /// The outcome could not be stored, or the key not given up: a later duplicate may run the operation, or waits for the lease.
    case notRecorded(IdempotencyKey, error: any Error)
    /// The operation took longer than its lease, which could not be renewed, and another one has started under the key.
    case overtaken(IdempotencyKey)
    /// The key came with another fingerprint.
    case refused(IdempotencyKey)
}

/// What has happened in an ``Idempotency`` since it was made.
public struct IdempotencyStatistics: Hashable, Sendable {
    /// Operations that were started.
    public var started: UInt64 = 0
    /// Calls that were given a stored outcome.
    public var replayed: UInt64 = 0
    /// Calls that found another one under way.
    public var waited: UInt64 = 0
    /// Calls whose key belongs to another request.
    public var refused: UInt64 = 0
    /// Outcomes that could not be stored.
    public var notRecorded: UInt64 = 0

    /// Makes statistics in which nothing has happened.
    public init() {}
}

/// The error of an earlier call under the same key, as ``IdempotencyOptions/storedFailure`` has stored it.
public struct StoredFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The key.
    public let key: IdempotencyKey
    /// The bytes that were stored.
    public let bytes: [UInt8]

    public var description: String {
        "an earlier call under the key \(self.key) has failed: \(String(decoding: self.bytes.prefix(256), as: UTF8.self))"
    }
}
