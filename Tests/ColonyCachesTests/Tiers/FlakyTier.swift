import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization

/// A shared cache whose calls are late, fail, or lose their answers, as chance has it, and whose channel breaks now
/// and then.
final class FlakyTier: CacheTier {
    private struct State {
        var generator: SeededGenerator
        var isHealthy = false
    }

    private let base: MemoryCacheTier
    private let clock: any MonotonicClock
    private let state: Mutex<State>

    init(_ base: MemoryCacheTier, clock: any MonotonicClock, generator: SeededGenerator) {
        self.base = base
        self.clock = clock
        self.state = Mutex(State(generator: generator))
    }

    var guarantee: Guarantee { self.base.guarantee }
    var limits: CacheTierLimits { self.base.limits }

    /// From now on nothing goes wrong.
    func heal() { self.state.withLock { $0.isHealthy = true } }

    private func draw(_ range: Range<Int>) -> Int {
        self.state.withLock { state in
            state.isHealthy ? range.upperBound - 1 : Int.random(in: range, using: &state.generator)
        }
    }

    private func flakily<Answer>(_ body: () async throws(CacheError) -> Answer) async throws(CacheError) -> Answer {
        try await self.beLate()
        switch self.draw(0..<20) {
        case 0: throw CacheError(.unavailable, "it did not arrive")
        case 1:
            _ = try await body()
            throw CacheError(.unavailable, "the answer got lost")
        default: break
        }
        let answer = try await body()
        try await self.beLate()
        return answer
    }

    private func beLate() async throws(CacheError) {
        let late = self.draw(0..<8)
        guard late < 4 else { return }
        do {
            // Now and then beyond the deadline; the call then goes on although nobody waits.
            try await self.clock.sleep(for: .milliseconds(late == 0 ? 700 : late))
        } catch {
            throw CacheError(.cancelled, "late")
        }
    }

    func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        try await self.flakily { () async throws(CacheError) -> [CachedBytes?] in try await self.base.get(keys) }
    }

    func set(_ entries: [CacheWrite]) async throws(CacheError) {
        try await self.flakily { () async throws(CacheError) -> Void in try await self.base.set(entries) }
    }

    func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int {
        try await self.flakily { () async throws(CacheError) -> Int in try await self.base.delete(keys) }
    }

    func compareAndSet(_ entry: CacheWrite, expecting version: CacheVersion?) async throws(CacheError) -> CompareAndSet
    {
        try await self.flakily { () async throws(CacheError) -> CompareAndSet in
            try await self.base.compareAndSet(entry, expecting: version)
        }
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        try await self.flakily { () async throws(CacheError) -> Bool in
            try await self.base.compareAndDelete(key, expecting: version)
        }
    }

    /// Messages that come late, in a sequence that ends now and then.
    func invalidations() -> CacheInvalidations? {
        guard let changes = self.base.invalidations() else { return nil }
        let iterator = Iterator(changes.makeAsyncIterator())
        return CacheInvalidations(unfolding: {
            let late = self.draw(0..<12)
            if late == 0 { return nil }
            if late < 4 { try? await self.clock.sleep(for: .milliseconds(late)) }
            return await iterator.next()
        })
    }

    func close() async { await self.base.close() }

    /// The one reader of a sequence.
    private actor Iterator {
        private var base: CacheInvalidations.Iterator
        init(_ base: sending CacheInvalidations.Iterator) { self.base = base }

        func next() async -> CacheInvalidation? {
            var copy = self.base
            defer { self.base = copy }
            return await copy.next(isolation: self)
        }
    }
}
