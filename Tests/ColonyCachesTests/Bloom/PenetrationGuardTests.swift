import ColonyCaches
import ColonySimulation
import Synchronization
import Testing

@Suite("A penetration guard", .timeLimit(.minutes(2)))
struct PenetrationGuardTests {
    /// A store that is read key by key, so that writes can come before, at, and behind the reader.
    private final class Store: Sendable {
        let keys = Mutex<Set<Int>>([])

        func insert(_ key: Int) { self.keys.withLock { _ = $0.insert(key) } }

        /// Reads in the order of the keys; between two of them other tasks have their turn.
        func reading() -> AsyncStream<Int> {
            let last = Mutex(Int.min)
            return AsyncStream(unfolding: {
                await Task.yield()
                return last.withLock { last in
                    guard let next = self.keys.withLock({ $0.filter { $0 > last }.min() }) else { return nil }
                    last = next
                    return next
                }
            })
        }
    }

    @Test func bloomHasNoFalseNegativesDuringRebuild() throws {
        for seed in 0..<60 as Range<UInt64> {
            try Simulation(seed: Seed(rawValue: seed)).run { simulation in
                let guardian = try PenetrationGuard<Int>(expectedCount: 400, errorRate: 1e-9)
                let store = Store()
                for key in 0..<20 { store.insert(key * 50) }
                try await guardian.rebuild(from: store.reading())

                let rebuilding = simulation.spawn {
                    for _ in 0..<6 { try await guardian.rebuild(from: store.reading()) }
                }
                var generator = simulation.generator(for: "writers")
                let writers = (0..<4).map { _ in
                    let keys = (0..<15).map { _ in Int.random(in: 0..<1_000, using: &generator) }
                    return simulation.spawn {
                        for key in keys {
                            await guardian.inserting([key]) {
                                // Slow writes: the rebuild may begin and end within one.
                                for _ in 0..<(key % 40) { await Task.yield() }
                                store.insert(key)
                                #expect(guardian.mayContain(key))
                                for _ in 0..<(key % 7) { await Task.yield() }
                            }
                            #expect(store.keys.withLock { $0 }.allSatisfy { guardian.mayContain($0) })
                            await Task.yield()
                        }
                    }
                }
                for writer in writers { try await writer.value }
                try await rebuilding.value
                #expect(store.keys.withLock { $0 }.allSatisfy { guardian.mayContain($0) })
                #expect(guardian.report.rebuilds == 7)
                #expect(!guardian.mayContain(-1))
            }
        }
    }

    @Test func saturationIsReported() async throws {
        let told = Mutex<[PenetrationReport]>([])
        let guardian = try PenetrationGuard<Int>(expectedCount: 1_000, errorRate: 0.01, startsEmpty: true) { report in
            told.withLock { $0.append(report) }
        }
        for key in 0..<1_000 { guardian.insert(key) }
        #expect(told.withLock(\.count) == 0)
        #expect(!guardian.report.isSaturated)
        for key in 1_000..<2_000 { guardian.insert(key) }
        let reports = told.withLock { $0 }
        #expect(reports.count == 1)
        #expect(reports.first?.isSaturated == true)
        #expect(reports.first.map { (1_000...1_200).contains($0.estimatedCount) } == true)
        #expect(guardian.report.saturation > 1.9)

        // A larger filter is not saturated, and is reported anew when it is.
        let report = try await guardian.rebuild(expectedCount: 2_500, from: Self.stream(0..<2_000))
        #expect(!report.isSaturated)
        for key in 2_000..<4_000 { guardian.insert(key) }
        #expect(told.withLock(\.count) == 2)
        // One that is too small from the start is told at once.
        try await guardian.rebuild(expectedCount: 100, from: Self.stream(0..<4_000))
        #expect(told.withLock(\.count) == 3)
    }

    @Test func `every key passes before the first filter is complete`() async throws {
        let guardian = try PenetrationGuard<Int>(expectedCount: 100, errorRate: 0.01)
        #expect(guardian.mayContain(1))
        #expect(guardian.filter == nil)
        try await guardian.rebuild(from: Self.stream(5..<10))
        #expect(!guardian.mayContain(1))
        #expect(guardian.mayContain(7))
        let copy = PenetrationGuard<Int>(try #require(guardian.filter))
        #expect(!copy.mayContain(1) && copy.mayContain(7))
    }

    @Test func `a rebuild that fails leaves the present filter with what came meanwhile`() async throws {
        struct Broken: Error {}
        let guardian = try PenetrationGuard<Int>(expectedCount: 100, errorRate: 1e-9, startsEmpty: true)
        guardian.insert(1)
        let breaking = AsyncThrowingStream<Int, any Error>(unfolding: {
            guardian.insert(2)
            throw Broken()
        })
        await #expect(throws: Broken.self) { try await guardian.rebuild(from: breaking) }
        #expect(guardian.mayContain(1) && guardian.mayContain(2) && !guardian.mayContain(3))
        #expect(!guardian.report.isRebuilding)
        try await guardian.rebuild(from: Self.stream(0..<3))
    }

    @Test func `a second rebuild at the same time is refused`() async throws {
        let guardian = try PenetrationGuard<Int>(expectedCount: 100, errorRate: 0.01)
        let nested = AsyncThrowingStream<Int, any Error>(unfolding: {
            try await guardian.rebuild(from: Self.stream(0..<1))
            return nil
        })
        let error = await #expect(throws: CacheError.self) { try await guardian.rebuild(from: nested) }
        #expect(error?.code == .overloaded)
        #expect(guardian.mayContain(77), "no filter is complete")
    }

    @Test func `a cancelled rebuild is no rebuild`() async throws {
        let guardian = try PenetrationGuard<Int>(expectedCount: 100, errorRate: 0.01)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await guardian.rebuild(from: Self.stream(0..<1))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(guardian.mayContain(77), "no filter is complete")
    }

    @Test func `the loader is not asked for strangers, and the error is measured`() async throws {
        let guardian = try PenetrationGuard<Int>(expectedCount: 1_000, errorRate: 0.05, startsEmpty: true)
        for key in 0..<1_000 { guardian.insert(key) }
        var calls = 0
        for key in 0..<11_000 {
            let value = await guardian.get(key) { key -> Int? in
                calls += 1
                return key < 1_000 ? key : nil
            }
            #expect(value == (key < 1_000 ? key : nil))
        }
        let report = guardian.report
        #expect(calls == 1_000 + Int(report.falsePositives))
        #expect(report.deniedKeys + report.falsePositives == 10_000)
        let measured = try #require(report.measuredErrorRate)
        #expect(abs(measured / 0.05 - 1) < 0.2)
    }

    private static func stream(_ keys: Range<Int>) -> AsyncStream<Int> {
        AsyncStream { continuation in
            for key in keys { continuation.yield(key) }
            continuation.finish()
        }
    }
}
