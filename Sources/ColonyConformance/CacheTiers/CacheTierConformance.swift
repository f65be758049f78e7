/// The conformance suite of `CacheTier`: what the port promises, as cases that any tier can be put to.
///
/// ```swift
/// for check in CacheTierConformance.cases {
///     print(check, await check.run(on: LiveCacheTierHarness { MyCacheTier(host: "127.0.0.1") }))
/// }
/// ```
///
/// The store under test must have room for what the cases keep, some 50 mebibytes: an entry that it gives up for want of
/// room is one that the cases miss.
public enum CacheTierConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [CacheTierCase] =
        Self.lookupCases + Self.storageCases + Self.valueCases + Self.keyCases + Self.expiryCases + Self.deletionCases
        + Self.comparisonCases + Self.limitCases + Self.contentionCases + Self.cancellationCases
        + Self.cacheAsideCases + Self.invalidationCases + Self.closingCases
}
