public import ColonyCaches
import ColonyCore
import Synchronization

/// What one user of a store has written and seen, so that no later read goes back behind it.
///
/// A session may go on in another process: hand over its ``token`` and make one of it there.
///
/// It remembers each key that it has touched, up to ``capacity``; a call with one more key throws `overloaded` instead
/// of giving a guarantee up silently. ``forget(_:)`` makes room.
public final class QuorumSession: Sendable {
    /// The most keys, from 1.
    public let capacity: Int
    private let seen: Mutex<[CacheKey: QuorumContext]>

    /// Starts a session that has seen nothing.
    ///
    /// - Parameter capacity: The most keys, from 1. Each costs some hundred bytes here and in a token.
    public init(capacity: Int = 10_000) {
        precondition(capacity >= 1, "a session remembers 1 key or more, not \(capacity)")
        self.capacity = capacity
        self.seen = Mutex([:])
    }

    /// Goes on with a session of another process.
    ///
    /// - Throws: ``QuorumError`` with `overloaded` if the token has more keys than `capacity`.
    public convenience init(_ token: SessionToken, capacity: Int = 10_000) throws(QuorumError) {
        self.init(capacity: capacity)
        guard token.seen.count <= capacity else {
            throw QuorumError(
                .overloaded, "the token has \(token.seen.count) keys, and the session has room for \(capacity)")
        }
        self.seen.withLock { $0 = token.seen }
    }

    /// What the session has seen, for another process.
    public var token: SessionToken { SessionToken(seen: self.seen.withLock { $0 }) }

    /// Gives the guarantee for a key up.
    public func forget(_ key: CacheKey) {
        self.seen.withLock { _ = $0.removeValue(forKey: key) }
    }

    func context(of key: CacheKey) throws(QuorumError) -> QuorumContext? {
        let (context, count) = self.seen.withLock { ($0[key], $0.count) }
        guard context != nil || count < self.capacity else {
            throw QuorumError(.overloaded, "the session has touched \(count) keys, and has room for no other")
        }
        return context
    }

    func note(_ context: QuorumContext, of key: CacheKey) {
        self.seen.withLock { $0[key, default: QuorumContext()].merge(context) }
    }
}

/// What a session has seen, on its way to another process.
public struct SessionToken: Hashable, Sendable, Codable {
    let seen: [CacheKey: QuorumContext]

    init(seen: [CacheKey: QuorumContext]) { self.seen = seen }

    private struct Entry: Codable {
        let key: CacheKey
        let context: QuorumContext
    }

    public init(from decoder: any Decoder) throws {
        let entries = try decoder.singleValueContainer().decode([Entry].self)
        self.seen = Dictionary(entries.map { ($0.key, $0.context) }) { first, second in
            var both = first
            both.merge(second)
            return both
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.seen.sorted { $0.key < $1.key }.map { Entry(key: $0.key, context: $0.value) })
    }
}
