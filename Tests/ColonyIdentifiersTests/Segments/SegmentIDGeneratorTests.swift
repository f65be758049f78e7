import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

@Suite("A segment generator", .timeLimit(.minutes(2)))
struct SegmentIDGeneratorTests {
    private let clock = ManualClock()

    private func configuration(
        initial: Int64 = 100, minimum: Int64 = 100, maximum: Int64 = 100, waiters: Int = 1_000
    ) -> SegmentIDConfiguration {
        SegmentIDConfiguration(
            initialStep: initial, minimumStep: minimum, maximumStep: maximum, maximumWaiters: waiters)
    }

    private func generator(
        on engine: some SegmentEngine, above floor: Int64 = 0, scheme: String? = nil, _ steps: Int64 = 100,
        waiters: Int = 1_000
    ) -> SegmentIDGenerator {
        SegmentIDGenerator(
            "orders", on: engine, above: floor, scheme: scheme,
            configuration: self.configuration(initial: steps, minimum: steps, maximum: steps, waiters: waiters),
            clock: self.clock)
    }

    @Test func `numbers rise from one, over many ranges`() async throws {
        let generator = self.generator(on: .memory())
        var numbers: [Int64] = []
        for _ in 0..<1_000 { numbers.append(try await generator.next()) }
        #expect(numbers == Array(1...1_000))
        await generator.close()
    }

    @Test func `numbers start above what exists`() async throws {
        let generator = self.generator(on: .memory(), above: 5_000_000)
        #expect(try await generator.next() == 5_000_001)
        await generator.close()
    }

    @Test func `without a range the synchronous call gives nothing and has one fetched`() async throws {
        let generator = self.generator(on: .memory())
        #expect(try generator.tryNext() == nil)
        try await eventually("the range is here") { generator.statistics.remaining == 100 }
        #expect(try generator.tryNext() == 1)
        await generator.close()
    }

    @Test func `a batch spans ranges and has exactly what was asked for`() async throws {
        let generator = self.generator(on: .memory())
        #expect(try await generator.next() == 1)
        let batch = try await generator.next(count: 1_234)
        #expect(batch.count == 1_234)
        #expect(zip(batch, batch.dropFirst()).allSatisfy { $0 < $1 })
        #expect(try await generator.next() > batch[1_233])
        await generator.close()
    }

    @Test(arguments: [0, -1, SegmentIDConfiguration.largestBatch + 1])
    func `an impossible batch is refused with its size`(count: Int) async throws {
        let generator = self.generator(on: .memory())
        let error = await #expect(throws: IdentifierError.self) { try await generator.next(count: count) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("\(count)") == true)
    }

    @Test func `making a generator asks the store for nothing`() async {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock)
        let generator = self.generator(on: engine)
        await generator.close()
        #expect(engine.callCount == 0)
    }

    // MARK: Waiting

    @Test func `those who wait are served in the order of asking`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { _, _ in .hangBefore }
        let generator = self.generator(on: engine)
        var tasks: [Task<Int64, any Error>] = []
        for number in 1...50 {
            tasks.append(Task { try await generator.next() })
            try await eventually("caller \(number) waits") { generator.statistics.waiting == number }
        }
        engine.heal()
        for (index, task) in tasks.enumerated() { #expect(try await task.value == Int64(index + 1)) }
        #expect(generator.statistics.waits == 50)
        await generator.close()
    }

    @Test func `a caller that stops waiting leaves, and nobody else loses a number`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { _, _ in .hangBefore }
        let generator = self.generator(on: engine)
        let first = Task { try await generator.next() }
        try await eventually("the first waits") { generator.statistics.waiting == 1 }
        let second = Task { try await generator.next() }
        try await eventually("the second waits") { generator.statistics.waiting == 2 }
        first.cancel()
        let error = await #expect(throws: IdentifierError.self) { try await first.value }
        #expect(error?.code == .cancelled)
        engine.heal()
        #expect(try await second.value == 1)
        await generator.close()
    }

    @Test func `a cancelled task gets its number if one is here`() async throws {
        let generator = self.generator(on: .memory())
        #expect(try await generator.next() == 1)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await generator.next()
        }
        #expect(try await task.value == 2)
        await generator.close()
    }

    @Test func `a wait ends at its limit with the reason`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { _, _ in .errorBefore }
        let generator = self.generator(on: engine)
        let task = Task { try await generator.next() }
        try await eventually("it waits") { generator.statistics.waiting == 1 }
        while generator.statistics.waiting == 1 {
            self.clock.advance(by: .milliseconds(100))
            await Task.yield()
        }
        let error = await #expect(throws: IdentifierError.self) { try await task.value }
        #expect(error?.code == .unavailable)
        #expect((error?.cause as? IdentifierError)?.message == "an injected fault lost the request")
        await generator.close()
    }

    @Test func `more callers than allowed are refused at once`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { _, _ in .hangBefore }
        let generator = self.generator(on: engine, waiters: 1)
        let task = Task { try await generator.next() }
        try await eventually("one waits") { generator.statistics.waiting == 1 }
        let error = await #expect(throws: IdentifierError.self) { try await generator.next() }
        #expect(error?.code == .unavailable)
        engine.heal()
        #expect(try await task.value == 1)
        await generator.close()
    }

    // MARK: The store fails

    @Test func `slow store does not stall callers while a buffer remains`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock)
        let generator = self.generator(on: engine)
        #expect(try await generator.next() == 1)
        engine.follow { _, _ in .hangBefore }
        // From the second number to the hundredth nobody waits, although the store does not answer.
        for number in 2...100 { #expect(try generator.tryNext() == Int64(number)) }
        #expect(generator.statistics.waits == 1)
        #expect(try generator.tryNext() == nil)
        try await eventually("the request hangs") { engine.hangingCount == 1 }
        engine.heal()
        #expect(try await generator.next() == 101)
        await generator.close()
    }

    @Test func `a failed request is repeated with pauses while numbers remain`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock)
        let generator = self.generator(on: engine)
        #expect(try await generator.next() == 1)
        engine.follow { call, _ in call < 6 ? .errorBefore : nil }
        for _ in 2...20 { _ = try generator.tryNext() }
        try await eventually("the range came after all") {
            self.clock.advance(by: .milliseconds(200))
            return generator.statistics.remaining == 180
        }
        #expect(generator.statistics.failures == 4)
        #expect(generator.statistics.failuresInARow == 0)
        for number in 21...150 { #expect(try generator.tryNext() == Int64(number)) }
        await generator.close()
    }

    @Test func `a request that hangs is cancelled at its limit and asked again, one at a time`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { call, _ in
            call == 1 ? .hangBefore : nil
        }
        let generator = self.generator(on: engine)
        let task = Task { try await generator.next() }
        try await eventually("it hangs") { engine.hangingCount == 1 }
        #expect(engine.callCount == 1)
        while engine.callCount == 1 {
            self.clock.advance(by: .milliseconds(500))
            await Task.yield()
        }
        #expect(try await task.value == 1)
        await generator.close()
    }

    @Test func `callers who poll do not make a store that is down be asked without pause`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { _, _ in .errorBefore }
        let generator = self.generator(on: engine)
        #expect(try generator.tryNext() == nil)
        try await eventually("it failed and pauses") { generator.statistics.failures == 1 }
        for _ in 1...1_000 {
            #expect(try generator.tryNext() == nil)
            await Task.yield()
        }
        // A pause is drawn from zero up, so there may have been very few more, and not one per poll.
        #expect(engine.callCount <= 3)
        await generator.close()
    }

    @Test func `lost answers skip ranges and repeat none`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: HostClock(), seed: 7) { _, generator in
            Int.random(in: 0..<3, using: &generator) == 0 ? .errorAfter : nil
        }
        let generator = SegmentIDGenerator(
            "orders", on: engine,
            configuration: SegmentIDConfiguration(
                initialStep: 10, minimumStep: 10, maximumStep: 10,
                backoff: Backoff(initial: .microseconds(1), maximum: .microseconds(10))))
        var last: Int64 = 0
        for _ in 0..<2_000 {
            let number = try await generator.next()
            #expect(number > last)
            last = number
        }
        #expect(engine.taken.count > engine.delivered.count)
        await generator.close()
    }

    @Test func `a scheme that does not match fails those who wait, and is not asked for again at once`() async throws {
        let base = MemorySegmentEngine()
        _ = try await base.takeSegment(SegmentRequest("orders", count: 1, scheme: "other"))
        let engine = FaultySegmentEngine(base, clock: self.clock)
        let generator = self.generator(on: engine, scheme: "mine")
        for _ in 1...3 {
            let error = await #expect(throws: IdentifierError.self) { try await generator.next() }
            #expect(error?.code == .schemeMismatch)
            #expect(throws: IdentifierError.self) { try generator.tryNext() }
        }
        #expect(engine.callCount <= 2)
        await generator.close()
    }

    @Test func `an engine that repeats a range is found out`() async throws {
        final class Repeating: SegmentEngine {
            var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }
            func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
                Segment(tag: request.tag, range: 1..<request.count + 1)
            }
            func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? { nil }
            func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] { [] }
        }
        let generator = self.generator(on: Repeating())
        for number in 1...100 { #expect(try await generator.next() == Int64(number)) }
        final class Flag: Sendable { let isSet = Atomic<Bool>(false) }
        let answered = Flag()
        let error = await #expect(throws: IdentifierError.self) {
            let asking = Task {
                defer { answered.isSet.store(true, ordering: .releasing) }
                return try await generator.next()
            }
            // Requests are in their pauses, which pass only when the clock moves: as long as it takes, because the task may not even
            // have asked when the request that was begun ahead has failed.
            try await eventually("it is answered") {
                self.clock.advance(by: .milliseconds(100))
                return answered.isSet.load(ordering: .acquiring)
            }
            return try await asking.value
        }
        #expect(error?.code == .storageFailed)
        await generator.close()
    }

    // MARK: Ending

    @Test func `closing fails those who wait and those who come later`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { _, _ in .hangBefore }
        let generator = self.generator(on: engine)
        let task = Task { try await generator.next() }
        try await eventually("it waits") { generator.statistics.waiting == 1 }
        await generator.close()
        #expect(engine.hangingCount == 0)
        let error = await #expect(throws: IdentifierError.self) { try await task.value }
        #expect(error?.code == .closed)
        #expect(throws: IdentifierError.self) { try generator.tryNext() }
        await generator.close()
    }

    @Test func `closing gives up numbers that were here`() async throws {
        let generator = self.generator(on: .memory())
        _ = try await generator.next()
        await generator.close()
        let error = await #expect(throws: IdentifierError.self) { try await generator.next() }
        #expect(error?.code == .closed)
    }

    @Test func `a generator that nobody uses any more goes, and its request with it`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: self.clock) { _, _ in .hangBefore }
        weak var gone: SegmentIDGenerator?
        do {
            let generator = self.generator(on: engine)
            gone = generator
            #expect(try generator.tryNext() == nil)
            try await eventually("it hangs") { engine.hangingCount == 1 }
        }
        try await eventually("it is gone") { gone == nil && engine.hangingCount == 0 }
    }

    // MARK: Concurrency

    @Test func `many tasks of two generators get each number once, and each task rising ones`() async throws {
        let engine = MemorySegmentEngine()
        let generators = (0..<2).map { _ in
            SegmentIDGenerator(
                "orders", on: engine,
                configuration: SegmentIDConfiguration(initialStep: 10, minimumStep: 1, maximumStep: 500))
        }
        let all = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for task in 0..<16 {
                let generator = generators[task % 2]
                group.addTask {
                    var numbers: [Int64] = []
                    while numbers.count < 5_000 {
                        switch numbers.count % 3 {
                        case 0: numbers.append(try await generator.next())
                        case 1: numbers += try await generator.next(count: 7)
                        default: if let number = try generator.tryNext() { numbers.append(number) }
                        }
                        if task == 0, numbers.count % 11 == 0 { await Task.yield() }
                    }
                    return numbers
                }
            }
            return try await group.reduce(into: [[Int64]]()) { $0.append($1) }
        }
        for numbers in all { #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }) }
        let flat = all.flatMap(\.self)
        #expect(Set(flat).count == flat.count, "a number was given twice")
        for generator in generators { await generator.close() }
    }
}
