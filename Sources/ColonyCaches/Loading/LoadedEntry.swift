public import ColonyCore

/// What a ``LoadingCache`` keeps under a key: what the loader gave, and when it is due again.
///
/// Three instants are stored, 24 bytes; how long a stale value may be served follows from them and the options.
public struct LoadedEntry<Value: Sendable>: Sendable {
    /// What a load came to.
    public enum Content: Sendable {
        /// The loader gave a value, or the program set one.
        case value(Value)
        /// The loader said that there is nothing under the key.
        case absent
        /// The loader threw, and the options asked for the error to be kept.
        case failure(any Error)
    }

    /// What the load came to.
    public let content: Content
    /// When the entry was stored.
    public let writtenAt: MonotonicInstant
    /// From when on a get starts a reload; at most ``freshUntil``, except after a reload that failed: then the end of
    /// the pause that follows a failure. The end of time if no reload is ever due.
    public internal(set) var refreshAt: MonotonicInstant
    /// Until when the entry is fresh; the end of time if it has no end.
    public let freshUntil: MonotonicInstant

    @usableFromInline
    init(_ content: Content, writtenAt: MonotonicInstant, refreshAt: MonotonicInstant, freshUntil: MonotonicInstant) {
        self.content = content
        self.writtenAt = writtenAt
        self.refreshAt = refreshAt
        self.freshUntil = freshUntil
    }

    /// The value; `nil` for an absence and for an error that is kept.
    public var value: Value? {
        if case .value(let value) = self.content { value } else { nil }
    }

    /// Whether the entry holds a value, as opposed to an absence or an error.
    public var isValue: Bool {
        if case .value = self.content { true } else { false }
    }

    /// The value, or `nil` for an absence.
    ///
    /// - Throws: The error that is kept.
    @inlinable
    public func get() throws -> Value? {
        switch self.content {
        case .value(let value): return value
        case .absent: return nil
        case .failure(let error): throw error
        }
    }
}
