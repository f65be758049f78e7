import ColonyCore
import ColonyHashing
import Synchronization

// Hearing of changes by others, and making good what was missed.
extension TieredCache {
    /// Listens to changes by others, makes queued writes good, and compares copies of own writes, until the task is
    /// cancelled.
    ///
    /// Without it the cache works, with copies that end after ``TieredCacheOptions/unlistenedTimeToLive``; queued
    /// writes then wait for ever. A second call while one runs returns at once.
    public func run() async {
        guard !self.isRunning.exchange(true, ordering: .acquiringAndReleasing) else { return }
        defer { self.isRunning.store(false, ordering: .releasing) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.listen() }
            group.addTask { await self.repair() }
            group.addTask { await self.revalidate() }
        }
    }

    // MARK: Listening

    private func listen() async {
        defer { self.lost() }
        var failures = 0
        while !Task.isCancelled {
            guard let changes = self.tier.invalidations() else { return }
            for await change in changes {
                failures = 0
                self.heard(change)
            }
            self.lost()
            failures += 1
            let pause = self.gate.pause(after: failures)
            guard (try? await self.options.clock.sleep(for: pause)) != nil else { return }
        }
    }

    private func heard(_ change: CacheInvalidation) {
        switch change {
        case .gap, .all:
            // First the copies, then the news that somebody listens: in between they are dropped or end early.
            self.removeAllCopies()
            let before = self.unlistenedSince.exchange(.max, ordering: .acquiringAndReleasing)
            self.counts.withLock { $0.channel.flushes += 1 }
            if before != .max, before != .min { self.report(.channelRestored) }
        case .keys(let names):
            for name in names { self.changed(name) }
            self.counts.withLock { $0.channel.invalidations += UInt64(names.count) }
        }
    }

    private func changed(_ name: CacheKey) {
        self.watch.invalidate(name)
        self.detachFlights(name, loads: true)
        guard let copy = self.local.peek(name) else { return }
        if copy.ownHash != nil {
            self.suspect(name, copy.ticket)
        } else {
            copy.ticket.revoke()
            self.local.remove(name)
        }
    }

    private func lost() {
        let now = self.options.clock.now.nanoseconds
        let (wasListening, _) = self.unlistenedSince.compareExchange(
            expected: .max, desired: now, ordering: .acquiringAndReleasing)
        guard wasListening else { return }
        self.counts.withLock { $0.channel.losses += 1 }
        self.report(.channelLost)
    }

    // MARK: Making good

    /// Removes the keys of queued writes from the shared cache.
    private func repair() async {
        var failures = 0
        while (try? await self.repairs.waitForKeys()) != nil {
            let names = self.repairs.first(max(1, self.tier.limits.keysPerCall))
            // Look-ups that begin now see what is there after it, and those of others hear of it.
            let tickets = names.map { _ in self.makeTicket() }
            for (name, ticket) in zip(names, tickets) { self.beginWrite(name, ticket) }
            do throws(CacheError) {
                let tier = self.tier
                try await self.gate.call { () async throws(CacheError) -> Void in try await tier.delete(names) }
                failures = 0
                var count: UInt64 = 0
                for name in names where self.repairs.remove(name) {
                    self.local.remove(name)
                    count += 1
                }
                self.counts.withLock { $0.tier.repairs += count }
            } catch {
                failures += 1
            }
            for (name, ticket) in zip(names, tickets) { self.endWrite(name, ticket) }
            guard failures > 0 else { continue }
            let pause = self.gate.pause(after: failures)
            guard (try? await self.options.clock.sleep(for: pause)) != nil else { return }
        }
    }

    /// Compares copies of own writes with the shared cache after a change was told that may be an echo.
    private func revalidate() async {
        while (try? await self.suspects.waitForKeys()) != nil {
            let names = self.suspects.first(max(1, self.tier.limits.keysPerCall))
            // Before asking, so that news that come meanwhile make a suspect of the key again.
            for name in names { self.suspects.remove(name) }
            let copies = names.map { self.local.peek($0) }
            var stored: [CachedBytes?] = names.map { _ in nil }
            do throws(CacheError) {
                let tier = self.tier
                stored = try await self.gate.call { () async throws(CacheError) -> [CachedBytes?] in
                    try await tier.get(names)
                }
            } catch {
                // Without an answer no copy is kept.
            }
            for ((name, copy), stored) in zip(zip(names, copies), stored) {
                guard let copy else { continue }
                if let stored, XXH3.hash(stored.value) == copy.ownHash { continue }
                copy.ticket.revoke()
                if self.local.peek(name)?.ticket === copy.ticket { self.local.remove(name) }
            }
            self.counts.withLock { $0.channel.revalidations += UInt64(names.count) }
        }
    }
}
