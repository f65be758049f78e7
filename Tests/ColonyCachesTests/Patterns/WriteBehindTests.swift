import ColonyCaches
import ColonyCore
import ColonySimulation
import Testing

@Suite("Write-behind")
struct WriteBehindTests {
    private struct Refused: Error {}
    private typealias Options = WriteBehindOptions<String, Int>
    private typealias Change = WriteBehindChange<String, Int>

    private let clock = ManualClock()
    private let written = SharedValue<[[String: Int?]]>([])

    private func options() -> Options {
        var options = Options(generator: SeededGenerator(seed: 1))
        options.clock = self.clock
        options.backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(20))
        return options
    }

    private func record(_ changes: [Change]) {
        let batch = Dictionary(uniqueKeysWithValues: changes.map { ($0.key, $0.value) })
        self.written.change { $0.append(batch) }
    }

    private func make(
        _ options: Options, capacity: Int = 100,
        _ before: @escaping @Sendable ([Change]) async throws -> Void = { _ in }
    ) throws -> WriteBehind<String, Int> {
        try WriteBehind(over: try Cache(capacity: capacity), options: options) { changes in
            try await before(changes)
            self.record(changes)
        }
    }

    @Test("changes of a key that wait are coalesced, and look-ups see them before they are written")
    func coalesces() async throws {
        let behind = try self.make(self.options(), capacity: 1)
        for value in 1...5 { try await behind.set("a", to: value) }
        try await behind.set("b", to: 1)
        try await behind.remove("c")
        #expect(behind.get("a") == 5)
        #expect(behind.get("b") == 1)
        #expect(await behind.get("c") { _ in 9 } == nil)
        #expect(self.written.value.isEmpty)
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .milliseconds(100))
        try await behind.flush()
        #expect(self.written.value == [["a": 5, "b": 1, "c": nil]])
        let statistics = behind.statistics
        #expect(statistics.written == 3 && statistics.coalesced == 4 && statistics.pending == 0)
    }

    @Test("a change that comes while an earlier one of its key is written follows it")
    func order() async throws {
        let writing = Checkpoint()
        let behind = try self.make(self.options()) { _ in await writing.pass() }
        try await behind.set("a", to: 1)
        let flush = Task { try await behind.flush() }
        await writing.reached()
        try await behind.set("a", to: 2)
        #expect(behind.get("a") == 2)
        writing.open()
        try await flush.value
        try await behind.flush()
        #expect(self.written.value == [["a": 1], ["a": 2]])
        #expect(behind.get("a") == 2)
    }

    @Test("a full line refuses with overloaded, or lets the caller wait in turn; a key in the line needs no room")
    func overload() async throws {
        var options = self.options()
        options.capacity = 2
        options.overload = .refuse
        let refusing = try self.make(options)
        try await refusing.set("a", to: 1)
        try await refusing.set("b", to: 1)
        let error = await #expect(throws: CacheError.self) { try await refusing.set("c", to: 1) }
        #expect(error?.code == .overloaded)
        try await refusing.set("a", to: 2)
        #expect(refusing.statistics.refused == 1)
        #expect(await refusing.close(within: .seconds(1)) == 0)

        options.overload = .wait
        let writing = Checkpoint()
        let waiting = try self.make(options) { _ in await writing.pass() }
        try await waiting.set("a", to: 1)
        try await waiting.set("b", to: 1)
        let third = Task { try await waiting.set("c", to: 1) }
        // One who waits for room has the worker begin at once.
        await writing.reached()
        let fourth = Task { try await waiting.set("d", to: 1) }
        fourth.cancel()
        let cancelled = await #expect(throws: CacheError.self) { try await fourth.value }
        #expect(cancelled?.code == .cancelled)
        writing.open()
        try await third.value
        try await waiting.flush()
        #expect(self.written.value.last == ["c": 1])
    }

    @Test("a batch that fails is tried again, then its changes alone; what is given up is told and leaves the cache")
    func retries() async throws {
        let told = SharedValue<[String]>([])
        var options = self.options()
        options.maximumAttempts = 2
        options.onFailure = { failure in told.change { $0.append(failure.change.key) } }
        let behind = try self.make(options) { changes in
            if changes.contains(where: { $0.key == "bad" }) { throw Refused() }
        }
        for key in ["a", "bad", "b"] { try await behind.set(key, to: 1) }
        let flush = Task { try await behind.flush() }
        let driver = Task {
            while !Task.isCancelled {
                self.clock.advanceToNextDeadline()
                await Task.yield()
            }
        }
        let error = await #expect(throws: CacheError.self) { try await flush.value }
        driver.cancel()
        #expect(error?.code == .unavailable)
        #expect(told.value == ["bad"])
        #expect(self.written.value == [["a": 1], ["b": 1]])
        #expect(behind.get("bad") == nil && behind.get("a") == 1)
        let statistics = behind.statistics
        #expect(statistics.failed == 1 && statistics.written == 2 && statistics.retried == 2)
    }

    @Test("closing writes what waits; what is left at the deadline is given up, and a late store changes nothing")
    func close() async throws {
        let told = SharedValue<[String]>([])
        var options = self.options()
        options.onFailure = { failure in told.change { $0.append(failure.change.key) } }
        let behind = try self.make(options)
        try await behind.set("a", to: 1)
        #expect(await behind.close(within: .seconds(1)) == 0)
        #expect(self.written.value == [["a": 1]])
        let closed = await #expect(throws: CacheError.self) { try await behind.set("a", to: 2) }
        #expect(closed?.code == .closed)
        #expect(behind.get("a") == 1)

        let hanging = Checkpoint()
        let stuck = try self.make(options) { _ in await hanging.pass() }
        try await stuck.set("a", to: 1)
        let closing = Task { await stuck.close(within: .seconds(5)) }
        await hanging.reached()
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(5))
        #expect(await closing.value == 1)
        #expect(told.value == ["a"])
        hanging.open()
        #expect(stuck.get("a") == nil)
        #expect(await stuck.close(within: .seconds(5)) == 0)
    }

    @Test("an object that is let go writes what it has and ends")
    func letGo() async throws {
        let writing = Checkpoint()
        var behind: WriteBehind<String, Int>? = try self.make(self.options()) { _ in await writing.pass() }
        try await behind?.set("a", to: 1)
        behind = nil
        await writing.reached()
        writing.open()
        while self.written.value.isEmpty { await Task.yield() }
        #expect(self.written.value == [["a": 1]])
    }

    @Test(
        "with a store that fails now and then each key ends at its last change and never goes back", arguments: 0..<20)
    func flakyStore(seed: UInt64) async throws {
        var options = self.options()
        options.capacity = 4
        options.batchSize = 3
        options.linger = .zero
        options.maximumAttempts = 1_000
        options.clock = HostClock()
        options.backoff = Backoff(initial: .nanoseconds(1), maximum: .nanoseconds(1))
        let random = SharedValue(SeededGenerator(seed: Seed(rawValue: seed)))
        let behind = try self.make(options, capacity: 2) { _ in
            if random.change({ $0.happens(withProbability: 0.3) }) { throw Refused() }
        }
        await withTaskGroup(of: Void.self) { group in
            for key in 0..<8 {
                group.addTask {
                    for value in 1...50 {
                        try? await behind.set("\(key)", to: value)
                        let seen = await behind.get("\(key)") { key in
                            self.written.value.last { $0[key] != nil }?[key] ?? nil
                        }
                        #expect(seen == value, "seed \(seed), key \(key)")
                    }
                }
            }
        }
        try await behind.flush()
        for key in 0..<8 {
            let values = self.written.value.compactMap { $0["\(key)"] ?? nil }
            #expect(values.last == 50)
            #expect(zip(values, values.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed): \(values)")
        }
        let statistics = behind.statistics
        #expect(statistics.written + statistics.coalesced == 400 && statistics.pending == 0)
    }

    @Test("settings that cannot work are refused with their value")
    func badOptions() {
        for change in [
            { (options: inout Options) in options.capacity = 0 }, { options in options.batchSize = -1 },
            { options in options.maximumAttempts = 0 }, { options in options.linger = .seconds(-1) },
        ] {
            var options = self.options()
            change(&options)
            #expect(throws: CacheError.self) { try self.make(options) }
        }
    }
}
