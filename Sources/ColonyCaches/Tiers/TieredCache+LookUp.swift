import ColonyCore
import Synchronization

/// What a shared cache said of a key.
enum TierAnswer<Value: Sendable>: Sendable {
    case found(Value)
    case absent
    /// Something is there that cannot be read, or may be what a queued write was to replace. The version is known of
    /// bytes.
    case unreadable(CacheVersion?)
    /// It did not answer, or refused to.
    case failed(CacheError)

    var isFailed: Bool { if case .failed = self { true } else { false } }
}

extension TieredCache {
    /// Asks the shared cache, once for all who ask at the same time.
    func lookUp(_ name: CacheKey) async throws(CacheError) -> TierAnswer<Value> {
        do {
            return try await self.lookUps.value(of: name) {
                let ticket = self.makeTicket()
                self.watch.beginRead(name, ticket)
                defer { self.watch.endRead(name, ticket) }
                if self.repairs.contains(name) { try await self.repair(name) }
                return try await self.ask([name], [ticket]).first
            } ?? .absent
        } catch let error as CacheError {
            throw error
        } catch {
            throw CacheError(.cancelled, "the look-up of \(name) was cancelled", cause: error)
        }
    }

    /// Removes a key whose write may not have arrived, if the shared cache answers now; else the background work will.
    private func repair(_ name: CacheKey) async throws(CacheError) {
        let tier = self.tier
        do throws(CacheError) {
            try await self.gate.call { () async throws(CacheError) -> Void in try await tier.delete([name]) }
        } catch {
            guard error.code == .unavailable || error.code == .refused else { throw error }
            return
        }
        if self.repairs.remove(name) { self.counts.withLock { $0.tier.repairs += 1 } }
    }

    /// What an answer means to somebody who wants the value.
    func value(of answer: TierAnswer<Value>) throws(CacheError) -> Value? {
        switch answer {
        case .found(let value): return value
        case .absent, .unreadable: return nil
        case .failed(let error):
            guard self.options.failure == .soft else { throw error }
            return nil
        }
    }

    /// Asks the shared cache for keys, at most as many as it takes in a call, and keeps copies. The tickets are
    /// watched.
    func ask(_ names: [CacheKey], _ tickets: [CopyTicket]) async throws(CacheError) -> [TierAnswer<Value>] {
        let tier = self.tier
        let stored: [CachedBytes?]
        do throws(CacheError) {
            stored = try await self.gate.call { () async throws(CacheError) -> [CachedBytes?] in
                try await tier.get(names)
            }
        } catch {
            switch error.code {
            case .wrongType where names.count == 1:
                self.noteUnreadable(names[0], error)
                return [.unreadable(nil)]
            case .wrongType:
                // One key of another type must not hide the others.
                var answers: [TierAnswer<Value>] = []
                for (name, ticket) in zip(names, tickets) { answers += try await self.ask([name], [ticket]) }
                return answers
            case .unavailable, .refused:
                return names.map { _ in .failed(error) }
            default:
                throw error
            }
        }
        var answers: [TierAnswer<Value>] = []
        for ((name, ticket), bytes) in zip(zip(names, tickets), stored) {
            answers.append(self.answer(name, ticket, bytes))
        }
        return answers
    }

    private func answer(_ name: CacheKey, _ ticket: CopyTicket, _ stored: CachedBytes?) -> TierAnswer<Value> {
        // What is there may be what a write was to replace that did not arrive.
        if self.repairs.contains(name) { return .unreadable(stored?.version) }
        guard let stored else {
            self.counts.withLock { $0.tier.misses += 1 }
            return .absent
        }
        do {
            let value = try self.codec.decode(stored.value)
            self.keep(name, value, ticket, timeToLive: stored.timeToLive)
            self.counts.withLock { $0.tier.hits += 1 }
            return .found(value)
        } catch {
            self.noteUnreadable(name, error)
            return .unreadable(stored.version)
        }
    }

    private func noteUnreadable(_ name: CacheKey, _ error: any Error) {
        self.counts.withLock { $0.tier.unreadable += 1 }
        self.report(.unreadable(name, error))
    }
}
