import ColonyCore
import ColonyTransactions

/// One promise of the port of journals, as a sentence and a test of it.
public struct TransactionJournalCase: Sendable, CustomStringConvertible {
    /// What a journal promises, by subject.
    public enum Property: String, Hashable, Sendable, CaseIterable, Codable {
        case beginning, appending, contents, coordinators, takeover, definitions, stuck, cancellation, listing, waiting
        case limits, contention
    }

    /// The promise as a sentence; unique among the cases.
    public let name: String
    /// The subject of the promise.
    public let property: Property
    let body: @Sendable (TransactionJournalCaseContext) async throws -> Void

    /// Makes a case of your own, to be run with the others.
    ///
    /// - Parameter body: Uses only names that its context makes, and throws ``ConformanceFailure``, by ``expect(_:_:)``, if
    ///   the journal breaks the promise.
    public init(
        _ name: String, _ property: Property,
        body: @escaping @Sendable (TransactionJournalCaseContext) async throws -> Void
    ) {
        self.name = name
        self.property = property
        self.body = body
    }

    public var description: String { self.name }

    /// Runs the case on fresh clients, with names of its own, and brings what it has left open to an end.
    ///
    /// - Parameter limit: The longest that it may take in real time; then it counts as failed, and what it started is
    ///   cancelled and left to itself.
    /// - Returns: The outcome.
    public func run(
        on harness: any TransactionJournalHarness, limit: Duration = .seconds(120)
    ) async -> ConformanceReport.Outcome {
        // Leases that ran out too soon are longer at the next try. A machine that is too slow for three lengths is no place
        // to prove anything on.
        for factor in [1, 3, 9] as [Double] {
            if Task.isCancelled { return .skipped("the run was cancelled") }
            do {
                let context = TransactionJournalCaseContext(
                    journal: try await harness.makeJournal(), other: try await harness.makeJournal(), harness: harness,
                    prefix: "conformance-\(TransactionID.unique().rawValue)/",
                    timeScale: min(1, max(harness.timeScale, harness.timeScale * factor)))
                let task = LeaseCaseTask { try await self.body(context) }
                let result = await task.outcome(within: limit)
                task.cancel()
                let cleaning = LeaseCaseTask { try await context.cleanUp() }
                _ = await cleaning.outcome(within: .seconds(20))
                cleaning.cancel()
                guard let result else { return .failed("it did not end within \(limit.text) of real time") }
                try result.get()
                return .passed
            } catch is Inconclusive {
                continue
            } catch {
                return .failed("\(error)")
            }
        }
        return .skipped("the machine is too slow to prove it: leases ran out before they could be looked at")
    }
}
