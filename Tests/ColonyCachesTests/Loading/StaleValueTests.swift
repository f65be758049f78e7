import ColonyCaches
import ColonyCore
import ColonySimulation
import Synchronization
import Testing

@Suite("A loading cache and values that age")
struct StaleValueTests {
    private let clock = ManualClock()
    private let loader = HeldLoader()

    private func cache(_ change: (inout LoadingOptions<Int, Int>) -> Void) throws -> LoadingCache<Int, Int> {
        var options = LoadingOptions<Int, Int>(.count(100))
        options.clock = self.clock
        change(&options)
        let loader = self.loader
        return try LoadingCache(options) { try await loader.load($0) }
    }

    /// A cache that holds 1 under the key 1.
    private func filled(_ change: (inout LoadingOptions<Int, Int>) -> Void) async throws -> LoadingCache<Int, Int> {
        let cache = try self.cache(change)
        let first = Task { try await cache.value(for: 1) }
        try await self.loader.answer(0, .success(1))
        #expect(try await first.value == 1)
        return cache
    }

    @Test("a reload slower than the interval takes the place of the old value at last")
    func slowRefreshStillPublishes() async throws {
        let cache = try await self.filled { $0.refreshAfterWrite = .seconds(10) }
        self.clock.advance(by: .seconds(11))
        #expect(try await cache.value(for: 1) == 1)
        try await eventually { self.loader.count == 2 }
        for _ in 0..<5 {
            // The interval passes again and again; no second reload starts, and the first is not given up.
            self.clock.advance(by: .seconds(11))
            #expect(try await cache.value(for: 1) == 1)
        }
        #expect(self.loader.count == 2)
        try await self.loader.answer(1, .success(2))
        try await eventually { cache.cachedValue(for: 1) == 2 }
        #expect(cache.loadStatistics.reloads == 1)
        self.clock.advance(by: .seconds(9))
        #expect(try await cache.value(for: 1) == 2)
        #expect(self.loader.count == 2)
    }

    @Test("a value whose time is over is served while it is reloaded, and not longer than allowed")
    func staleWhileRevalidate() async throws {
        let cache = try await self.filled {
            $0.timeToLive = .seconds(10)
            $0.staleWhileRevalidate = .seconds(5)
        }
        self.clock.advance(by: .seconds(12))
        #expect(try await cache.value(for: 1) == 1)
        try await self.loader.answer(1, .success(2))
        try await eventually { cache.cachedValue(for: 1) == 2 }
        self.clock.advance(by: .seconds(15))
        #expect(cache.cachedValue(for: 1) == nil)
        let third = Task { try await cache.value(for: 1) }
        try await self.loader.answer(2, .success(3))
        #expect(try await third.value == 3)
    }

    @Test("while the source fails, the last value is served, and the source is left alone for a while")
    func failSafe() async throws {
        let cache = try await self.filled {
            $0.timeToLive = .seconds(10)
            $0.failSafe = .seconds(60)
            $0.failureThrottle = .seconds(2)
        }
        self.clock.advance(by: .seconds(11))
        let second = Task { try await cache.value(for: 1) }
        try await self.loader.answer(1, .failure(HeldLoader.Failure(number: 1)))
        #expect(try await second.value == 1)
        #expect(cache.loadStatistics.staleServed == 1)
        // Nothing is asked for while the pause lasts.
        #expect(try await cache.value(for: 1) == 1)
        #expect(self.loader.count == 2)
        self.clock.advance(by: .seconds(3))
        let third = Task { try await cache.value(for: 1) }
        try await self.loader.answer(2, .success(3))
        #expect(try await third.value == 3)
        // The time of the value, and then the time it may be served without a source.
        self.clock.advance(by: .seconds(70))
        let fourth = Task { try await cache.value(for: 1) }
        try await self.loader.answer(3, .failure(HeldLoader.Failure(number: 4)))
        await #expect(throws: HeldLoader.Failure(number: 4)) { try await fourth.value }
    }

    @Test("who has a stale value does not wait longer than the soft time-out, and the load is stored all the same")
    func softTimeOut() async throws {
        let cache = try await self.filled {
            $0.timeToLive = .seconds(10)
            $0.failSafe = .seconds(60)
            $0.softTimeOut = .milliseconds(100)
        }
        self.clock.advance(by: .seconds(11))
        let patient = Task { try await cache.value(for: 1) }
        try await eventually { self.loader.count == 2 && cache.waiters(for: 1) == 1 }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .milliseconds(100))
        #expect(try await patient.value == 1)
        // The load is slow already, so nobody else waits for it either.
        #expect(try await cache.value(for: 1) == 1)
        #expect(self.loader.count == 2)
        try await self.loader.answer(1, .success(2))
        try await eventually { cache.cachedValue(for: 1) == 2 }
    }

    @Test("a load that hangs ends with a typed error, does not hold its key up, and is given up at last")
    func hardTimeOut() async throws {
        let cache = try self.cache { $0.hardTimeOut = .seconds(1) }
        let first = Task { try await cache.value(for: 1) }
        try await eventually { self.loader.count == 1 && cache.waiters(for: 1) == 1 }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(1))
        let error = await #expect(throws: CacheError.self) { try await first.value }
        #expect(error?.code == .loadTimedOut && error?.message.contains("\"1\"") == true)
        let second = Task { try await cache.value(for: 1) }
        try await self.loader.answer(1, .success(2))
        #expect(try await second.value == 2)
        // The first one has been overtaken: what it comes to is older.
        try await self.loader.answer(0, .success(1))
        try await eventually { cache.loadStatistics.endedLoads == 2 }
        #expect(cache.cachedValue(for: 1) == 2)

        let hanging = Task { try await cache.value(for: 3) }
        try await eventually { self.loader.count == 3 && cache.waiters(for: 3) == 1 }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(1))
        await #expect(throws: CacheError.self) { try await hanging.value }
        #expect(cache.loadsUnderWay == 1)
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(9))
        try await eventually { self.loader.wasCancelled(2) && cache.loadsUnderWay == 0 }
        #expect(cache.loadStatistics.timeOuts == 2)
    }

    @Test("that there is nothing is remembered for as long as asked, and not without")
    func absence() async throws {
        let cache = try self.cache { $0.absentTimeToLive = .seconds(5) }
        let first = Task { try await cache.value(for: 1) }
        try await self.loader.answer(0, .success(nil))
        #expect(try await first.value == nil)
        #expect(try await cache.value(for: 1) == nil)
        #expect(self.loader.count == 1)
        self.clock.advance(by: .seconds(5))
        let second = Task { try await cache.value(for: 1) }
        try await self.loader.answer(1, .success(8))
        #expect(try await second.value == 8)

        let forgetful = try self.cache { _ in }
        for call in 2..<4 {
            let again = Task { try await forgetful.value(for: 9) }
            try await self.loader.answer(call, .success(nil))
            #expect(try await again.value == nil)
        }
        #expect(forgetful.count == 0)
    }

    @Test("errors are kept only where the options say so, and never over a value that may be served")
    func errors() async throws {
        let cache = try self.cache {
            $0.errorTimeToLive = { $0 is HeldLoader.Failure ? .seconds(5) : nil }
            $0.timeToLive = .seconds(10)
            $0.staleWhileRevalidate = .seconds(100)
        }
        let first = Task { try await cache.value(for: 1) }
        try await self.loader.answer(0, .failure(HeldLoader.Failure(number: 1)))
        await #expect(throws: HeldLoader.Failure(number: 1)) { try await first.value }
        await #expect(throws: HeldLoader.Failure(number: 1)) { try await cache.value(for: 1) }
        #expect(self.loader.count == 1)
        self.clock.advance(by: .seconds(5))
        let second = Task { try await cache.value(for: 1) }
        try await self.loader.answer(1, .success(2))
        #expect(try await second.value == 2)
        self.clock.advance(by: .seconds(20))
        #expect(try await cache.value(for: 1) == 2)
        try await self.loader.answer(2, .failure(HeldLoader.Failure(number: 3)))
        try await eventually { cache.loadStatistics.failures == 2 }
        #expect(try await cache.value(for: 1) == 2)
    }

    @Test("what was removed is not served as a stale value")
    func removedIsNotServedStale() async throws {
        let cache = try await self.filled {
            $0.timeToLive = .seconds(10)
            $0.failSafe = .seconds(60)
        }
        self.clock.advance(by: .seconds(11))
        let waiting = Task { try await cache.value(for: 1) }
        try await eventually { self.loader.count == 2 && cache.waiters(for: 1) == 1 }
        cache.remove(1)
        try await self.loader.answer(1, .failure(HeldLoader.Failure(number: 2)))
        await #expect(throws: HeldLoader.Failure(number: 2)) { try await waiting.value }
    }

    @Test("a reload that was asked for is waited for, and a failure leaves the old value")
    func reload() async throws {
        let cache = try await self.filled { _ in }
        let second = Task { try await cache.reload(1) }
        try await eventually { self.loader.count == 2 }
        #expect(try await cache.value(for: 1) == 1)
        try await self.loader.answer(1, .success(2))
        #expect(try await second.value == 2)
        let third = Task { try await cache.reload(1) }
        try await self.loader.answer(2, .failure(HeldLoader.Failure(number: 3)))
        await #expect(throws: HeldLoader.Failure(number: 3)) { try await third.value }
        #expect(try await cache.value(for: 1) == 2)
    }

    @Test("settings that cannot work are refused, and quoted", arguments: 0..<7)
    func badOptions(_ number: Int) {
        let error = #expect(throws: CacheError.self) {
            try self.cache { options in
                switch number {
                case 0: options.timeToLive = .zero
                case 1: options.absentTimeToLive = .seconds(-5)
                case 2: options.softTimeOut = .seconds(1)
                case 3: options.maximumConcurrentLoads = 0
                case 4: (options.hardTimeOut, options.abandonAfter) = (.seconds(5), .seconds(1))
                case 5: (options.timeToLive, options.refreshAfterWrite) = (.seconds(5), .seconds(5))
                default: options.bound = .count(0)
                }
            }
        }
        #expect(error?.code == .invalidConfiguration)
    }
}
