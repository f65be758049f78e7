/// The conformance suite of `ExchangeEngine`: what the port promises beyond that of queues, as cases that any engine can be put to.
public enum ExchangeConformance {
    /// All cases, in the order in which they are run.
    public static let cases: [QueueCase] =
        Self.declarationCases + Self.routingCases + Self.atomicityCases + Self.refusalCases + Self.changeCases

    /// Runs cases one after another, as ``QueueConformance/run(on:title:cases:limit:reporting:)`` does those of queues.
    ///
    /// - Returns: The report. On an engine without the power all cases are skipped, with the reason.
    public static func run(
        on harness: any QueueHarness, title: String? = nil, cases: [QueueCase] = Self.cases,
        limit: Duration = .seconds(120), reporting: (ConformanceProgress) -> Void = { _ in }
    ) async -> ConformanceReport {
        await QueueCase.report(.exchanges, cases, on: harness, title, limit, reporting)
    }
}
