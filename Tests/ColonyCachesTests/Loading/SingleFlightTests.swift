import ColonyCaches
import ColonyCore
import ColonySimulation
import Synchronization
import Testing

@Suite("A loading cache shares loads")
struct SingleFlightTests {
    private func cache(
        _ loader: HeldLoader, _ change: (inout LoadingOptions<Int, Int>) -> Void = { _ in }
    ) throws -> LoadingCache<Int, Int> {
        var options = LoadingOptions<Int, Int>(.count(100))
        options.clock = ManualClock()
        change(&options)
        return try LoadingCache(options) { try await loader.load($0) }
    }

    @Test("10,000 who ask at once get the value of one call, and the same error if it fails")
    func oneLoadPerKey() async throws {
        let loader = HeldLoader()
        let cache = try self.cache(loader)
        for (call, result) in [Result<Int?, any Error>.failure(HeldLoader.Failure(number: 7)), .success(42)]
            .enumerated()
        {
            try await withThrowingTaskGroup(of: Result<Int?, any Error>.self) { group in
                for _ in 0..<10_000 {
                    group.addTask {
                        do { return .success(try await cache.value(for: 1)) } catch { return .failure(error) }
                    }
                }
                try await eventually { cache.waiters(for: 1) == 10_000 }
                try await loader.answer(call, result)
                for try await answer in group {
                    switch (answer, result) {
                    case (.success(let value), .success(let wanted)): #expect(value == wanted)
                    case (.failure(let error), .failure): #expect(error as? HeldLoader.Failure == .init(number: 7))
                    default: Issue.record("\(answer) is not \(result)")
                    }
                }
            }
            // The error was not kept: the second round has called again.
            #expect(loader.count == call + 1)
        }
        #expect(try await cache.value(for: 1) == 42)
        #expect(loader.count == 2)
        #expect(cache.loadsUnderWay == 0 && cache.defect() == nil)
        #expect(cache.loadStatistics.loads == 2 && cache.loadStatistics.failures == 1)
    }

    @Test("who came first may leave: the load goes on for the others, and ends with the last")
    func cancelledLeaderDoesNotFailFollowers() async throws {
        let loader = HeldLoader()
        let cache = try self.cache(loader)
        let leader = Task { try await cache.value(for: 1) }
        try await eventually { loader.count == 1 }
        let follower = Task { try await cache.value(for: 1) }
        try await eventually { cache.waiters(for: 1) == 2 }
        leader.cancel()
        await #expect(throws: CancellationError.self) { try await leader.value }
        #expect(!loader.wasCancelled(0))
        try await loader.answer(0, .success(5))
        #expect(try await follower.value == 5)
        #expect(cache.cachedValue(for: 1) == 5)

        let alone = Task { try await cache.value(for: 2) }
        try await eventually { loader.count == 2 }
        alone.cancel()
        await #expect(throws: CancellationError.self) { try await alone.value }
        try await eventually { loader.wasCancelled(1) }
        // Whoever asks now does not get the load that was stopped.
        let next = Task { try await cache.value(for: 2) }
        try await eventually { loader.count == 3 }
        try await loader.answer(2, .success(6))
        #expect(try await next.value == 6)
        #expect(cache.loadsUnderWay == 0)
    }

    @Test("a load that nobody waits for is not stored, even if it heeds no cancellation")
    func stoppedLoadIsNotStored() async throws {
        let loader = HeldLoader(heedsCancellation: false)
        let cache = try self.cache(loader)
        let alone = Task { try await cache.value(for: 1) }
        try await eventually { loader.count == 1 }
        alone.cancel()
        await #expect(throws: CancellationError.self) { try await alone.value }
        cache.set(1, to: 9)
        try await loader.answer(0, .success(5))
        try await eventually { cache.loadStatistics.endedLoads == 1 }
        #expect(try await cache.value(for: 1) == 9)
    }

    @Test(
        "a value loaded before a removal or a set is never stored after it", arguments: ["remove", "removeAll", "set"])
    func invalidateBeatsInFlightLoad(_ how: String) async throws {
        let loader = HeldLoader()
        let cache = try self.cache(loader)
        let early = Task { try await cache.value(for: 1) }
        try await eventually { loader.count == 1 && cache.waiters(for: 1) == 1 }
        switch how {
        case "remove": cache.remove(1)
        case "removeAll": cache.removeAll()
        default: cache.set(1, to: 2)
        }
        // Who asks after the removal is not given what was read before it.
        let late = how == "set" ? nil : Task { try await cache.value(for: 1) }
        if late != nil { try await eventually { loader.count == 2 } }
        try await loader.answer(0, .success(1))
        #expect(try await early.value == 1)
        #expect(cache.cachedValue(for: 1) == (how == "set" ? 2 : nil))
        if let late {
            try await loader.answer(1, .success(2))
            #expect(try await late.value == 2)
        }
        #expect(try await cache.value(for: 1) == 2)
        #expect(cache.loadStatistics.discarded == 1)
    }

    @Test("removals among loads on many threads never leave an old value behind")
    func invalidationRaces() async throws {
        let source = Source()
        let options = LoadingOptions<Int, Int>(.count(100))
        let cache = try LoadingCache<Int, Int>(options) { source[$0] }
        await withTaskGroup(of: Void.self) { group in
            for key in 0..<4 {
                group.addTask {
                    for version in 1...2_000 {
                        source.set(key, to: version)
                        cache.remove(key)
                        // Only this task writes the key, so nothing older may come back.
                        let value = try? await cache.value(for: key)
                        #expect(value == version)
                    }
                }
                group.addTask {
                    var latest = 0
                    for _ in 0..<4_000 {
                        guard let value = try? await cache.value(for: key) else { continue }
                        #expect(value >= latest)
                        latest = value
                    }
                }
            }
        }
        #expect(cache.loadsUnderWay == 0 && cache.defect() == nil)
    }

    @Test("a loader that asks for its own key is told so, also through another one")
    func reentry() async throws {
        let slot = Mutex<LoadingCache<Int, Int>?>(nil)
        let options = LoadingOptions<Int, Int>(.count(10))
        let cache = try LoadingCache<Int, Int>(options) { key in
            guard let cache = slot.withLock({ $0 }) else { return nil }
            switch key {
            case 1: return try await cache.value(for: 1)
            case 2: return try await cache.value(for: 3)
            case 3: return try await cache.value(for: 2)
            case 4: return try await cache.value(for: 5).map { $0 + 1 }
            default: return key
            }
        }
        slot.withLock { $0 = cache }
        let own = await #expect(throws: CacheError.self) { try await cache.value(for: 1) }
        #expect(own?.code == .loadReentered && own?.message.contains("\"1\"") == true)
        let circle = await #expect(throws: CacheError.self) { try await cache.value(for: 2) }
        #expect(circle?.code == .loadReentered)
        #expect(try await cache.value(for: 4) == 6)
        slot.withLock { $0 = nil }
    }

    @Test("no more loads run at once than allowed, and those that loads wait for pass the limit")
    func limit() async throws {
        let loader = HeldLoader()
        let cache = try self.cache(loader) { $0.maximumConcurrentLoads = 2 }
        let all = (0..<5).map { key in Task { try await cache.value(for: key) } }
        try await eventually { (0..<5).allSatisfy { cache.waiters(for: $0) == 1 } && loader.count == 2 }
        for call in 0..<5 {
            #expect(loader.count <= call + 2)
            try await loader.answer(call, .success(call))
        }
        for task in all { _ = try await task.value }
        #expect(loader.count == 5)

        let slot = Mutex<LoadingCache<Int, Int>?>(nil)
        var options = LoadingOptions<Int, Int>(.count(10))
        options.maximumConcurrentLoads = 1
        let nested = try LoadingCache<Int, Int>(options) { key in
            key == 0 ? 0 : try await slot.withLock({ $0 })?.value(for: key - 1).map { $0 + 1 }
        }
        slot.withLock { $0 = nested }
        #expect(try await nested.value(for: 8) == 8)
        slot.withLock { $0 = nil }
    }

    @Test("several keys are loaded in one call, and keys under way are waited for")
    func bulk() async throws {
        let calls = Mutex<[[Int]]>([])
        let gate = Gate()
        let cache = try LoadingCache<Int, Int>(
            LoadingOptions(.count(100)),
            bulkLoader: { keys in
                calls.withLock { $0.append(keys.sorted()) }
                if keys == [7] { await gate.pass() }
                return Dictionary(uniqueKeysWithValues: keys.filter { $0 != 3 }.map { ($0, $0 * 10) })
            })
        cache.set(1, to: 11)
        let single = Task { try await cache.value(for: 7) }
        try await eventually { calls.withLock { $0 == [[7]] } }
        let all = Task { try await cache.values(for: [1, 2, 3, 4, 7]) }
        try await eventually { calls.withLock { $0.count } == 2 }
        gate.open()
        #expect(try await all.value == [1: 11, 2: 20, 4: 40, 7: 70])
        #expect(try await single.value == 70)
        #expect(calls.withLock { $0 } == [[7], [2, 3, 4]])
        #expect(try await cache.values(for: [2, 4, 7]) == [2: 20, 4: 40, 7: 70])
        #expect(calls.withLock { $0.count } == 2)
    }

    @Test("who is cancelled while waiting for several keys leaves all of them")
    func cancelledBulk() async throws {
        let loader = HeldLoader()
        let cache = try self.cache(loader)
        let all = Task { try await cache.values(for: [1, 2, 3]) }
        try await eventually { loader.count == 3 }
        let other = Task { try await cache.value(for: 2) }
        try await eventually { cache.waiters(for: 2) == 2 }
        all.cancel()
        await #expect(throws: CancellationError.self) { try await all.value }
        let second = try #require(loader.keys.firstIndex(of: 2))
        try await eventually { (0..<3).allSatisfy { $0 == second || loader.wasCancelled($0) } }
        #expect(!loader.wasCancelled(second))
        try await loader.answer(second, .success(22))
        #expect(try await other.value == 22)
        #expect(cache.loadsUnderWay == 0)
    }
}

/// What a loader reads: a version for each of four keys.
private final class Source: Sendable {
    private let versions = Mutex([Int](repeating: 0, count: 4))

    subscript(key: Int) -> Int { self.versions.withLock { $0[key] } }
    func set(_ key: Int, to version: Int) { self.versions.withLock { $0[key] = version } }
}

/// What holds everybody up until it is opened.
private final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = self.state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
