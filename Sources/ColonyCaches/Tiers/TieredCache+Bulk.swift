import ColonyCore
import ColonyHashing
import Synchronization

extension TieredCache {
    /// The values of those keys that have one.
    ///
    /// - Throws: ``CacheError``, as ``get(_:)``.
    /// - Complexity: One round trip for as many keys as ``CacheTierLimits/keysPerCall`` allows, one after the other.
    ///   Look-ups of single keys at the same time are not shared with it.
    public func get(all keys: some Sequence<Key>) async throws(CacheError) -> [Key: Value] {
        var values: [Key: Value] = [:]
        var missing: [(key: Key, name: CacheKey)] = []
        for key in keys {
            let name = try self.name(of: key)
            if let value = self.copy(of: name) { values[key] = value } else { missing.append((key, name)) }
        }
        for start in stride(from: 0, to: missing.count, by: max(1, self.tier.limits.keysPerCall)) {
            let part = missing[start..<min(missing.count, start + self.tier.limits.keysPerCall)]
            let tickets = part.map { _ in self.makeTicket() }
            for (entry, ticket) in zip(part, tickets) { self.watch.beginRead(entry.name, ticket) }
            defer { for (entry, ticket) in zip(part, tickets) { self.watch.endRead(entry.name, ticket) } }
            let answers = try await self.ask(part.map(\.name), tickets)
            for (entry, answer) in zip(part, answers) {
                if let value = try self.value(of: answer) { values[entry.key] = value }
            }
        }
        return values
    }

    /// Stores several values.
    ///
    /// - Returns: ``TierWrite/queued`` if it is so of any of them.
    /// - Throws: ``CacheError``, as ``set(_:to:timeToLive:)``. Keys, values, and sizes are looked at before anything is
    ///   stored; after other errors any part may be stored.
    /// - Complexity: One round trip for as many keys as ``CacheTierLimits/keysPerCall`` allows, one after the other.
    @discardableResult
    public func set(
        all entries: some Sequence<(key: Key, value: Value)>, timeToLive: Duration? = nil
    ) async throws(CacheError) -> TierWrite {
        if let timeToLive, timeToLive <= .zero {
            throw CacheError(.invalidRequest, "a time to live is above zero, and \(timeToLive) is not")
        }
        let timeToLive = timeToLive ?? self.options.timeToLive
        var items: [OwnWrite<Value>] = []
        for (key, value) in entries {
            let name = try self.name(of: key)
            items.append(
                OwnWrite(write: CacheWrite(name, try self.encode(name, value), timeToLive: timeToLive), value: value))
        }
        return try await self.inParts(of: items) { (part: [OwnWrite<Value>]) async throws(CacheError) -> TierWrite in
            try await self.write(part)
        }
    }

    /// Removes several keys from both tiers.
    ///
    /// - Returns: ``TierWrite/queued`` if it is so of any of them.
    /// - Throws: ``CacheError``, as ``set(_:to:timeToLive:)``.
    /// - Complexity: One round trip for as many keys as ``CacheTierLimits/keysPerCall`` allows, one after the other.
    @discardableResult
    public func remove(all keys: some Sequence<Key>) async throws(CacheError) -> TierWrite {
        var items: [OwnWrite<Value>] = []
        for key in keys { items.append(OwnWrite(write: CacheWrite(try self.name(of: key), []), value: nil)) }
        return try await self.inParts(of: items) { (part: [OwnWrite<Value>]) async throws(CacheError) -> TierWrite in
            try await self.write(part)
        }
    }

    private func inParts(
        of items: [OwnWrite<Value>], _ body: ([OwnWrite<Value>]) async throws(CacheError) -> TierWrite
    ) async throws(CacheError) -> TierWrite {
        var result = TierWrite.stored
        let size = max(1, self.tier.limits.keysPerCall)
        for start in stride(from: 0, to: items.count, by: size) {
            if try await body(Array(items[start..<min(items.count, start + size)])) == .queued { result = .queued }
        }
        return result
    }

    /// The bytes of a value, if the shared cache takes them.
    func encode(_ name: CacheKey, _ value: Value) throws(CacheError) -> [UInt8] {
        let bytes: [UInt8]
        do {
            bytes = try self.codec.encode(value)
        } catch {
            throw CacheError(.invalidRequest, "the value of \(name) cannot be encoded", cause: error)
        }
        guard bytes.count <= self.tier.limits.valueBytes else {
            throw CacheError(
                .valueTooLarge,
                "the value of \(name) has \(bytes.count) bytes, and \(self.tier.limits.valueBytes) are the most")
        }
        return bytes
    }

    /// Writes keys to the shared cache, and settles what becomes of the copies.
    private func write(_ items: [OwnWrite<Value>]) async throws(CacheError) -> TierWrite {
        let tickets = items.map { _ in self.makeTicket() }
        for (item, ticket) in zip(items, tickets) { self.beginWrite(item.name, ticket) }
        defer { for (item, ticket) in zip(items, tickets) { self.endWrite(item.name, ticket) } }
        do throws(CacheError) {
            try await self.send(items)
        } catch {
            return try self.settle(items, tickets, after: error)
        }
        for (item, ticket) in zip(items, tickets) {
            self.repairs.remove(item.name)
            if let value = item.value {
                self.keep(
                    item.name, value, ticket, timeToLive: item.write.timeToLive, ownHash: XXH3.hash(item.write.value))
                // Whoever comes to know of a change before the copy is kept finds the ticket, and after it the copy.
                if self.needsComparing(ticket) { self.suspect(item.name, ticket) }
            }
            // What was kept before is older, unless it was kept just now.
            if item.value == nil || ticket.isRevoked { self.local.remove(item.name) }
        }
        return .stored
    }

    private func send(_ items: [OwnWrite<Value>]) async throws(CacheError) {
        let tier = self.tier
        if items.contains(where: { $0.value == nil }) {
            let names = items.map(\.name)
            try await self.gate.call { () async throws(CacheError) -> Void in try await tier.delete(names) }
            self.counts.withLock { $0.tier.removals += UInt64(names.count) }
        } else {
            let writes = items.map(\.write)
            try await self.gate.call { () async throws(CacheError) -> Void in try await tier.set(writes) }
            self.counts.withLock { $0.tier.writes += UInt64(writes.count) }
        }
    }

    /// Settles copies after a write of which it is unknown whether it arrived, or which is not done.
    private func settle(
        _ items: [OwnWrite<Value>], _ tickets: [CopyTicket], after error: CacheError
    ) throws(CacheError) -> TierWrite {
        guard error.code == .unavailable || error.code == .cancelled else { throw error }
        // A copy of what was there before is stale if the write arrived.
        for item in items { self.local.remove(item.name) }
        var areQueued = true
        for item in items where !self.repairs.insert(item.name) { areQueued = false }
        guard error.code == .unavailable, self.options.failure == .soft else { throw error }
        guard areQueued else {
            throw CacheError(
                .unavailable,
                "the shared cache does not answer, and \(self.options.maximumRepairs) keys wait to be removed from it",
                cause: error)
        }
        for (item, ticket) in zip(items, tickets) {
            guard let value = item.value else { continue }
            self.keep(item.name, value, ticket, timeToLive: self.options.unlistenedTimeToLive)
        }
        return .queued
    }

    /// Whether the copy of an own write must be compared with the shared cache: a change was told meanwhile, or none
    /// will be before the key is read.
    func needsComparing(_ ticket: CopyTicket) -> Bool {
        if ticket.isDisturbed { return true }
        return self.tier.invalidationScope == .keysRead && self.unlistenedSince.load(ordering: .acquiring) == .max
    }

    /// A change was told that may be an echo of an own write.
    func suspect(_ name: CacheKey, _ ticket: CopyTicket) {
        if self.suspects.insert(name) { return }
        ticket.revoke()
        self.local.remove(name)
    }
}

/// A write of this process; without a value it removes the key.
struct OwnWrite<Value: Sendable>: Sendable {
    let write: CacheWrite
    let value: Value?
    var name: CacheKey { self.write.key }
}
