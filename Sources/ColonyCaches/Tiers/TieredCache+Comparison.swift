import ColonyCore
import ColonyHashing
import Synchronization

/// An entry of a shared cache, with what it takes to replace exactly it.
public struct TieredEntry<Value: Sendable>: Sendable {
    /// The value.
    public let value: Value
    /// What stands for this state of the entry.
    public let version: CacheVersion
    /// How long the entry will stay, where the store says so.
    public let timeToLive: Duration?
}

/// The answer to ``TieredCache/compareAndSet(_:to:expecting:timeToLive:)``.
public enum TieredComparison<Value: Sendable>: Sendable {
    /// The value is stored, with this version.
    case stored(CacheVersion)
    /// The version was another one. This is what is there; `nil` if nothing is.
    case conflict(TieredEntry<Value>?)
}

// These ask the shared cache each time and never fail softly: a comparison with a copy would prove nothing.
extension TieredCache {
    /// What the shared cache has, with its version; copies are passed over.
    ///
    /// - Throws: ``CacheError`` with `undecodable` for bytes that the codec does not read, `wrongType`, `unavailable`,
    ///   `invalidRequest`, `cancelled`, `refused`, or `closed`.
    /// - Complexity: One round trip.
    public func entry(_ key: Key) async throws(CacheError) -> TieredEntry<Value>? {
        let name = try self.name(of: key)
        let tier = self.tier
        let stored = try await self.gate.call { () async throws(CacheError) -> [CachedBytes?] in
            try await tier.get([name])
        }
        return try self.entry(name, stored.first ?? nil)
    }

    private func entry(_ name: CacheKey, _ stored: CachedBytes?) throws(CacheError) -> TieredEntry<Value>? {
        guard let stored else { return nil }
        do {
            let value = try self.codec.decode(stored.value)
            return TieredEntry(value: value, version: stored.version, timeToLive: stored.timeToLive)
        } catch {
            throw CacheError(
                .undecodable, "the \(stored.value.count) bytes of \(name) cannot be decoded", cause: error)
        }
    }

    /// Stores a value in both tiers if the shared cache has the given version of the key, in one atomic step.
    ///
    /// - Parameters:
    ///   - version: What ``entry(_:)`` or an earlier answer said; `nil` demands that nothing is there.
    ///   - timeToLive: As in ``set(_:to:timeToLive:)``.
    /// - Throws: ``CacheError``, as ``entry(_:)``, and `valueTooLarge`. After `unavailable` and `cancelled` it is
    ///   unknown whether the value is stored; no copy of what was there before is used.
    /// - Complexity: One round trip.
    public func compareAndSet(
        _ key: Key, to value: Value, expecting version: CacheVersion?, timeToLive: Duration? = nil
    ) async throws(CacheError) -> TieredComparison<Value> {
        if let timeToLive, timeToLive <= .zero {
            throw CacheError(.invalidRequest, "a time to live is above zero, and \(timeToLive) is not")
        }
        let name = try self.name(of: key)
        let write = CacheWrite(
            name, try self.encode(name, value), timeToLive: timeToLive ?? self.options.timeToLive)
        let ticket = self.makeTicket()
        self.beginWrite(name, ticket)
        defer { self.endWrite(name, ticket) }
        let result: CompareAndSet
        do throws(CacheError) {
            let tier = self.tier
            result = try await self.gate.call { () async throws(CacheError) -> CompareAndSet in
                try await tier.compareAndSet(write, expecting: version)
            }
        } catch {
            if error.code == .unavailable || error.code == .cancelled { self.local.remove(name) }
            throw error
        }
        switch result {
        case .stored(let version):
            self.counts.withLock { $0.tier.writes += 1 }
            self.repairs.remove(name)
            self.keep(name, value, ticket, timeToLive: write.timeToLive, ownHash: XXH3.hash(write.value))
            if self.needsComparing(ticket) { self.suspect(name, ticket) }
            if ticket.isRevoked { self.local.remove(name) }
            return .stored(version)
        case .conflict(let stored):
            // A copy, if there is one, may be of the state that was expected.
            self.local.remove(name)
            return .conflict(try self.entry(name, stored))
        }
    }

    /// Removes a key from both tiers if the shared cache has the given version of it, in one atomic step.
    ///
    /// - Returns: Whether this call removed it.
    /// - Throws: ``CacheError``, as ``entry(_:)``.
    /// - Complexity: One round trip.
    public func compareAndRemove(_ key: Key, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        let name = try self.name(of: key)
        let ticket = self.makeTicket()
        self.beginWrite(name, ticket)
        defer {
            self.endWrite(name, ticket)
            self.local.remove(name)
        }
        let tier = self.tier
        let isRemoved = try await self.gate.call { () async throws(CacheError) -> Bool in
            try await tier.compareAndDelete(name, expecting: version)
        }
        if isRemoved { self.counts.withLock { $0.tier.removals += 1 } }
        return isRemoved
    }
}
