import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

/// A bulkhead and a naive model of it on the same random schedule, one event after the other.
@Suite("A bulkhead beside a naive model")
struct BulkheadModelTests {
    final class Inside: Sendable {
        private let ids = Mutex<Set<Int>>([])

        func insert(_ id: Int) { _ = self.ids.withLock { $0.insert(id) } }
        func remove(_ id: Int) { _ = self.ids.withLock { $0.remove(id) } }

        var all: Set<Int> { self.ids.withLock { $0 } }
    }

    struct Client {
        let task: Task<Void, any Error>
        let end: OneShotSignal
    }

    struct Run {
        let clock = ManualClock()
        let bulkhead: Bulkhead
        let inside = Inside()
        let maximumWaiting: Int
        var random: SeededGenerator
        var clients: [Int: Client] = [:]
        var next = 0
        // The model.
        var limit: Int
        var running: Set<Int> = []
        var line: [(id: Int, deadline: MonotonicInstant)] = []

        init(seed: Seed) throws {
            self.random = SeededGenerator(seed: seed)
            self.limit = Int.random(in: 1...4, using: &self.random)
            self.maximumWaiting = Int.random(in: 0...6, using: &self.random)
            self.bulkhead = Bulkhead(
                try BulkheadOptions(limit: self.limit, maximumWaiting: self.maximumWaiting, maximumWait: .seconds(5)),
                clock: self.clock)
        }

        mutating func step() async throws {
            switch Int.random(in: 0..<100, using: &self.random) {
            case 0..<50: try await self.begin()
            case 50..<75:
                if let id = self.running.sorted().randomElement(using: &self.random) {
                    // A call that is cancelled gives its place back like one that ends.
                    if Bool.random(using: &self.random) {
                        self.clients[id]?.end.fire()
                    } else {
                        self.clients[id]?.task.cancel()
                    }
                    _ = await self.clients.removeValue(forKey: id)?.task.result
                    self.running.remove(id)
                    self.admit()
                }
            case 75..<85:
                if !self.line.isEmpty {
                    let id = self.line.remove(at: Int.random(in: 0..<self.line.count, using: &self.random)).id
                    let task = self.clients.removeValue(forKey: id)?.task
                    task?.cancel()
                    await #expect(throws: CancellationError.self) { try await task?.value }
                }
            case 85..<95:
                self.clock.advance(by: .milliseconds(Int.random(in: 1...2_000, using: &self.random)))
                let now = self.clock.now
                for (id, deadline) in self.line where deadline <= now { try await self.expectRefusal(of: id) }
                self.line.removeAll { $0.deadline <= now }
            default:
                self.limit = Int.random(in: 1...4, using: &self.random)
                try self.bulkhead.resize(to: self.limit)
                self.admit()
            }
            try await self.compare()
        }

        private mutating func begin() async throws {
            let id = self.next
            self.next += 1
            let end = OneShotSignal()
            let task = Task { [bulkhead, inside] in
                try await bulkhead.execute {
                    inside.insert(id)
                    defer { inside.remove(id) }
                    try await end.wait()
                }
            }
            self.clients[id] = Client(task: task, end: end)
            if self.running.count < self.limit, self.line.isEmpty {
                self.running.insert(id)
            } else if self.line.count < self.maximumWaiting {
                self.line.append((id, self.clock.now.advanced(by: .seconds(5))))
            } else {
                try await self.expectRefusal(of: id)
            }
        }

        private mutating func expectRefusal(of id: Int) async throws {
            let task = try #require(self.clients.removeValue(forKey: id)?.task)
            let error = await #expect(throws: ResilienceError.self) { try await task.value }
            #expect(error?.code == .bulkheadFull)
        }

        private mutating func admit() {
            while self.running.count < self.limit, !self.line.isEmpty {
                self.running.insert(self.line.removeFirst().id)
            }
        }

        /// Waits until the bulkhead has done what the model did at once.
        private func compare() async throws {
            let end = HostClock().now.advanced(by: .seconds(30))
            while true {
                let snapshot = self.bulkhead.snapshot
                let agrees =
                    snapshot.running == self.running.count && snapshot.waiting == self.line.count
                    && self.inside.all == self.running
                if agrees { break }
                try #require(
                    HostClock().now < end,
                    "\(snapshot) with \(self.inside.all) inside, and \(self.running), \(self.line) in the model")
                await Task.yield()
            }
            // What agrees must stay so: nothing is handed out twice.
            #expect(self.bulkhead.limit == self.limit)
        }

        mutating func finish() async {
            for client in self.clients.values {
                client.task.cancel()
            }
            for client in self.clients.values {
                _ = await client.task.result
            }
            #expect(self.bulkhead.snapshot.running == 0)
            #expect(self.bulkhead.snapshot.waiting == 0)
        }
    }

    @Test func `it admits whom the model admits, and refuses whom it refuses`() async throws {
        for seed in Seed(rawValue: 900).followed(by: 60) {
            var run = try Run(seed: seed)
            do {
                for _ in 0..<200 {
                    try await run.step()
                }
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
            await run.finish()
        }
    }
}
