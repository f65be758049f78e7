import ColonyCaches
import ColonyCore
import ColonySimulation
import Foundation
import Testing

@Suite("Warm-up")
struct CacheWarmupTests {
    private struct Refused: Error {}

    @Test("every key is loaded once, never more at once than allowed, and failures are counted")
    func loadsAll() async throws {
        let running = SharedValue((now: 0, most: 0))
        let loaded = SharedValue<[Int]>([])
        var calls = 0
        let report = try await CacheWarmup(concurrency: 4).run(over: Array(0..<100), progress: { _ in calls += 1 }) {
            key in
            running.change { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            await Task.yield()
            running.change { $0.now -= 1 }
            if key % 10 == 3 { throw Refused() }
            loaded.change { $0.append(key) }
        }
        #expect(report.loaded == 90 && report.failures == 10 && report.isComplete)
        #expect(report.checkpoint.failed == Array(stride(from: 3, to: 100, by: 10)))
        #expect(report.fractionCompleted == 1)
        #expect(calls == 100)
        #expect(Set(loaded.value).count == 90 && loaded.value.count == 90)
        #expect(running.value.most <= 4)
    }

    @Test("loads begin at an even pace")
    func pace() async throws {
        let clock = ManualClock()
        let begun = SharedValue<[MonotonicInstant]>([])
        let start = clock.now
        let warmup = try CacheWarmup(concurrency: 3, perSecond: 10, clock: clock)
        let run = Task {
            try await warmup.run(over: Array(0..<20)) { _ in
                let now = clock.now
                begun.change { $0.append(now) }
            }
        }
        while begun.value.count < 20 {
            clock.advanceToNextDeadline()
            await Task.yield()
        }
        #expect(try await run.value.loaded == 20)
        let times = begun.value.sorted()
        for (index, time) in times.enumerated() {
            #expect(time >= start.advanced(by: .milliseconds(100 * index)))
        }
    }

    @Test("a cancelled run goes on from its stored checkpoint, over what is left and what had failed")
    func resumes() async throws {
        let warmup = try CacheWarmup(concurrency: 2)
        let stop = Checkpoint()
        let loaded = SharedValue<[Int]>([])
        let first = Task {
            try await warmup.run(over: Array(0..<10)) { key in
                if key == 2 { throw Refused() }
                if key == 5 {
                    await stop.pass()
                    try Task.checkCancellation()
                }
                loaded.change { $0.append(key) }
            }
        }
        await stop.reached()
        first.cancel()
        stop.open()
        let report = try await first.value
        #expect(!report.isComplete && report.failures == 1)
        #expect(report.checkpoint.next == 5 && report.checkpoint.failed == [2])
        let stored = try JSONEncoder().encode(report.checkpoint)
        let checkpoint = try JSONDecoder().decode(CacheWarmupCheckpoint.self, from: stored)
        let second = try await warmup.run(over: Array(0..<10), from: checkpoint) { key in
            loaded.change { $0.append(key) }
        }
        #expect(second.isComplete && second.checkpoint.failed.isEmpty)
        #expect(loaded.value.sorted() == Array(0..<10))
    }

    @Test("a checkpoint of other keys, and settings that cannot work, are refused")
    func badInput() async throws {
        #expect(throws: CacheError.self) { try CacheWarmup(concurrency: 0) }
        for rate in [0, -1, .nan, .infinity] {
            #expect(throws: CacheError.self) { try CacheWarmup(concurrency: 1, perSecond: rate) }
        }
        let warmup = try CacheWarmup(concurrency: 1)
        let report = try await warmup.run(over: [1, 2, 3]) { _ in }
        await #expect(throws: CacheError.self) { try await warmup.run(over: [1], from: report.checkpoint) { _ in } }
        for forged in [
            #"{"keyCount":3,"next":-1,"ahead":[],"failed":[]}"#, #"{"keyCount":3,"next":2,"ahead":[1],"failed":[]}"#,
            #"{"keyCount":3,"next":0,"ahead":[2,1],"failed":[]}"#, #"{"keyCount":3,"next":3,"ahead":[],"failed":[3]}"#,
        ] {
            let checkpoint = try JSONDecoder().decode(CacheWarmupCheckpoint.self, from: Data(forged.utf8))
            await #expect(throws: CacheError.self) { try await warmup.run(over: [1, 2, 3], from: checkpoint) { _ in } }
        }
        #expect(try await warmup.run(over: [Int]()) { _ in }.isComplete)
    }
}
