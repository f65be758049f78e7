import ColonyCore
import ColonyHashing
import Synchronization

extension TieredCache {
    /// The value of a key: a copy, what the shared cache has, or what `load` gives, which is then stored in both.
    ///
    /// A key is loaded once in this process, however many ask; whoever asks with another closure gets the value of the
    /// one that runs. Whoever is cancelled leaves at once; the load goes on while anybody waits, and is cancelled with
    /// the last one. The value is stored only if nothing was stored meanwhile, and nowhere if the key was written,
    /// removed, or told to be changed since the load began.
    ///
    /// - Parameter load: Gives the value; `nil` if there is none, which is not remembered.
    /// - Throws: What `load` throws; `CancellationError`; ``CacheError`` as ``get(_:)``, and `loadReentered` when
    ///   `load` asks for its own key, or for one whose load waits for this one.
    /// - Complexity: For a miss one round trip before the load and one after it.
    public func get(_ key: Key, orLoad load: @escaping @Sendable (Key) async throws -> Value?) async throws -> Value? {
        let name = try self.name(of: key)
        if let value = self.copy(of: name) { return value }
        return try await self.loads.value(of: name) {
            let ticket = self.makeTicket()
            self.watch.beginRead(name, ticket)
            defer { self.watch.endRead(name, ticket) }
            let body: @Sendable () async throws -> Value? = { try await load(key) }
            let answer = try await self.lookUp(name)
            if let value = try self.value(of: answer) { return value }
            if let lock = self.options.stampedeLock, !answer.isFailed {
                return try await self.load(name, ticket, answer, lock, body)
            }
            return try await self.load(name, ticket, answer, body)
        }
    }

    /// Loads when it is this node's turn.
    private func load(
        _ name: CacheKey, _ ticket: CopyTicket, _ answer: TierAnswer<Value>, _ lock: StampedeLock,
        _ body: @Sendable () async throws -> Value?
    ) async throws -> Value? {
        let turn = try await lock.turn(at: name, as: .unique(), on: self.options.clock) {
            let answer = try await self.lookUp(name)
            if let value = try self.value(of: answer) { return .value(value) }
            return answer.isFailed ? .unreachable : .nothing
        }
        switch turn {
        case .other(let value):
            self.counts.withLock { $0.loadsByOthers += 1 }
            return value
        case .unlocked(let error):
            self.counts.withLock { $0.unlockedLoads += 1 }
            if let error { self.report(.lockFailed(name, error)) }
            return try await self.load(name, ticket, answer, body)
        case .granted(let lease):
            do {
                let value = try await self.load(name, ticket, answer, body)
                await lock.giveBack(lease)
                return value
            } catch {
                await lock.giveBack(lease)
                throw error
            }
        }
    }

    private func load(
        _ name: CacheKey, _ ticket: CopyTicket, _ answer: TierAnswer<Value>, _ body: @Sendable () async throws -> Value?
    ) async throws -> Value? {
        let value: Value?
        do {
            value = try await body()
            self.counts.withLock { $0.loads += 1 }
        } catch {
            self.counts.withLock { $0.failedLoads += 1 }
            throw error
        }
        if let value { try await self.fill(name, value, ticket, answer) }
        return value
    }

    /// Stores what was loaded, unless something has changed since.
    private func fill(
        _ name: CacheKey, _ value: Value, _ load: CopyTicket, _ answer: TierAnswer<Value>
    ) async throws(CacheError) {
        let bytes: [UInt8]
        do throws(CacheError) {
            bytes = try self.encode(name, value)
        } catch {
            self.report(.notShared(name, error))
            self.keep(name, value, load, timeToLive: self.options.timeToLive)
            return
        }
        if case .failed = answer {
            // It was not asked whether it has a newer one; the copy ends soon all the same.
            self.keep(name, value, load, timeToLive: self.options.unlistenedTimeToLive)
            return
        }
        let ticket = self.makeTicket()
        self.beginWrite(name, ticket, sparing: load)
        defer { self.endWrite(name, ticket, sparing: load) }
        if load.isRevoked { return }
        do throws(CacheError) {
            guard try await self.store(CacheWrite(name, bytes, timeToLive: self.options.timeToLive), answer) else {
                return
            }
        } catch {
            switch error.code {
            case .unavailable:
                self.keep(name, value, ticket, timeToLive: self.options.unlistenedTimeToLive)
            case .refused, .valueTooLarge:
                self.report(.notShared(name, error))
                self.keep(name, value, ticket, timeToLive: self.options.timeToLive)
            default:
                throw error
            }
            return
        }
        self.counts.withLock { $0.tier.writes += 1 }
        self.repairs.remove(name)
        self.keep(name, value, ticket, timeToLive: self.options.timeToLive, ownHash: XXH3.hash(bytes))
        if load.isRevoked { ticket.disturb() }
        if self.needsComparing(ticket) { self.suspect(name, ticket) }
    }

    /// Stores an entry if there still is what there was when the load began.
    private func store(_ write: CacheWrite, _ answer: TierAnswer<Value>) async throws(CacheError) -> Bool {
        let tier = self.tier
        let version: CacheVersion?
        switch answer {
        case .unreadable(nil):
            // Of another type, or unknown: there is no version to compare with.
            try await self.gate.call { () async throws(CacheError) -> Void in try await tier.set([write]) }
            return true
        case .unreadable(let present): version = present
        default: version = nil
        }
        let result = try await self.gate.call { () async throws(CacheError) -> CompareAndSet in
            try await tier.compareAndSet(write, expecting: version)
        }
        if case .stored = result { return true }
        return false
    }

    /// How many wait for the load of a key, for tests.
    package func loadWaiterCount(of name: CacheKey) -> Int { self.loads.waiterCount(of: name) }
}
