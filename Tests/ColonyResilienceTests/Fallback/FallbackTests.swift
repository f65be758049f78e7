import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Fallback")
struct FallbackTests {
    @Test func `a failed call gets the other value, and a good one its own`() async throws {
        let fallback = Fallback<Int>("test") { error in (error as? Failure)?.number ?? -1 }
        #expect(try await fallback.execute { 1 } == 1)
        #expect(try await fallback.execute { throw Failure(number: 7) } == 7)
        #expect(try await Fallback("constant", value: 9).execute { throw Failure() } == 9)
        #expect(fallback.statistics.substitutes == 1)
    }

    @Test func `errors outside of the condition pass`() async throws {
        let fallback = Fallback("test", value: 0) { error in (error as? Failure)?.number == 1 }
        #expect(try await fallback.execute { throw Failure(number: 1) } == 0)
        await #expect(throws: Failure(number: 2)) { try await fallback.execute { throw Failure(number: 2) } }
    }

    @Test func `what the fallback throws is thrown, and told with the first error`() async throws {
        let fallback = Fallback<Int>("test") { _ in throw Failure(number: 2) }
        let events = fallback.events()
        await #expect(throws: Failure(number: 2)) { try await fallback.execute { throw Failure(number: 1) } }
        var iterator = events.makeAsyncIterator()
        guard case .failed(let second, after: let first) = await iterator.next() else {
            Issue.record("no event was told")
            return
        }
        #expect(first as? Failure == Failure(number: 1))
        #expect(second as? Failure == Failure(number: 2))
        #expect(fallback.statistics.failures == 1)
    }

    @Test func `a cancelled call has no fallback`() async throws {
        let clock = ManualClock()
        let fallback = Fallback("test", value: 0)
        let call = Task {
            try await fallback.execute {
                do { try await clock.sleep(for: .seconds(1)) } catch { throw Failure(number: 3) }
                return 1
            }
        }
        try await clock.waitForSleepers()
        call.cancel()
        await #expect(throws: Failure(number: 3)) { try await call.value }
        await #expect(throws: CancellationError.self) { try await fallback.execute { throw CancellationError() } }
        #expect(fallback.statistics.substitutes == 0)
    }

    @Test func `every layer has a short form`() async throws {
        let layer = DegradationSwitch("test")
        layer.force(.off)
        let value = try await layer.execute {
            1
        } fallback: { error in
            (error as? ResilienceError)?.code == .disabled ? 2 : 3
        }
        #expect(value == 2)
        layer.force(nil)
        await #expect(throws: CancellationError.self) {
            try await layer.execute { () -> Int in
                throw CancellationError()
            } fallback: { _ in
                2
            }
        }
    }
}
