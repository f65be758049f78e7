import ColonyCore
import ColonyQueues

/// One promise of the port of queues, as a sentence and a test of it.
public struct QueueCase: Sendable, CustomStringConvertible {
    /// What an engine promises, by subject.
    public enum Property: String, Hashable, Sendable, CaseIterable, Codable {
        case declaration, publishing, order, leases, settlement, keys, fairness, delays, deduplication, room, waiting
        case deadLetters = "dead letters"
        case limits, contention, administration, schedules, exchanges, topics
    }

    /// The promise as a sentence; unique among the cases.
    public let name: String
    /// The subject of the promise.
    public let property: Property
    let body: @Sendable (QueueCaseContext) async throws -> Void

    /// Makes a case of your own, to be run with the others.
    ///
    /// - Parameter body: Uses only queues that its context makes, and throws ``ConformanceFailure``, by ``expect(_:_:)``, if
    ///   the engine breaks the promise.
    public init(
        _ name: String, _ property: Property, body: @escaping @Sendable (QueueCaseContext) async throws -> Void
    ) {
        self.name = name
        self.property = property
        self.body = body
    }

    public var description: String { self.name }

    /// Runs the case on fresh clients, with queues of its own, which it removes afterwards if the engine can.
    ///
    /// - Parameter limit: The longest that it may take in real time; then it counts as failed, and what it started is
    ///   cancelled and left to itself.
    /// - Returns: The outcome. Cases of a power that the engine has not are skipped.
    public func run(on harness: any QueueHarness, limit: Duration = .seconds(120)) async -> ConformanceReport.Outcome {
        // A machine that is too slow three times in a row is no place to prove anything on.
        for _ in 1...3 {
            if Task.isCancelled { return .skipped("the run was cancelled") }
            do {
                let context = QueueCaseContext(
                    engine: try await harness.makeEngine(), other: try await harness.makeEngine(), harness: harness,
                    prefix: "conformance-\(OwnerID.unique().rawValue)/")
                let outcome = await self.outcome(on: context, limit: limit)
                let cleaning = context.start { await context.cleanUp() }
                _ = await cleaning.outcome(within: harness.patience)
                cleaning.cancel()
                if let outcome { return outcome }
            } catch {
                return .failed("a client could not be made: \(error)")
            }
        }
        return .skipped("the machine is too slow to prove it: leases ended before they could be looked at")
    }

    /// `nil` if the run proved nothing.
    private func outcome(on context: QueueCaseContext, limit: Duration) async -> ConformanceReport.Outcome? {
        if [.deadLetters, .administration].contains(self.property), context.administration == nil {
            return .skipped("the engine has no power of administration")
        }
        if self.property == .schedules, !(context.engine is any ScheduleEngine) {
            return .skipped("the engine has no power of schedules")
        }
        if self.property == .exchanges, !(context.engine is any ExchangeEngine) {
            return .skipped("the engine has no power to route")
        }
        if self.property == .topics, !(context.engine is any TopicEngine) {
            return .skipped("the engine has no power of topics")
        }
        let task = context.start { try await self.body(context) }
        let result = await task.outcome(within: limit)
        task.cancel()
        guard let result else { return .failed("it did not end within \(limit.text) of real time") }
        do {
            try result.get()
            return .passed
        } catch is Inconclusive {
            return nil
        } catch {
            return .failed("\(error)")
        }
    }
}
