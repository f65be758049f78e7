import ColonyQueues

/// The conformance suite of `QueueEngine`: what the port promises, as cases that any engine can be put to.
///
/// ```swift
/// let report = await QueueConformance.run(on: LiveQueueHarness { MyQueueEngine(host: "127.0.0.1") })
/// print(report.text)
/// ```
public enum QueueConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [QueueCase] =
        Self.declarationCases + Self.publishingCases + Self.orderCases + Self.leaseCases + Self.settlementCases
        + Self.keyCases + Self.fairnessCases + Self.delayCases + Self.deduplicationCases + Self.roomCases
        + Self.deadLetterCases
        + Self.waitingCases + Self.limitCases + Self.contentionCases + Self.administrationCases

    /// Runs cases one after another.
    ///
    /// A case that fails does not end the run, nor does an engine that never answers: each case has a limit in real time.
    ///
    /// - Parameters:
    ///   - harness: Makes the clients and lets time pass.
    ///   - title: What the report calls the engine; without it, the name of its type.
    ///   - cases: All, unless fewer are given.
    ///   - limit: The longest that a case may take in real time.
    ///   - reporting: Told of each beginning and end, from the calling task.
    public static func run(
        on harness: any QueueHarness, title: String? = nil, cases: [QueueCase] = Self.cases,
        limit: Duration = .seconds(120), reporting: (ConformanceProgress) -> Void = { _ in }
    ) async -> ConformanceReport {
        await QueueCase.report(.queues, cases, on: harness, title, limit, reporting)
    }
}
