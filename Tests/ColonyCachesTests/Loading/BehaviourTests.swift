import ColonyCaches
import ColonyCore
import ColonySimulation
import Synchronization
import Testing

/// One suite of behaviour for every policy, every way in which entries end, and every kind of loader, against a model of
/// arrays and dictionaries, with an audit of the inner structure after each run.
@Suite("Caches of every policy, expiry, and loader")
struct BehaviourTests {
    enum Ending: CaseIterable {
        case never, afterWrite, afterAccess, perEntry, absolute
    }

    enum Loading: CaseIterable {
        case none, single, bulk
    }

    struct Combination: Sendable, CustomTestStringConvertible {
        let policy: EvictionPolicy
        let ending: Ending
        let loading: Loading
        var testDescription: String { "\(self.policy), \(self.ending), \(self.loading)" }
    }

    static let combinations = EvictionPolicy.allCases.flatMap { policy in
        Ending.allCases.flatMap { ending in
            Loading.allCases.map { Combination(policy: policy, ending: ending, loading: $0) }
        }
    }

    /// What the loader reads: a value for each key that rises.
    private final class Source: Sendable {
        private let versions = Mutex<[Int: Int]>([:])
        func value(_ key: Int) -> Int { self.versions.withLock { $0[key, default: 0] } }
        func raise(_ key: Int) { self.versions.withLock { $0[key, default: 0] += 1 } }
    }

    private static let lifetime = Duration.seconds(10)

    /// A stay that depends on the key.
    private static func lifetime(of key: Int) -> Duration { .seconds(key % 5 + 1) }

    @Test("agree with a model over random steps", arguments: combinations)
    func agreesWithTheModel(_ combination: Combination) async throws {
        for seed in 0..<4 as Range<UInt64> {
            switch combination.loading {
            case .none: try self.runPlain(combination, seed)
            case .single, .bulk: try await self.runLoading(combination, seed, steps: 120)
            }
        }
    }

    @Test("a loading cache agrees with the model over 200 seeds of 1,000 steps", arguments: [Loading.single, .bulk])
    func longRuns(_ loading: Loading) async throws {
        // The endings take turns, so that each has 40 seeds.
        let endings = Ending.allCases
        for seed in 0..<200 as Range<UInt64> {
            let combination = Combination(
                policy: .adaptive, ending: endings[Int(seed) % endings.count], loading: loading)
            try await self.runLoading(combination, 1_000 + seed, steps: 1_000)
        }
    }

    private func runPlain(_ combination: Combination, _ seed: UInt64) throws {
        let clock = ManualClock()
        var options = CacheOptions<Int, Int>(.count(12))
        options.policy = combination.policy
        options.clock = clock
        options.recordsStatistics = true
        switch combination.ending {
        case .never, .absolute: break
        case .afterWrite: options.expiry.afterWrite = Self.lifetime
        case .afterAccess: options.expiry.afterAccess = Self.lifetime
        case .perEntry: options.expiry.perEntry = { key, _ in Self.lifetime(of: key) }
        }
        let cache = try Cache(options)
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        var model: [Int: (value: Int, end: MonotonicInstant?)] = [:]
        for step in 0..<250 {
            let key = Int.random(in: 0..<20, using: &random)
            let now = clock.now
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                guard let value = cache.get(key) else { break }
                let known = model[key]
                #expect(known?.value == value)
                if let end = known?.end { #expect(now < end) }
                if combination.ending == .afterAccess { model[key]?.end = now.advanced(by: Self.lifetime) }
            case 4..<7:
                var end: MonotonicInstant?
                switch combination.ending {
                case .never: cache.set(key, to: step)
                case .afterWrite, .afterAccess:
                    cache.set(key, to: step)
                    end = now.advanced(by: Self.lifetime)
                case .perEntry:
                    cache.set(key, to: step)
                    end = now.advanced(by: Self.lifetime(of: key))
                case .absolute:
                    end = now.advanced(by: .seconds(3))
                    cache.set(key, to: step, expiringAt: now.advanced(by: .seconds(3)))
                }
                model[key] = (step, end)
                #expect(cache.peek(key) == step)
            case 7:
                let removed = cache.remove(key)
                if let removed { #expect(model[key]?.value == removed) }
                model[key] = nil
                #expect(cache.peek(key) == nil)
            case 8:
                cache.update(key) { $0 = $0.map { -$0 } }
                // Whether it was there is for the cache to say; what it says from now on must fit.
                if let value = cache.peek(key) {
                    #expect(value == model[key].map { -$0.value })
                    model[key] = (value, combination.ending == .absolute ? nil : Self.end(combination.ending, key, now))
                }
            default: clock.advance(by: .seconds(1))
            }
            #expect(cache.count <= 12)
        }
        #expect(cache.defect() == nil)
        cache.removeAll()
        #expect(cache.count == 0 && cache.defect() == nil)
    }

    private static func end(_ ending: Ending, _ key: Int, _ now: MonotonicInstant) -> MonotonicInstant? {
        switch ending {
        case .never, .absolute: nil
        case .afterWrite, .afterAccess: now.advanced(by: Self.lifetime)
        case .perEntry: now.advanced(by: Self.lifetime(of: key))
        }
    }

    private func runLoading(_ combination: Combination, _ seed: UInt64, steps: Int) async throws {
        let clock = ManualClock()
        let source = Source()
        var options = LoadingOptions<Int, Int>(.count(12))
        options.policy = combination.policy
        options.clock = clock
        switch combination.ending {
        case .never: break
        case .afterWrite, .absolute: options.timeToLive = Self.lifetime
        case .afterAccess: options.expireAfterAccess = Self.lifetime
        case .perEntry: options.timeToLivePerEntry = { key, _ in Self.lifetime(of: key) }
        }
        let cache =
            combination.loading == .single
            ? try LoadingCache(options) { source.value($0) }
            : try LoadingCache(
                options,
                bulkLoader: { keys in
                    Dictionary(uniqueKeysWithValues: keys.map { ($0, source.value($0)) })
                })
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        /// What may be in the cache, and until when.
        var model: [Int: (value: Int, end: MonotonicInstant?)] = [:]
        func check(_ key: Int, _ value: Int?) throws {
            let value = try #require(value)
            let now = clock.now
            let kept = model[key].flatMap { entry in entry.end.map { now < $0 } ?? true ? entry : nil }
            let fresh = source.value(key)
            #expect(
                value == fresh || value == kept?.value,
                "key \(key): \(value) is neither \(fresh) nor \(String(describing: kept))")
            if value == fresh {
                // It may have been given up and loaded again just now, so it may stay for a whole lifetime from here.
                model[key] = (
                    value, Self.end(combination.ending == .absolute ? .afterWrite : combination.ending, key, now)
                )
            } else if combination.ending == .afterAccess {
                model[key]?.end = now.advanced(by: Self.lifetime)
            }
        }
        for _ in 0..<steps {
            let key = Int.random(in: 0..<20, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4: try check(key, try await cache.value(for: key))
            case 4..<6:
                let keys = (0..<4).map { _ in Int.random(in: 0..<20, using: &random) }
                let values = try await cache.values(for: keys)
                for key in Set(keys) { try check(key, values[key]) }
            case 6: source.raise(key)
            case 7:
                source.raise(key)
                cache.remove(key)
                model[key] = nil
            case 8:
                cache.set(key, to: -1)
                model[key] = (
                    -1, Self.end(combination.ending == .absolute ? .afterWrite : combination.ending, key, clock.now)
                )
                #expect(cache.cachedValue(for: key) == -1)
            default: clock.advance(by: .seconds(1))
            }
            #expect(cache.count <= 12)
        }
        #expect(cache.loadsUnderWay == 0 && cache.defect() == nil)
    }
}
