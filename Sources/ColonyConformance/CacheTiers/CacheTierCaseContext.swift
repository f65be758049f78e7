public import ColonyCaches
public import ColonyCore
import Synchronization

/// What the body of a ``CacheTierCase`` works with: two clients of one store, keys that nobody else uses, and time.
public final class CacheTierCaseContext: Sendable {
    /// One client of the store.
    public let tier: any CacheTier
    /// Another client of the same store.
    public let other: any CacheTier
    /// What made the clients.
    public let harness: any CacheTierHarness
    /// What all keys of this run of the case begin with, so that cases can share a store that is in use.
    public let prefix: String
    private let used = Mutex<Set<CacheKey>>([])
    private let clients = Mutex<[any CacheTier]>([])

    /// Makes the context of one run of one case.
    ///
    /// - Parameter prefix: Used by no other run, and at most 100 bytes.
    public init(tier: any CacheTier, other: any CacheTier, harness: any CacheTierHarness, prefix: String) {
        self.tier = tier
        self.other = other
        self.harness = harness
        self.prefix = prefix
    }

    // MARK: Keys, clients, and tasks

    /// A key of this case; it is removed when the case has ended.
    public func key(_ text: String = "item") throws -> CacheKey {
        let key = try CacheKey(self.prefix + text)
        self.used.withLock { _ = $0.insert(key) }
        return key
    }

    /// A third client, closed when the case has ended.
    public func makeTier() async throws -> any CacheTier {
        let tier = try await self.harness.makeTier()
        self.clients.withLock { $0.append(tier) }
        return tier
    }

    /// Starts a task whose outcome can be waited for with a limit.
    public func start<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) -> LeaseCaseTask<Value> {
        LeaseCaseTask(body)
    }

    /// The full amount of something, reduced to the effort of the harness.
    public func amount(_ full: Int, atLeast minimum: Int = 1) -> Int {
        max(minimum, Int(Double(full) * self.harness.effort))
    }

    func cleanUp() async {
        let keys = Array(self.used.withLock { $0 })
        if let client = try? await self.harness.makeTier() {
            for start in stride(from: 0, to: keys.count, by: max(1, client.limits.keysPerCall)) {
                _ = try? await client.delete(Array(keys[start...].prefix(client.limits.keysPerCall)))
            }
            await client.close()
        }
        for tier in [self.tier, self.other] + self.clients.withLock({ $0 }) { await tier.close() }
    }

    // MARK: Time

    /// `duration` at the scale of the harness, and no shorter than the store can tell.
    public func scaled(_ duration: Duration) -> Duration {
        max(duration * self.harness.timeScale, self.harness.resolution, .milliseconds(1))
    }

    /// The time on the clock on which cases measure.
    public var now: MonotonicInstant { self.harness.clock.now }

    /// Lets `duration`, at the scale of the harness, pass on the store's clock.
    public func pass(_ duration: Duration) async throws {
        try await self.harness.advance(by: self.scaled(duration))
    }

    /// Lets so much time pass that an entry that was to stay for `timeToLive`, at the scale of the harness, is over.
    public func outlive(_ timeToLive: Duration) async throws {
        try await self.harness.advance(by: self.scaled(timeToLive) + self.harness.resolution)
    }

    /// Waits until `condition` holds; the limit is the patience of the harness, in real time.
    public func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let clock = HostClock()
        let limit = self.harness.patience
        let end = clock.now.advanced(by: limit)
        while try await !condition() {
            try expect(clock.now < end, "\(what): not within \(limit.text) of real time")
            try await clock.sleep(for: .milliseconds(2))
        }
    }

    // MARK: Asking

    /// What is stored under one key.
    public func look(_ key: CacheKey, on tier: (any CacheTier)? = nil) async throws -> CachedBytes? {
        let answers = try await (tier ?? self.tier).get([key])
        try expect(answers.count == 1, "one key was asked for, and \(answers.count) answers came")
        return answers[0]
    }

    /// Fails unless exactly `text` is stored under `key`; `nil` demands that nothing is.
    @discardableResult
    public func expectValue(
        _ text: String?, at key: CacheKey, on tier: (any CacheTier)? = nil, _ when: String
    ) async throws -> CachedBytes? {
        let found = try await self.look(key, on: tier)
        let value = found.map { String(decoding: $0.value, as: UTF8.self) }
        try expect(
            value == text,
            "\(when), \(key) holds \(value.map { "\"\($0)\"" } ?? "nothing"), and "
                + "\(text.map { "\"\($0)\"" } ?? "nothing") was expected")
        return found
    }

    /// Fails unless a call is refused with one of `codes`.
    public func expectRefusal(
        _ codes: CacheError.Code..., what: String, _ call: () async throws -> Void
    ) async throws {
        do {
            try await call()
        } catch let error as CacheError {
            try expect(
                codes.contains(error.code),
                "\(what) was refused with \(error.code), and \(codes) was expected: \(error.message)")
            return
        }
        throw ConformanceFailure("\(what) was not refused with \(codes)")
    }
}

extension CacheWrite {
    /// An entry of text.
    init(_ key: CacheKey, text: String, timeToLive: Duration? = nil) {
        self.init(key, Array(text.utf8), timeToLive: timeToLive)
    }
}
