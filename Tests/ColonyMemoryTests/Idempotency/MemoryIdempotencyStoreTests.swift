import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Idempotency in memory")
struct MemoryIdempotencyStoreTests {
    private func request(_ key: IdempotencyKey, lease: Duration = .seconds(10)) -> IdempotencyRequest {
        IdempotencyRequest(key, owner: .unique(), lease: lease)
    }

    @Test func `when it is full it refuses new keys, and keeps every outcome for its time`() async throws {
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(capacity: 2, clock: clock)
        let (a, b, c) = (self.request("a"), self.request("b"), self.request("c"))
        let outcome = IdempotencyOutcome(.value, [1])
        #expect(try await store.begin(a) == .started)
        #expect(try await store.complete(a, with: outcome, keeping: .seconds(60)))
        #expect(try await store.begin(b) == .started)
        let error = await #expect(throws: ResilienceError.self) { try await store.begin(c) }
        #expect(error?.code == .unavailable)
        #expect(error?.retryAfter == .seconds(10))
        #expect(try await store.begin(self.request("a")) == .stored(outcome))
        clock.advance(by: .seconds(10))
        #expect(try await store.begin(c) == .started)
        #expect(store.count == 2)
    }

    @Test func `it takes no new keys above its bytes`() async throws {
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(maximumBytes: 10_000, clock: clock)
        let a = self.request("a")
        #expect(try await store.begin(a) == .started)
        let outcome = IdempotencyOutcome(.value, Array(repeating: 0, count: 20_000))
        #expect(try await store.complete(a, with: outcome, keeping: .seconds(60)))
        let error = await #expect(throws: ResilienceError.self) { try await store.begin(self.request("b")) }
        #expect(error?.code == .unavailable)
        clock.advance(by: .seconds(60))
        #expect(try await store.begin(self.request("b")) == .started)
    }

    @Test func `bad requests are refused with their value`() async throws {
        let store = try MemoryIdempotencyStore()
        for lease in [Duration.zero, .seconds(-1), .seconds(Int64.max)] {
            let error = await #expect(throws: ResilienceError.self) {
                try await store.begin(self.request("a", lease: lease))
            }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("\(lease)") == true)
        }
        let long = IdempotencyOutcome(.value, Array(repeating: 0, count: 1 << 20 + 1))
        for (outcome, retention) in [(long, Duration.seconds(1)), (IdempotencyOutcome(.value, []), .zero)] {
            let error = await #expect(throws: ResilienceError.self) {
                try await store.complete(self.request("a"), with: outcome, keeping: retention)
            }
            #expect(error?.code == .invalidRequest)
        }
        for capacity in [0, -1, .max] {
            let error = #expect(throws: ResilienceError.self) { try MemoryIdempotencyStore(capacity: capacity) }
            #expect(error?.message.contains("\(capacity)") == true)
        }
        #expect(throws: ResilienceError.self) { try MemoryIdempotencyStore(maximumBytes: 0) }
    }

    /// Random schedules against a model that is written from the contract and not from the code.
    @Test(arguments: Seed(rawValue: 70).followed(by: 100))
    func `it agrees with a naive model`(seed: Seed) async throws {
        var generator = SeededGenerator(seed: seed)
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(clock: clock)
        let model = IdempotencyModel()
        for _ in 0..<400 {
            clock.advance(by: .seconds(Int64.random(in: 0...4, using: &generator)))
            try await model.step(on: store, at: clock.now, using: &generator, "seed \(seed)")
        }
    }
}

/// What the contract says, in its longest form: every request that was ever made is looked at again.
private final class IdempotencyModel {
    private struct Run {
        var key: Int
        var request: IdempotencyRequest
        var end: MonotonicInstant
        var outcome: IdempotencyOutcome?
        var isOver = false
    }

    private var runs: [Run] = []

    /// The run that has a key now.
    private func present(_ key: Int, at now: MonotonicInstant) -> Int? {
        self.runs.lastIndex { $0.key == key && !$0.isOver && $0.end > now }
    }

    func step(
        on store: MemoryIdempotencyStore, at now: MonotonicInstant, using generator: inout SeededGenerator,
        _ seed: String
    ) async throws {
        let key = Int.random(in: 0..<3, using: &generator)
        let name = try IdempotencyKey("k\(key)")
        let content = try IdempotencyFingerprint([UInt8.random(in: 0...3, using: &generator) == 0 ? 1 : 0])
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<5:
            let request = IdempotencyRequest(
                name, fingerprint: content, owner: .unique(),
                lease: .seconds(Int64.random(in: 1...8, using: &generator)))
            let answer = try await store.begin(request)
            guard let index = self.present(key, at: now) else {
                #expect(answer == .started, "\(seed)")
                self.runs.append(Run(key: key, request: request, end: now.advanced(by: request.lease)))
                return
            }
            let run = self.runs[index]
            if run.request.fingerprint != content {
                #expect(answer == .conflict, "\(seed)")
            } else if let outcome = run.outcome {
                #expect(answer == .stored(outcome), "\(seed)")
            } else {
                #expect(answer == .inFlight(remaining: now.duration(to: run.end)), "\(seed)")
            }
        case 5..<8:
            guard let index = self.runs.indices.randomElement(using: &generator), !self.runs[index].isOver else {
                return
            }
            let outcome = IdempotencyOutcome(.value, [UInt8.random(in: 0...255, using: &generator)])
            let isAccepted = try await store.complete(self.runs[index].request, with: outcome, keeping: .seconds(10))
            let holder = self.present(self.runs[index].key, at: now)
            if let holder, holder != index {
                #expect(!isAccepted, "\(seed)")
            } else if holder == index, self.runs[index].outcome != nil {
                #expect(isAccepted, "\(seed)")
            } else {
                #expect(isAccepted, "\(seed)")
                self.runs[index].outcome = outcome
                self.runs[index].end = now.advanced(by: .seconds(10))
                let done = self.runs.remove(at: index)
                self.runs.append(done)
            }
        default:
            guard let index = self.runs.indices.randomElement(using: &generator), !self.runs[index].isOver else {
                return
            }
            let run = self.runs[index]
            let isAbandoned = try await store.abandon(run.request)
            if run.outcome == nil, self.present(run.key, at: now) == index {
                #expect(isAbandoned, "\(seed)")
                self.runs[index].isOver = true
            } else {
                #expect(!isAbandoned, "\(seed)")
            }
        }
    }
}
