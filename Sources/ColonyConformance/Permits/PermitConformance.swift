public import ColonyCoordination
public import ColonyCore

/// The conformance suite of `PermitEngine`: what the port promises, as cases that any engine can be put to.
///
/// ```swift
/// let report = await PermitConformance.run(on: LiveLeaseHarness { MyEngine(host: "127.0.0.1") })
/// print(report.text)
/// ```
public enum PermitConformance: ConformanceSuite {
    /// What an engine promises, by subject.
    public enum Property: String, Hashable, Sendable, CaseIterable, Codable {
        case limit, tokens, expiry, renewal, ownership, claims, waiting, names, limits, inspection
    }

    /// What its reports are called.
    public static let port = ConformanceReport.Port.permits
    /// What an engine without the port has not got.
    public static let power = "power of permits"

    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [PermitCase] =
        Self.grantCases + Self.renewalCases + Self.expiryCases + Self.returnCases + Self.inspectionCases
        + Self.claimCases + Self.claimEndCases + Self.waitingCases + Self.wakingCases + Self.nameCases
        + Self.limitCases + Self.contentionCases

    /// The engine as one that keeps permits; `nil` if it keeps none.
    public static func client(_ engine: any LeaseEngine) -> (any PermitEngine)? { engine as? any PermitEngine }

    /// Returns what the case has left held or claimed.
    public static func cleanUp(_ context: PermitCaseContext) async throws {
        for name in context.used.all {
            let record = try await context.engine.inspectPermits(name)
            for owner in record.claims.map(\.owner) + record.holders.map(\.owner) {
                try await context.engine.returnPermits(name, owner: owner, token: nil)
            }
        }
    }
}

/// One promise of the port of permits, as a sentence and a test of it.
public typealias PermitCase = SuiteCase<PermitConformance>
