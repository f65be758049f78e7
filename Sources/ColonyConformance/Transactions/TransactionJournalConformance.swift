import ColonyTransactions

/// The conformance suite of `TransactionJournal` and `TransactionAdministration`: what the ports promise, as cases that any
/// journal can be put to.
///
/// ```swift
/// let report = await TransactionJournalConformance.run(on: LiveTransactionJournalHarness { MyJournal(host: "127.0.0.1") })
/// print(report.text)
/// ```
public enum TransactionJournalConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [TransactionJournalCase] =
        Self.beginningCases + Self.appendingCases + Self.contentCases + Self.coordinatorCases + Self.takeoverCases
        + Self.definitionCases + Self.stuckCases + Self.cancellationCases + Self.listingCases + Self.waitingCases
        + Self.limitCases + Self.contentionCases

    /// Runs cases one after another.
    ///
    /// A case that fails does not end the run, nor does a journal that never answers: each case has a limit in real time.
    ///
    /// - Parameters:
    ///   - harness: Makes the clients and lets time pass.
    ///   - title: What the report calls the journal; without it, the name of its type.
    ///   - cases: All, unless fewer are given.
    ///   - limit: The longest that a case may take in real time.
    ///   - reporting: Told of each beginning and end, from the calling task.
    public static func run(
        on harness: any TransactionJournalHarness, title: String? = nil, cases: [TransactionJournalCase] = Self.cases,
        limit: Duration = .seconds(120), reporting: (ConformanceProgress) -> Void = { _ in }
    ) async -> ConformanceReport {
        let journal = try? await harness.makeJournal()
        let entries = await ConformanceRun.entries(cases, reporting: reporting) {
            ($0.name, $0.property.rawValue)
        } run: {
            await $0.run(on: harness, limit: limit)
        }
        return ConformanceReport(
            port: .transactions,
            engine: title ?? journal.map { "\(type(of: $0))" } ?? "a journal that could not be made",
            guarantee: journal.map { "\($0.guarantee)" } ?? "unknown", capabilities: [], entries: entries)
    }
}
