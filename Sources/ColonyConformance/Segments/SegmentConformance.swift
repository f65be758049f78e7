/// The conformance suite of `SegmentEngine`: what the port promises, as cases that any engine can be put to.
///
/// ```swift
/// for check in SegmentConformance.cases {
///     print(check, await check.run(on: LiveSegmentHarness { MySegmentEngine(host: "127.0.0.1") }))
/// }
/// ```
public enum SegmentConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [SegmentCase] =
        Self.rangeCases + Self.schemeCases + Self.limitCases + Self.recordCases + Self.contentionCases
}
