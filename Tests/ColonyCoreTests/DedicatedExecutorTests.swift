import ColonyCore
import Foundation
import Synchronization
import Testing

@Suite("Dedicated executor", .timeLimit(.minutes(5)))
struct DedicatedExecutorTests {
    @Test func `it runs while every thread of the global pool is blocked`() throws {
        let executor = DedicatedExecutor(named: "colony-test")
        let gate = ThreadCondition(false)
        let blocked = ThreadCondition(0)
        let blockers = ProcessInfo.processInfo.activeProcessorCount * 2
        for _ in 0..<blockers {
            Task.detached {
                Self.count(in: blocked)
                Self.wait(for: gate)
            }
        }
        defer { Self.open(gate) }
        // One at least blocks for sure; the pool has as many threads as there are processors and makes no more.
        #expect(Self.wait(in: blocked, for: 1))

        let done = ThreadCondition(0)
        let clock = HostClock()
        Task(executorPreference: executor) {
            // Timers do not need the pool either.
            try await clock.sleep(for: .milliseconds(5))
            await withTaskGroup(of: Void.self) { group in
                for _ in 1...10 { group.addTask { Self.count(in: done) } }
            }
            Self.count(in: done)
        }
        #expect(Self.wait(in: done, for: 11))
    }

    @Test func `all jobs run on the one thread, in the order in which they came`() async {
        let executor = DedicatedExecutor(named: "colony-test-with-a-long-name")
        let order = Order()
        let tasks = (1...1_000).map { number in
            Task(executorPreference: executor) { order.append(number) }
        }
        for task in tasks { await task.value }
        #expect(order.numbers == Array(1...1_000))
        #expect(order.threads.count == 1)
        #expect(order.threads != ["\(pthread_self())"])
    }

    private final class Order: Sendable {
        private let state = Mutex<(numbers: [Int], threads: Set<String>)>(([], []))

        var numbers: [Int] { self.state.withLock { $0.numbers } }
        var threads: Set<String> { self.state.withLock { $0.threads } }

        func append(_ number: Int) {
            let thread = "\(pthread_self())"
            self.state.withLock { state in
                state.numbers.append(number)
                state.threads.insert(thread)
            }
        }
    }

    // These block the calling thread on purpose, which only functions that are not asynchronous may do.

    private static func count(in condition: ThreadCondition<Int>) {
        condition.withLock { $0 += 1 }
        condition.signal()
    }

    private static func wait(for gate: ThreadCondition<Bool>) {
        gate.waitLoop { isOpen in isOpen ? .done(()) : .wait(atMost: .milliseconds(100)) }
    }

    private static func open(_ gate: ThreadCondition<Bool>) {
        gate.withLock { $0 = true }
        gate.signal()
    }

    /// Whether the count gets there within half a minute.
    private static func wait(in condition: ThreadCondition<Int>, for count: Int) -> Bool {
        let end = HostClock().now.advanced(by: .seconds(30))
        return condition.waitLoop { value in
            if value >= count { return .done(true) }
            return HostClock().now < end ? .wait(atMost: .milliseconds(100)) : .done(false)
        }
    }
}
