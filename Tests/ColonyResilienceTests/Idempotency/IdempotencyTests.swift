import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Idempotency")
struct IdempotencyTests {
    private func idempotency(
        on store: any IdempotencyStore, clock: any MonotonicClock, wait: Duration = .seconds(10),
        storedFailure: (@Sendable (any Error) -> [UInt8]?)? = nil
    ) throws -> Idempotency<Int> {
        Idempotency(
            "test", on: store, codec: .json,
            try IdempotencyOptions(
                lease: .seconds(30), retention: .seconds(3_600), waitLimit: wait, storedFailure: storedFailure),
            clock: clock, generator: SeededGenerator(seed: 1))
    }

    @Test func `an operation runs once for each key, and its value is given again`() async throws {
        let clock = ManualClock()
        let payments = try self.idempotency(on: try MemoryIdempotencyStore(clock: clock), clock: clock)
        let script = Script([nil])
        for _ in 1...3 { #expect(try await payments.execute("a") { try script.run() } == 1) }
        #expect(try await payments.execute("b") { try script.run() } == 2)
        #expect(payments.statistics.started == 2)
        #expect(payments.statistics.replayed == 2)
        clock.advance(by: .seconds(3_600))
        #expect(try await payments.execute("a") { try script.run() } == 3, "after its time it is forgotten")
    }

    @Test func `a key that comes with another content is refused`() async throws {
        let clock = ManualClock()
        let payments = try self.idempotency(on: try MemoryIdempotencyStore(clock: clock), clock: clock)
        let script = Script([nil])
        let (first, second) = (try IdempotencyFingerprint([1]), try IdempotencyFingerprint([2]))
        _ = try await payments.execute("a", fingerprint: first) { try script.run() }
        let error = await #expect(throws: ResilienceError.self) {
            try await payments.execute("a", fingerprint: second) { try script.run() }
        }
        #expect(error?.code == .keyReused)
        #expect(error?.message.contains("a") == true)
        #expect(script.runs == 1)
    }

    @Test func `a failure gives the key up, unless it is one to be stored`() async throws {
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(clock: clock)
        let payments = try self.idempotency(on: store, clock: clock) { error in
            (error as? Failure)?.number == 2 ? Array("declined".utf8) : nil
        }
        await #expect(throws: Failure(number: 1)) { try await payments.execute("a") { throw Failure(number: 1) } }
        #expect(store.count == 0)
        await #expect(throws: Failure(number: 2)) { try await payments.execute("a") { throw Failure(number: 2) } }
        let stored = await #expect(throws: StoredFailure.self) { try await payments.execute("a") { 1 } }
        #expect(stored?.bytes == Array("declined".utf8))
        #expect(stored?.description.contains("declined") == true)
    }

    @Test func `a duplicate waits for the one that runs, and gets its value`() async throws {
        let clock = ManualClock()
        let payments = try self.idempotency(on: try MemoryIdempotencyStore(clock: clock), clock: clock)
        let finish = OneShotSignal()
        let first = Task {
            try await payments.execute("a") {
                try await finish.wait()
                return 7
            }
        }
        while payments.statistics.started == 0 { await Task.yield() }
        let second = Task { try await payments.execute("a") { 8 } }
        while payments.statistics.waited == 0 { await Task.yield() }
        finish.fire()
        #expect(try await first.value == 7)
        while payments.statistics.replayed == 0 {
            clock.advance(by: .milliseconds(1))
            await Task.yield()
        }
        #expect(try await second.value == 7)
        #expect(payments.statistics.started == 1)
    }

    @Test(arguments: [true, false])
    func `a duplicate waits no longer than its bound and its deadline`(byDeadline: Bool) async throws {
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(clock: clock)
        let limit = Duration.seconds(2)
        let payments = try self.idempotency(on: store, clock: clock, wait: byDeadline ? .seconds(60) : limit)
        let other = IdempotencyRequest("a", owner: .unique(), lease: .seconds(30))
        #expect(try await store.begin(other) == .started)
        let start = clock.now
        let call = Task {
            try await Deadline.within(byDeadline ? limit : .seconds(60), on: clock) {
                try await payments.execute("a") { 1 }
            }
        }
        let pump = Task {
            while !Task.isCancelled {
                clock.advance(by: .milliseconds(1))
                await Task.yield()
            }
        }
        let error = await #expect(throws: ResilienceError.self) { try await call.value }
        pump.cancel()
        await pump.value
        #expect(error?.code == .inFlight)
        #expect(error?.retryAfter != nil)
        #expect(start.duration(to: clock.now) >= limit)
    }

    @Test func `a cancelled duplicate stops waiting at once`() async throws {
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(clock: clock)
        let payments = try self.idempotency(on: store, clock: clock)
        #expect(try await store.begin(IdempotencyRequest("a", owner: .unique(), lease: .seconds(30))) == .started)
        let call = Task { try await payments.execute("a") { 1 } }
        try await clock.waitForSleepers()
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
    }

    @Test func `a cancelled run gives its key up`() async throws {
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(clock: clock)
        let payments = try self.idempotency(on: store, clock: clock) { _ in [1] }
        let call = Task {
            try await payments.execute("a") {
                try await OneShotSignal().wait()
                return 1
            }
        }
        while payments.statistics.started == 0 { await Task.yield() }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(store.count == 0)
        #expect(try await payments.execute("a") { 2 } == 2)
    }

    @Test func `after the lease of one that crashed the next starts anew, and a late completion is refused`()
        async throws
    {
        let clock = ManualClock()
        let store = try MemoryIdempotencyStore(clock: clock)
        let payments = try self.idempotency(on: store, clock: clock)
        let crashed = IdempotencyRequest("a", owner: .unique(), lease: .seconds(5))
        #expect(try await store.begin(crashed) == .started)
        clock.advance(by: .seconds(5))
        #expect(try await payments.execute("a") { 3 } == 3)
        #expect(try await !store.complete(crashed, with: IdempotencyOutcome(.value, [9]), keeping: .seconds(60)))
        #expect(try await payments.execute("a") { 4 } == 3)
    }

    @Test func `the lease is renewed while the operation runs`() async throws {
        let clock = ManualClock()
        let store = FaultyStore(try MemoryIdempotencyStore(clock: clock))
        let payments = try self.idempotency(on: store, clock: clock)
        let finish = OneShotSignal()
        let call = Task {
            try await payments.execute("a") {
                try await finish.wait()
                return 1
            }
        }
        // A renewal that fails is made up for by the next one.
        for round in 1...20 {
            let before = store.count(.begin)
            if round % 3 == 0 { store.fail(.begin, times: 1) }
            while store.count(.begin) == before {
                try await clock.waitForSleepers()
                clock.advanceToNextDeadline()
                await Task.yield()
            }
        }
        let other = IdempotencyRequest("a", owner: .unique(), lease: .seconds(1))
        guard case .inFlight = try await store.begin(other) else {
            Issue.record("the lease has run out")
            return
        }
        finish.fire()
        #expect(try await call.value == 1)
        #expect(payments.statistics.notRecorded == 0)
    }

    @Test func `without its store nothing is started`() async throws {
        let clock = ManualClock()
        let store = FaultyStore(try MemoryIdempotencyStore(clock: clock))
        let payments = try self.idempotency(on: store, clock: clock)
        store.fail(.begin, times: 1)
        let script = Script([nil])
        let error = await #expect(throws: ResilienceError.self) { try await payments.execute("a") { try script.run() } }
        #expect(error?.code == .unavailable)
        #expect(script.runs == 0)
    }

    @Test func `an outcome is stored again after a failure, and the caller gets it in any case`() async throws {
        let clock = ManualClock()
        let store = FaultyStore(try MemoryIdempotencyStore(clock: clock))
        let payments = try self.idempotency(on: store, clock: clock)
        store.fail(.complete, times: 2)
        #expect(try await clock.pumped { try await payments.execute("a") { 1 } } == 1)
        #expect(try await payments.execute("a") { 2 } == 1)
        store.fail(.complete, times: 4)
        #expect(try await clock.pumped { try await payments.execute("b") { 3 } } == 3)
        #expect(payments.statistics.notRecorded == 1)
    }

    @Test func `a hundred callers of one key run it once`() async throws {
        let store = try MemoryIdempotencyStore()
        let options = try IdempotencyOptions(
            polls: RetryDelays(from: .milliseconds(1), upTo: .milliseconds(5), jitter: .full))
        let payments = Idempotency<Int>("test", on: store, codec: .json, options)
        let script = Script([nil])
        let values = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    try await payments.execute("a") {
                        for _ in 0..<20 { await Task.yield() }
                        return try script.run()
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values == Array(repeating: 1, count: 100))
        #expect(script.runs == 1)
    }

    /// Each place at which a call can wait, cancelled once.
    @Test(arguments: [StoreCall.begin, .complete, .abandon])
    func `a cancellation while the store is asked leaves no key behind and loses no outcome`(call: StoreCall)
        async throws
    {
        let clock = ManualClock()
        let inner = try MemoryIdempotencyStore(clock: clock)
        let store = FaultyStore(inner)
        let payments = try self.idempotency(on: store, clock: clock)
        store.hold(call)
        let task = Task {
            try await payments.execute("a") {
                if call == .abandon { throw Failure(number: 1) }
                return 1
            }
        }
        await store.waitUntilHeld()
        task.cancel()
        store.letGo()
        switch call {
        case .begin:
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(inner.count == 0)
        case .complete:
            #expect(try await task.value == 1, "the effect is there, and so is its outcome")
            #expect(try await payments.execute("a") { 2 } == 1)
        case .abandon:
            await #expect(throws: Failure(number: 1)) { try await task.value }
            #expect(inner.count == 0)
        }
    }

    @Test func `settings that cannot work are refused with their value`() {
        func message(_ body: () throws -> IdempotencyOptions) -> String? {
            let error = #expect(throws: ResilienceError.self) { _ = try body() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message
        }
        #expect(message { try IdempotencyOptions(lease: .zero) }?.contains("0.0 seconds") == true)
        #expect(message { try IdempotencyOptions(lease: .microseconds(999)) }?.contains("0.000999") == true)
        #expect(message { try IdempotencyOptions(retention: .seconds(-1)) }?.contains("-1") == true)
        #expect(message { try IdempotencyOptions(retention: .seconds(Int64.max)) }?.contains("9.22") == true)
        #expect(message { try IdempotencyOptions(waitLimit: .seconds(-2)) }?.contains("-2") == true)
        #expect(message { try IdempotencyOptions(polls: RetryDelays.none) }?.contains("0.0 seconds") == true)
        #expect(message { try IdempotencyOptions(callLimit: .zero) }?.contains("0.0 seconds") == true)
        let long = #expect(throws: ResilienceError.self) { try IdempotencyFingerprint(Array(repeating: 0, count: 256)) }
        #expect(long?.message.contains("256 bytes") == true)
        let empty = #expect(throws: InvalidName.self) { try IdempotencyKey(String()) }
        #expect(empty?.description.contains("request key") == true)
    }
}
