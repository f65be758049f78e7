// Cache-aside among processes
// ---------------------------
//
// The race of `CacheAside` is the same among processes, but nobody sees all tickets. So the ticket lies in the tier itself,
// under the key, where the value will be:
//
// - A reader that finds nothing stores a ticket with 16 random bytes if there still is nothing, loads, and replaces *its
//   own ticket* by the value, by compare-and-set. If anything else is there, or nothing, its value is not stored.
// - A writer commits and deletes the key: with it goes every ticket. Because of the random bytes no later ticket has the
//   version of an earlier one, so the compare-and-set of the slow reader fails.
//
// An evicted or expired ticket fails in the same direction: the value is not stored. That is the lease of Memcache at
// Facebook [1, 3.2.1] on stores that only know compare-and-set; deleting late and locking on fill is also the idea of
// rockscache [2].
//
// A writer that dies between its commit and its delete would leave the old value. `write` therefore puts a *block* in the
// key's place before the change: there is no old value any more, readers go to the store and do not fill, and the block
// ends by itself if the writer dies.
//
// [1] R. Nishtala et al., Scaling Memcache at Facebook, NSDI 2013.
// [2] dtm-labs/rockscache, README, "Strong consistency".

import ColonyCore
import Synchronization

/// A shared cache beside a store: many processes read through ``get(_:orLoad:)`` and say when they have written.
///
/// **Guarantee.** While the tier keeps what it has acknowledged, a value that was loaded before an invalidation is never
/// stored after it, whichever processes load and write, and however slow they are. A process that dies within
/// ``write(_:_:)`` leaves no old value behind either, provided that the change was over within
/// ``SharedCacheAsideOptions/blockTimeToLive``, and that no other write of the key removed the block.
///
/// What it does not give: a tier that loses an acknowledged delete, such as Redis when a replica takes over, may show an
/// old value until its time to live is over; so may a tier that could be reached neither before nor after the change. While
/// the tier is down reads go to the store.
///
/// Entries begin with a byte that tells values from tickets, so all programs that use a key must use it through this type.
public final class SharedCacheAside: Sendable {
    private let tier: any CacheTier
    private let options: SharedCacheAsideOptions
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    /// Puts the pattern over a tier.
    ///
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        over tier: any CacheTier, options: SharedCacheAsideOptions = SharedCacheAsideOptions()
    ) throws(CacheError) {
        try options.validate()
        self.tier = tier
        self.options = options
        self.generator = Mutex(options.generator)
    }

    // MARK: Reading

    private enum Finding {
        case value([UInt8])
        /// Nothing was there, and this reader may fill it.
        case ticket(CacheVersion)
        /// To be loaded without filling.
        case none
    }

    /// The value of a key, loaded from the store if the tier has none or does not answer.
    ///
    /// - Parameter load: Reads the store as it is committed when the load begins. `nil` for a key that the store does not
    ///   have; it is not cached.
    /// - Throws: What `load` throws, and `CancellationError`.
    /// - Complexity: One round trip on a hit; three on a miss, beside the load.
    public func get(
        _ key: CacheKey, orLoad load: (CacheKey) async throws -> [UInt8]?
    ) async throws -> [UInt8]? {
        switch try await self.look(up: key) {
        case .value(let value):
            return value
        case .none:
            return try await load(key)
        case .ticket(let version):
            let value: [UInt8]?
            do {
                value = try await load(key)
            } catch {
                // Others need not wait for a fill that does not come. If this fails, the ticket runs out.
                _ = try? await self.tier.compareAndDelete(key, expecting: version)
                throw error
            }
            await self.fill(key, version, with: value)
            return value
        }
    }

    private func look(up key: CacheKey) async throws -> Finding {
        let deadline = self.options.clock.now.advanced(by: self.options.patience)
        while true {
            do throws(CacheError) {
                var found = try await self.tier.get([key])[0]
                if found == nil {
                    let ticket = CacheWrite(
                        key, self.marked(.ticket), timeToLive: self.options.ticketTimeToLive)
                    switch try await self.tier.compareAndSet(ticket, expecting: nil) {
                    case .stored(let version): return .ticket(version)
                    case .conflict(let other): found = other
                    }
                }
                switch found.map({ Mark(of: $0.value) }) {
                case .some(.value): return .value(Array(found?.value.dropFirst() ?? []))
                case .some(.block): return .none
                case .some(.ticket), .none: break
                case .some(.unknown):
                    throw CacheError(.wrongType, "the entry of \(key) was stored by another program")
                }
            } catch {
                if error.code == .cancelled { throw CancellationError() }
                self.options.onTierFailure?(key, error)
                return .none
            }
            let now = self.options.clock.now
            if now >= deadline { return .none }
            let next = min(deadline, now.advanced(by: self.options.pollInterval))
            try await self.options.clock.sleep(until: next, tolerance: nil)
        }
    }

    private func fill(_ key: CacheKey, _ version: CacheVersion, with value: [UInt8]?) async {
        do throws(CacheError) {
            if let value {
                let entry = CacheWrite(key, [Mark.value.rawValue] + value, timeToLive: self.options.timeToLive)
                let spread = self.options.jitter?.spread(entry) ?? entry
                _ = try await self.tier.compareAndSet(spread, expecting: version)
            } else {
                _ = try await self.tier.compareAndDelete(key, expecting: version)
            }
        } catch {
            self.options.onTierFailure?(key, error)
            // A value that the tier does not take must not hold up others for as long as the ticket is kept.
            if error.code == .valueTooLarge { _ = try? await self.tier.compareAndDelete(key, expecting: version) }
        }
    }

    // MARK: Writing

    /// Runs a change of the store with the key blocked for readers, and invalidates the key afterwards, also when the
    /// change throws or is cancelled: its outcome is unknown then.
    ///
    /// A tier that cannot be reached does not keep the change from being made; `onTierFailure` is told. If the block was
    /// stored and the invalidation afterwards was not, readers go to the store until the block ends.
    ///
    /// - Throws: What `change` throws.
    /// - Complexity: Two round trips beside the change.
    public func write<Result>(
        _ key: CacheKey, _ change: () async throws -> Result
    ) async throws -> Result {
        do throws(CacheError) {
            try await self.tier.set([
                CacheWrite(key, self.marked(.block), timeToLive: self.options.blockTimeToLive)
            ])
        } catch {
            self.options.onTierFailure?(key, error)
        }
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await change())
        } catch {
            outcome = .failure(error)
        }
        // What may have been committed is invalidated even if the caller was cancelled, which a new task does not inherit.
        if let error = await Task(operation: { await self.tryInvalidate(key) }).value {
            self.options.onTierFailure?(key, error)
        }
        return try outcome.get()
    }

    /// Removes a key and revokes the tickets that are out; to be called **after** the store has committed.
    ///
    /// It goes on when the calling task is cancelled, since a change that was committed must not stay unseen.
    ///
    /// - Throws: ``CacheError`` of the last attempt. The entry may then be stale until its time to live is over.
    /// - Complexity: One round trip for each attempt.
    public func invalidate(_ key: CacheKey) async throws(CacheError) {
        if let error = await Task(operation: { await self.tryInvalidate(key) }).value { throw error }
    }

    private func tryInvalidate(_ key: CacheKey) async -> CacheError? {
        var failures = 0
        while true {
            do throws(CacheError) {
                try await self.tier.delete([key])
                return nil
            } catch {
                failures += 1
                if failures >= self.options.invalidationAttempts || error.code == .closed { return error }
                let delay = self.generator.withLock { self.options.backoff.delay(after: failures, using: &$0) }
                try? await self.options.clock.sleep(for: delay)
            }
        }
    }

    // MARK: Entries

    /// What the first byte of an entry says.
    private enum Mark: UInt8 {
        case unknown = 0
        case value = 1
        case ticket = 2
        case block = 3

        init(of bytes: [UInt8]) { self = bytes.first.flatMap(Mark.init(rawValue:)) ?? .unknown }
    }

    /// A ticket or a block that is unlike every other.
    private func marked(_ mark: Mark) -> [UInt8] {
        var bytes = [mark.rawValue]
        let token = self.generator.withLock { ($0.next(), $0.next()) }
        for word in [token.0, token.1] { withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) } }
        return bytes
    }
}
