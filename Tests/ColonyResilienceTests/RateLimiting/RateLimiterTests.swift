import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

/// Who was served, in order.
private final class Served: Sendable {
    private let numbers = Mutex<[Int]>([])

    func append(_ number: Int) { self.numbers.withLock { $0.append(number) } }

    var all: [Int] { self.numbers.withLock { $0 } }
}

@Suite("A limiter", .timeLimit(.minutes(2)))
struct RateLimiterTests {
    /// Those that grant one permit a second if that is the rule. A window counter gives each other second up, because it does not know
    /// when in the earlier one the permit was granted.
    private static let regular = RateLimitAlgorithm.allCases.filter { $0 != .slidingWindowCounter }

    private let clock = ManualClock()

    private func limiter(
        _ permits: Int, per period: Duration = .seconds(1), burst: Int? = nil,
        _ algorithm: RateLimitAlgorithm = .tokenBucket, maximumWait: Duration = .zero, maximumWaiting: Int = 1_000
    ) throws -> RateLimiter {
        try RateLimiter(
            RateLimitRule(permits, per: period, burst: burst),
            RateLimiterOptions(
                name: "api", algorithm: algorithm, maximumWait: maximumWait, maximumWaiting: maximumWaiting),
            clock: self.clock)
    }

    @Test(arguments: RateLimitAlgorithm.allCases, [-1, 6, Int.min, Int.max])
    func `permits that can never be taken are refused and quoted`(algorithm: RateLimitAlgorithm, permits: Int)
        async throws
    {
        let limiter = try self.limiter(5, algorithm)
        let error = #expect(throws: ResilienceError.self) { try limiter.take(permits) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("\(permits)") == true)
        await #expect(throws: ResilienceError.self) { try await limiter.takeOrWait(permits) }
        #expect(!limiter.tryTake(permits))
        #expect(try limiter.take(5).isAllowed || algorithm == .leakyBucket)
    }

    @Test(arguments: RateLimitAlgorithm.allCases)
    func `asking for no permits changes nothing`(algorithm: RateLimitAlgorithm) throws {
        let limiter = try self.limiter(5, algorithm)
        for _ in 0..<3 {
            let look = try limiter.take(0)
            #expect(look.isAllowed && look.remaining == 5 && look.resetAfter == .zero)
        }
        #expect(!limiter.tryTake(0))
        #expect(try limiter.take(1).isAllowed)
    }

    @Test func `settings that cannot work are refused and quoted`() throws {
        let rule = try RateLimitRule(10, per: .seconds(1), burst: 20)
        let many = try RateLimitRule(1_000_001, per: .seconds(1))
        let settings: [(RateLimitRule, RateLimiterOptions, String)] = [
            (rule, RateLimiterOptions(algorithm: .slidingWindowLog), "20"),
            (rule, RateLimiterOptions(algorithm: .slidingWindowCounter), "20"),
            (many, RateLimiterOptions(algorithm: .slidingWindowLog), "1000001"),
            (rule, RateLimiterOptions(maximumWait: .seconds(-1)), "-1.0 seconds"),
            (rule, RateLimiterOptions(maximumWait: .seconds(400 * 86_400)), "34560000.0 seconds"),
            (rule, RateLimiterOptions(maximumWaiting: -3), "-3"),
        ]
        for (rule, options, quoted) in settings {
            let error = #expect(throws: ResilienceError.self) { try RateLimiter(rule, options) }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(quoted) == true, "\(error?.message ?? "")")
        }
    }

    @Test(arguments: RateLimitAlgorithm.allCases)
    func `fullBurstRetryAfter: a request for all there is waits a finite time and then passes`(
        algorithm: RateLimitAlgorithm
    ) throws {
        let limiter = try self.limiter(5, algorithm)
        #expect(try limiter.take(5).isAllowed)
        let refusal = try limiter.take(5)
        #expect(!refusal.isAllowed && refusal.retryAfter <= .seconds(2))
        self.clock.advance(by: refusal.retryAfter - .nanoseconds(1))
        #expect(try limiter.take(5).retryAfter == .nanoseconds(1))
        self.clock.advance(by: .nanoseconds(1))
        #expect(try limiter.take(5).isAllowed)
    }

    @Test func `a fixed window lets twice as much through at its edge, and a sliding log does not`() throws {
        let limiter = try self.limiter(100, per: .seconds(60), .slidingWindowLog)
        self.clock.advance(by: .seconds(59))
        #expect(try limiter.take(100).isAllowed)
        self.clock.advance(by: .seconds(2))
        #expect(try !limiter.take(1).isAllowed)
        self.clock.advance(by: .seconds(58))
        #expect(try limiter.take(100).isAllowed)
    }

    // MARK: Waiting

    @Test(arguments: Self.regular)
    func `those who wait are served in the order in which they came`(algorithm: RateLimitAlgorithm) async throws {
        let limiter = try self.limiter(1, algorithm)
        #expect(limiter.tryTake())
        let served = Served()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...5 {
                group.addTask {
                    try await limiter.takeOrWait()
                    served.append(number)
                }
                try await Polling.until { limiter.statistics.waiting == number }
            }
            for number in 1...5 {
                // Nobody passes before those who wait.
                #expect(!limiter.tryTake())
                try await self.clock.waitForSleepers(1)
                self.clock.advance(by: .seconds(1))
                try await Polling.until { served.all.count == number }
            }
            try await group.waitForAll()
        }
        #expect(served.all == [1, 2, 3, 4, 5])
        let statistics = limiter.statistics
        #expect(statistics.refused == 5 && statistics.waited == 5 && statistics.waiting == 0, "\(statistics)")
    }

    @Test func `a turn that comes too late is refused at once, and nothing is reserved`() async throws {
        let limiter = try self.limiter(1)
        #expect(limiter.tryTake())
        let error = await #expect(throws: ResilienceError.self) {
            try await limiter.takeOrWait(upTo: .milliseconds(999))
        }
        #expect(error?.code == .rateLimited && error?.retryAfter == .seconds(1))
        // The deadline of the task counts as well, and an outer one cannot be made longer.
        let late = await #expect(throws: ResilienceError.self) {
            try await Deadline.within(.milliseconds(500), on: self.clock) {
                try await Deadline.within(.seconds(60), on: self.clock) { try await limiter.takeOrWait() }
            }
        }
        #expect(late?.code == .rateLimited && late?.retryAfter == .seconds(1))
        let passed = await #expect(throws: ResilienceError.self) {
            try await Deadline.within(.zero, on: self.clock) { try await limiter.takeOrWait() }
        }
        #expect(passed?.code == .deadlineExceeded)
        self.clock.advance(by: .seconds(1))
        #expect(limiter.tryTake())
    }

    @Test func `no more wait than there are places`() async throws {
        let limiter = try self.limiter(1, maximumWaiting: 1)
        #expect(limiter.tryTake())
        let waiter = Task { try await limiter.takeOrWait() }
        try await self.clock.waitForSleepers(1)
        let error = await #expect(throws: ResilienceError.self) { try await limiter.takeOrWait() }
        #expect(error?.code == .rateLimited && error?.retryAfter == .seconds(2))
        self.clock.advance(by: .seconds(1))
        #expect(try await waiter.value == .seconds(1))
    }

    @Test(arguments: Self.regular, 0..<4)
    func `a cancelled wait gives its turn back, and those behind it move up`(
        algorithm: RateLimitAlgorithm, cancelled: Int
    ) async throws {
        let limiter = try self.limiter(1, algorithm)
        #expect(limiter.tryTake())
        var tasks: [Task<Duration, any Error>] = []
        for number in 0..<4 {
            tasks.append(Task { try await limiter.takeOrWait() })
            try await Polling.until { limiter.statistics.waiting == number + 1 }
        }
        tasks[cancelled].cancel()
        let error = await #expect(throws: ResilienceError.self) { try await tasks[cancelled].value }
        #expect(error?.code == .cancelled && error?.cause is CancellationError)
        for (place, task) in tasks.enumerated() where place != cancelled {
            try await self.clock.waitForSleepers(1)
            self.clock.advance(by: .seconds(1))
            let turn = place < cancelled ? place + 1 : place
            #expect(try await task.value == .seconds(turn))
        }
        #expect(!limiter.tryTake())
        self.clock.advance(by: .seconds(1))
        #expect(limiter.tryTake())
        #expect(!limiter.tryTake())
    }

    @Test func `a task that was cancelled before takes nothing`() async throws {
        let limiter = try self.limiter(1)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await limiter.takeOrWait()
        }
        let error = await #expect(throws: ResilienceError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(limiter.tryTake())
    }

    // MARK: The layer

    @Test func `as a layer it takes one permit for each call and refuses without starting it`() async throws {
        let limiter = try self.limiter(2)
        #expect(try await limiter.execute { 1 } == 1)
        // An operation may use the limiter that it runs under.
        #expect(try await limiter.execute { limiter.tryTake() } == false)
        let error = await #expect(throws: ResilienceError.self) {
            try await limiter.execute { Issue.record("a refused operation was started") }
        }
        #expect(error?.code == .rateLimited && error?.retryAfter == .milliseconds(500))
        #expect(error?.message.contains("api") == true)
    }

    @Test func `as a layer it waits as long as it was told, and a cancelled wait throws as tasks do`() async throws {
        let limiter = try self.limiter(1, maximumWait: .seconds(1))
        let first = try await limiter.execute { 1 }
        let second = Task { try await limiter.execute { 2 } }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(1))
        #expect(try await second.value + first == 3)
        let third = Task { try await limiter.execute { 3 } }
        try await self.clock.waitForSleepers(1)
        third.cancel()
        await #expect(throws: CancellationError.self) { try await third.value }
    }

    // MARK: The rule

    @Test(arguments: RateLimitAlgorithm.allCases)
    func `another rule holds from now on, also for those who wait`(algorithm: RateLimitAlgorithm) async throws {
        let limiter = try self.limiter(1, per: .seconds(100), algorithm)
        #expect(limiter.tryTake())
        let waiter = Task { try await limiter.takeOrWait() }
        try await self.clock.waitForSleepers(1)
        let rule = try RateLimitRule(1, per: .seconds(1))
        try limiter.change(to: rule)
        #expect(limiter.rule == rule)
        try await self.clock.waitForSleepers(1)
        // A window counter takes what it has counted to be of the present period, and so for two of them.
        let wait = Duration.seconds(algorithm == .slidingWindowCounter ? 2 : 1)
        self.clock.advance(by: wait)
        #expect(try await waiter.value == wait)
    }

    @Test func `who would wait for too long under a new rule is refused`() async throws {
        let limiter = try self.limiter(1, burst: 3)
        #expect(limiter.tryTake(3))
        let patient = Task { try await limiter.takeOrWait() }
        try await Polling.until { limiter.statistics.waiting == 1 }
        let hasty = Task { try await limiter.takeOrWait(upTo: .seconds(2)) }
        try await Polling.until { limiter.statistics.waiting == 2 }
        // Three seconds are owed, and stay owed: the first has its turn after them, and the second a permit later.
        try limiter.change(to: RateLimitRule(1, per: .seconds(10)))
        let error = await #expect(throws: ResilienceError.self) { try await hasty.value }
        #expect(error?.code == .rateLimited && error?.retryAfter == .seconds(13))
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(3))
        #expect(try await patient.value == .seconds(3))
        #expect(try limiter.take().retryAfter == .seconds(10))
    }

    @Test(arguments: RateLimitAlgorithm.allCases)
    func `a rule under which those who wait would wait for decades is refused and changes nothing`(
        algorithm: RateLimitAlgorithm
    ) async throws {
        let most = algorithm == .leakyBucket ? 1 : 1_000_000
        let limiter = try self.limiter(1_000_000, algorithm)
        #expect(limiter.tryTake(most))
        let waiter = Task { try await limiter.takeOrWait(1_000_000) }
        try await Polling.until { limiter.statistics.waiting == 1 }
        let error = #expect(throws: ResilienceError.self) {
            try limiter.change(to: RateLimitRule(1, per: .seconds(366 * 86_400)))
        }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("1000000 permits") == true)
        #expect(limiter.rule.permits == 1_000_000)
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .seconds(algorithm == .slidingWindowCounter ? 2 : 1))
        _ = try await waiter.value
        try limiter.change(to: RateLimitRule(1, per: .seconds(366 * 86_400)))
    }

    // MARK: Many at once

    @Test(arguments: RateLimitAlgorithm.allCases)
    func `threads together get no more than one would`(algorithm: RateLimitAlgorithm) async throws {
        let limiter = try RateLimiter(
            RateLimitRule(1_000, per: .seconds(3_600)), RateLimiterOptions(algorithm: algorithm))
        let granted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<1_000).count { _ in limiter.tryTake() } }
            }
            return await group.reduce(0, +)
        }
        // In an hour a permit comes back every 3.6 seconds, and a leaky bucket begins with one.
        let burst = algorithm == .leakyBucket ? 1 : 1_000
        #expect((burst...(burst + 30)).contains(granted))
    }
}
