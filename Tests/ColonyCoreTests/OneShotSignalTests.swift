import ColonyCore
import Testing

@Suite("One-shot signal", .timeLimit(.minutes(5)))
struct OneShotSignalTests {
    private let clock = HostClock()

    @Test func `a signal that was fired before the wait is not lost`() async throws {
        let signal = OneShotSignal()
        signal.fire()
        signal.fire()
        #expect(try await signal.wait(until: self.clock.now.advanced(by: .seconds(60)), on: self.clock))
        try await signal.wait()
    }

    @Test func `the limit ends the wait, and a later wait still gets the signal`() async throws {
        let signal = OneShotSignal()
        #expect(try await !signal.wait(until: self.clock.now.advanced(by: .milliseconds(5)), on: self.clock))
        #expect(try await !signal.wait(until: self.clock.now, on: self.clock))
        let task = Task { try await signal.wait(until: self.clock.now.advanced(by: .seconds(60)), on: self.clock) }
        signal.fire()
        #expect(try await task.value)
    }

    @Test func `cancellation ends the wait, and the signal can be waited for again`() async throws {
        for delay in 0..<50 {
            let signal = OneShotSignal()
            let task = Task { try await signal.wait() }
            try await self.clock.sleep(for: .microseconds(delay * 5))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let again = Task { try await signal.wait() }
            signal.fire()
            try await again.value
        }
    }

    @Test func `firing and cancelling at once ends the wait one way or the other`() async {
        for _ in 1...500 {
            let signal = OneShotSignal()
            let task = Task { try await signal.wait(until: self.clock.now.advanced(by: .seconds(60)), on: self.clock) }
            async let fired: Void = signal.fire()
            async let cancelled: Void = task.cancel()
            _ = await (fired, cancelled)
            switch await task.result {
            case .success(let isFired): #expect(isFired)
            case .failure(let error): #expect(error is CancellationError)
            }
        }
    }
}
