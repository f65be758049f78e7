import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("Cache-aside among processes")
struct SharedCacheAsideTests {
    private struct Refused: Error {}

    private let clock = ManualClock()
    private let tier: MemoryCacheTier

    init() { self.tier = MemoryCacheTier(clock: self.clock) }

    /// Another process on the same tier.
    private func process(
        seed: UInt64, patience: Duration = .zero, attempts: Int = 1,
        onTierFailure: (@Sendable (CacheKey, CacheError) -> Void)? = nil
    ) throws -> SharedCacheAside {
        var options = SharedCacheAsideOptions(generator: SeededGenerator(seed: Seed(rawValue: seed)))
        options.clock = self.clock
        options.patience = patience
        options.invalidationAttempts = attempts
        options.onTierFailure = onTierFailure
        return try SharedCacheAside(over: self.tier.client(), options: options)
    }

    @Test("a value that was loaded before another process wrote is not stored after it")
    func race() async throws {
        let (first, second) = (try self.process(seed: 1), try self.process(seed: 2))
        let store = SharedValue<[UInt8]>([1])
        let loaded = Checkpoint()
        let reader = Task {
            try await first.get("k") { _ in
                let value = store.value
                await loaded.pass()
                return value
            }
        }
        await loaded.reached()
        try await second.write("k") { store.change { $0 = [2] } }
        loaded.open()
        #expect(try await reader.value == [1])
        #expect(try await second.get("k") { _ in store.value } == [2])
        // It is a hit now.
        #expect(try await first.get("k") { _ in throw Refused() } == [2])
    }

    @Test("nor when a third process has a ticket of its own meanwhile, or the ticket has run out")
    func otherTickets() async throws {
        let processes = try (1...2).map { try self.process(seed: $0) }
        let (slow, late) = (Checkpoint(), Checkpoint())
        let old = Task {
            try await processes[0].get("k") { _ in
                await slow.pass()
                return [1]
            }
        }
        await slow.reached()
        try await processes[1].invalidate("k")
        let new = Task {
            try await processes[1].get("k") { _ in
                await late.pass()
                return [2]
            }
        }
        await late.reached()
        slow.open()
        #expect(try await old.value == [1])
        self.clock.advance(by: .seconds(11))
        late.open()
        #expect(try await new.value == [2])
        #expect(try await self.tier.get(["k"]) == [nil])
    }

    @Test("a writer that dies after its commit leaves no old value, and the block ends")
    func writerDies() async throws {
        let (reader, writer) = (try self.process(seed: 1), try self.process(seed: 2))
        let store = SharedValue<[UInt8]>([1])
        #expect(try await reader.get("k") { _ in store.value } == [1])
        let committed = Checkpoint()
        let write = Task {
            try await writer.write("k") {
                store.change { $0 = [2] }
                await committed.pass()
            }
        }
        await committed.reached()
        // As far as the others can tell, the writer is dead. They read the store, and do not fill.
        #expect(try await reader.get("k") { _ in store.value } == [2])
        await #expect(throws: Refused.self) { try await reader.get("k") { _ in throw Refused() } }
        self.clock.advance(by: .seconds(31))
        #expect(try await reader.get("k") { _ in store.value } == [2])
        #expect(try await reader.get("k") { _ in throw Refused() } == [2])
        committed.open()
        try await write.value
    }

    @Test("a reader waits for the fill of another, as long as its patience lasts")
    func waits() async throws {
        let (first, second) = (try self.process(seed: 1), try self.process(seed: 2, patience: .milliseconds(100)))
        let loading = Checkpoint()
        let filler = Task {
            try await first.get("k") { _ in
                await loading.pass()
                return [1]
            }
        }
        await loading.reached()
        let impatient = Task { try await second.get("k") { _ in [9] } }
        for _ in 0..<10 {
            try await self.clock.waitForSleepers(1)
            self.clock.advance(by: .milliseconds(10))
        }
        #expect(try await impatient.value == [9])
        let patient = Task { try await second.get("k") { _ in throw Refused() } }
        try await self.clock.waitForSleepers(1)
        loading.open()
        #expect(try await filler.value == [1])
        self.clock.advance(by: .milliseconds(10))
        #expect(try await patient.value == [1])
    }

    @Test("a load that throws or finds nothing gives its ticket back")
    func givesBack() async throws {
        let aside = try self.process(seed: 1)
        await #expect(throws: Refused.self) { try await aside.get("k") { _ in throw Refused() } }
        #expect(try await self.tier.get(["k"]) == [nil])
        #expect(try await aside.get("k") { _ in nil } == nil)
        #expect(try await self.tier.get(["k"]) == [nil])
        let large = [UInt8](repeating: 0, count: self.tier.limits.valueBytes)
        #expect(try await aside.get("k") { _ in large } == large)
        #expect(try await self.tier.get(["k"]) == [nil])
    }

    @Test("a tier that is down is passed by, and somebody is told; an invalidation throws")
    func tierDown() async throws {
        let told = SharedValue<[CacheError.Code]>([])
        var options = SharedCacheAsideOptions()
        options.clock = self.clock
        options.onTierFailure = { _, error in told.change { $0.append(error.code) } }
        let aside = try SharedCacheAside(over: self.tier, options: options)
        await self.tier.close()
        #expect(try await aside.get("k") { _ in [1] } == [1])
        #expect(try await aside.write("k") { 7 } == 7)
        #expect(told.value == [.closed, .closed, .closed])
        let error = await #expect(throws: CacheError.self) { try await aside.invalidate("k") }
        #expect(error?.code == .closed)
    }

    @Test("an entry of another program is neither returned nor replaced")
    func foreignEntry() async throws {
        let told = SharedValue<[CacheError.Code]>([])
        let aside = try self.process(seed: 1) { _, error in told.change { $0.append(error.code) } }
        try await self.tier.set([CacheWrite("k", Array("text".utf8))])
        #expect(try await aside.get("k") { _ in [1] } == [1])
        #expect(told.value == [.wrongType])
        #expect(try await self.tier.get(["k"])[0]?.value == Array("text".utf8))
    }

    @Test("settings that cannot work are refused with their value")
    func badOptions() {
        var options = SharedCacheAsideOptions()
        options.ticketTimeToLive = .zero
        #expect(throws: CacheError.self) { try options.validate() }
        options = SharedCacheAsideOptions()
        options.invalidationAttempts = 0
        #expect(throws: CacheError.self) { try options.validate() }
        options = SharedCacheAsideOptions()
        options.patience = .seconds(-1)
        #expect(throws: CacheError.self) { try options.validate() }
    }
}
