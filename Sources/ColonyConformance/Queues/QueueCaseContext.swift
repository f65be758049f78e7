public import ColonyCore
public import ColonyQueues
import Synchronization

/// What the body of a ``QueueCase`` works with: two clients of one store, queues that nobody else uses, and time.
public final class QueueCaseContext: Sendable {
    /// One client of the store.
    public let engine: any QueueEngine
    /// Another client of the same store.
    public let other: any QueueEngine
    /// What made the clients.
    public let harness: any QueueHarness
    /// What all names of this run of the case begin with, so that cases can share a store that is in use.
    public let prefix: String
    private let used = Mutex<Set<QueueName>>([])
    private let usedSchedules = Mutex<Set<ScheduleName>>([])
    let usedExchanges = Mutex<Set<ExchangeName>>([])
    let usedRetentions = Mutex<Set<TopicPattern>>([])

    /// Makes the context of one run of one case.
    ///
    /// - Parameter prefix: Used by no other run, and at most 100 bytes.
    public init(engine: any QueueEngine, other: any QueueEngine, harness: any QueueHarness, prefix: String) {
        self.engine = engine
        self.other = other
        self.harness = harness
        self.prefix = prefix
    }

    /// The engine as one that can be administrated; `nil` if it cannot.
    public var administration: (any QueueAdministration)? { self.engine as? any QueueAdministration }

    // MARK: Queues and tasks

    /// A name of this case; its queue is removed when the case has ended.
    public func name(_ text: String = "queue") throws -> QueueName {
        let name = try QueueName(self.prefix + text)
        self.used.withLock { _ = $0.insert(name) }
        return name
    }

    /// A name of a schedule of this case, which is removed when the case has ended.
    public func scheduleName(_ text: String = "schedule") throws -> ScheduleName {
        let name = try ScheduleName(self.prefix + text)
        self.usedSchedules.withLock { _ = $0.insert(name) }
        return name
    }

    /// A queue with settings that fit the scale of the harness.
    public func queue(
        _ text: String = "queue", _ change: (inout QueueSettings) -> Void = { _ in }
    ) async throws -> QueueName {
        let name = try self.name(text)
        var settings = QueueSettings()
        change(&settings)
        try expect(try await self.engine.declare(name, settings), "the queue \(name) was there before it was declared")
        return name
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
        for name in self.usedSchedules.withLock({ $0 }) {
            _ = try? await (self.engine as? any ScheduleEngine)?.removeSchedule(name)
        }
        await self.cleanUpRouting()
        guard let engine = self.administration else { return }
        for name in self.used.withLock({ $0 }) {
            // Leased messages keep their queue; a store that is in use is left with it.
            while let count = try? await engine.purge(name), count > 0 {}
            while let letters = try? await engine.deadLetters(of: name, after: nil, limit: MessageLimits.batch),
                !letters.isEmpty, (try? await engine.dropDeadLetters(letters.map(\.id), of: name)) != nil
            {}
            _ = try? await engine.delete(name)
        }
    }

    // MARK: Time

    /// `duration` at the scale of the harness, and no shorter than the store can tell or a lease may be.
    public func scaled(_ duration: Duration) -> Duration {
        max(duration * self.harness.timeScale, self.harness.resolution, MessageLimits.lease.lowerBound)
    }

    /// Lets `duration`, at the scale of the harness, pass on the store's clock.
    public func pass(_ duration: Duration) async throws {
        try await self.harness.advance(by: self.scaled(duration))
    }

    /// Lets so much time pass that what was to last for `duration`, at the scale of the harness, is over.
    public func outlive(_ duration: Duration) async throws {
        try await self.harness.advance(by: self.scaled(duration) + self.harness.resolution)
    }

    /// Stops the case as proving nothing if what began at `start` and was to last for `duration` may be over.
    public func demand(_ duration: Duration, since start: MonotonicInstant) throws {
        if start.duration(to: self.harness.clock.now) >= self.scaled(duration) {
            throw Inconclusive("the machine is too slow")
        }
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

    // MARK: Messages

    /// Publishes texts and demands that all are stored.
    @discardableResult
    public func publish(
        _ texts: [String], to queue: QueueName, _ change: (inout OutgoingMessage) -> Void = { _ in }
    ) async throws -> [MessageID] {
        let messages = texts.map { text in
            var message = OutgoingMessage(Array(text.utf8))
            change(&message)
            return message
        }
        let outcomes = try await self.engine.publish(messages, to: queue)
        return try outcomes.enumerated().map { index, outcome in
            guard case .stored(let id) = outcome else {
                throw ConformanceFailure("\"\(texts[index])\" was to be stored, and the answer was \(outcome)")
            }
            return id
        }
    }

    /// Takes what can be delivered.
    public func receive(
        _ limit: Int = 100, from queue: QueueName, lease: Duration = .seconds(3_600),
        by engine: (any QueueEngine)? = nil
    ) async throws -> [Delivery] {
        try await (engine ?? self.engine).receive(limit, from: queue, lease: self.scaled(lease))
    }

    /// Takes what can be delivered and demands that it is exactly this, in this order.
    @discardableResult
    public func expectDelivery(
        _ texts: [String], from queue: QueueName, limit: Int = 100, lease: Duration = .seconds(3_600), _ when: String
    ) async throws -> [Delivery] {
        let deliveries = try await self.receive(limit, from: queue, lease: lease)
        let found = deliveries.map { String(decoding: $0.body, as: UTF8.self) }
        try expect(found == texts, "\(when), \(texts) were to be delivered, and \(found) were")
        return deliveries
    }

    /// Settles deliveries and demands the same outcome for all.
    public func settle(
        _ deliveries: [Delivery], _ kind: Settlement.Kind, in queue: QueueName,
        expecting outcome: SettlementOutcome = .settled, by engine: (any QueueEngine)? = nil
    ) async throws {
        let outcomes = try await (engine ?? self.engine).settle(
            deliveries.map { Settlement($0.receipt, kind) }, in: queue)
        // Where time passes by itself, a lease may be over before its case comes to settle it.
        let now = self.harness.clock.now
        if self.harness.timeScale < 1, outcome == .settled, outcomes.contains(.stale),
            deliveries.contains(where: { $0.leaseEnd <= now })
        {
            throw Inconclusive("the machine is too slow")
        }
        try expect(
            outcomes == Array(repeating: outcome, count: deliveries.count),
            "\(deliveries.count) settlements as \(kind) were answered with \(outcomes), and \(outcome) was expected")
    }

    /// Fails unless a call is refused with one of `codes`.
    public func expectRefusal(
        _ codes: QueueError.Code..., what: String, _ call: () async throws -> Void
    ) async throws {
        do {
            try await call()
        } catch let error as QueueError {
            try expect(
                codes.contains(error.code),
                "\(what) was refused with \(error.code), and \(codes) was expected: \(error.message)")
            return
        }
        throw ConformanceFailure("\(what) was not refused with \(codes)")
    }

    /// The power of administration, for cases that are run only where it is.
    func administrated() throws -> any QueueAdministration {
        try require(self.administration, "the engine has no power of administration")
    }
}
