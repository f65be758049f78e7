/// The conformance suite of `QueueEngine`: what the port promises, as cases that any engine can be put to.
///
/// ```swift
/// for check in QueueConformance.cases {
///     print(check, await check.run(on: LiveQueueHarness { MyQueueEngine(host: "127.0.0.1") }))
/// }
/// ```
public enum QueueConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [QueueCase] =
        Self.declarationCases + Self.publishingCases + Self.orderCases + Self.leaseCases + Self.settlementCases
        + Self.keyCases + Self.delayCases + Self.deduplicationCases + Self.roomCases + Self.deadLetterCases
        + Self.waitingCases + Self.limitCases + Self.contentionCases + Self.administrationCases
}
