import ColonyCore
import Foundation
import Testing

@Suite("Host clock", .timeLimit(.minutes(5)))
struct HostClockTests {
    private let clock = HostClock()

    @Test func `it never runs backwards`() {
        var last = self.clock.now
        for _ in 1...100_000 {
            let now = self.clock.now
            #expect(now >= last)
            last = now
        }
    }

    @Test func `it counts from boot, as the system does`() throws {
        let uptime = try String(contentsOfFile: "/proc/uptime", encoding: .utf8)
        let seconds = try #require(uptime.split(separator: " ").first.flatMap { Double($0) })
        let now = Double(self.clock.now.nanoseconds) / 1e9
        #expect(abs(now - seconds) < 30, "the clock says \(now), and the system \(seconds)")
    }

    @Test func `nobody wakes before the deadline`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...100 {
                group.addTask {
                    let deadline = self.clock.now.advanced(by: .microseconds(number * 200))
                    try await self.clock.sleep(until: deadline, tolerance: nil)
                    #expect(self.clock.now >= deadline)
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `a deadline that has passed does not suspend`() async throws {
        try await self.clock.sleep(for: .zero)
        try await self.clock.sleep(for: .seconds(-5))
        try await self.clock.sleep(until: MonotonicInstant(nanoseconds: .min), tolerance: nil)
    }

    @Test func `cancellation before the sleep ends it at once`() async {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await self.clock.sleep(for: .seconds(3_600))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        let past = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await self.clock.sleep(for: .seconds(-1))
        }
        await #expect(throws: CancellationError.self) { try await past.value }
    }

    @Test func `cancellation during the sleep ends it at once`() async throws {
        // An hour would run into the time limit of the suite.
        for delay in 0..<50 {
            let task = Task { try await self.clock.sleep(for: .seconds(3_600)) }
            try await self.clock.sleep(for: .microseconds(delay * 20))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func `a short sleep after a long one is not held up by it`() async throws {
        let long = Task { try await self.clock.sleep(for: .seconds(3_600)) }
        // The thread looks at the clock every second by itself, and right after it has woken somebody; waking again and
        // again within less shows that it was told. On a busy machine not each time is fast.
        var fastCount = 0
        for _ in 1...20 where fastCount < 3 {
            let start = self.clock.now
            try await self.clock.sleep(for: .milliseconds(5))
            if start.duration(to: self.clock.now) < .milliseconds(900) { fastCount += 1 }
        }
        #expect(fastCount == 3)
        long.cancel()
        await #expect(throws: CancellationError.self) { try await long.value }
    }

    @Test func `10,000 sleepers all wake, and a third of them by cancellation`() async throws {
        let woken = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<10_000 {
                group.addTask {
                    let task = Task {
                        let deadline = self.clock.now.advanced(
                            by: number % 3 == 0 ? .seconds(3_600) : .milliseconds(number % 200))
                        try await self.clock.sleep(until: deadline, tolerance: nil)
                        #expect(self.clock.now >= deadline)
                    }
                    if number % 3 == 0 { task.cancel() }
                    do {
                        try await task.value
                        return true
                    } catch is CancellationError {
                        return false
                    }
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(woken == 6_666)
    }
}
