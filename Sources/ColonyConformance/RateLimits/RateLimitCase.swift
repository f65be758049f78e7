import ColonyCore
import ColonyResilience

/// One promise of the port of shared limits, as a sentence and a test of it.
public struct RateLimitCase: Sendable, CustomStringConvertible {
    /// What an engine promises, by subject.
    public enum Property: String, Hashable, Sendable, CaseIterable, Codable {
        case decisions, retrying, looking, batches, rules, reset, names, limits, contention, cancellation, clocks
        case listing, survival
    }

    /// The promise as a sentence; unique among the cases.
    public let name: String
    /// The subject of the promise.
    public let property: Property
    let body: @Sendable (RateLimitCaseContext) async throws -> Void

    /// Makes a case of your own, to be run with the others.
    ///
    /// - Parameter body: Uses only names that its context makes, and throws ``ConformanceFailure``, by ``expect(_:_:)``, if
    ///   the engine breaks the promise.
    public init(
        _ name: String, _ property: Property, body: @escaping @Sendable (RateLimitCaseContext) async throws -> Void
    ) {
        self.name = name
        self.property = property
        self.body = body
    }

    public var description: String { self.name }

    /// Runs the case on fresh clients, with names of its own, which it resets afterwards.
    ///
    /// - Parameter limit: The longest that it may take in real time; then it counts as failed, and what it started is
    ///   cancelled and left to itself.
    /// - Returns: The outcome. A case of a power that the engine has not got is skipped with its reason.
    public func run(
        on harness: any RateLimitHarness, limit: Duration = .seconds(120)
    ) async -> ConformanceReport.Outcome {
        // A machine that is too slow three times in a row is no place to prove anything on.
        for _ in 1...3 {
            if Task.isCancelled { return .skipped("the run was cancelled") }
            do {
                let context = RateLimitCaseContext(
                    engine: try await harness.makeEngine(), other: try await harness.makeEngine(), harness: harness,
                    prefix: "conformance-\(OwnerID.unique().rawValue)/")
                let task = LeaseCaseTask { try await self.body(context) }
                let result = await task.outcome(within: limit)
                task.cancel()
                let cleaning = LeaseCaseTask { try await context.cleanUp() }
                _ = await cleaning.outcome(within: .seconds(20))
                cleaning.cancel()
                guard let result else { return .failed("it did not end within \(limit.text) of real time") }
                try result.get()
                return .passed
            } catch let absence as PowerAbsent {
                return .skipped(absence.reason)
            } catch is Inconclusive {
                continue
            } catch {
                return .failed("\(error)")
            }
        }
        return .skipped("the machine is too slow to prove it: permits came back before they could be asked for")
    }
}

/// The engine or its harness has not got what the case is about.
struct PowerAbsent: Error {
    let reason: String
}
