public import ColonyCoordination
public import ColonyCore

/// The conformance suite of `RegistryEngine`: what the port promises, as cases that any engine can be put to.
///
/// ```swift
/// let report = await RegistryConformance.run(on: LiveLeaseHarness { MyEngine(host: "127.0.0.1") })
/// print(report.text)
/// ```
public enum RegistryConformance: ConformanceSuite {
    /// What an engine promises, by subject.
    public enum Property: String, Hashable, Sendable, CaseIterable, Codable {
        case writing, conditions, versions, expiry, renewal, removal, snapshots, waiting, names, limits
    }

    /// What its reports are called.
    public static let port = ConformanceReport.Port.registry
    /// What an engine without the port has not got.
    public static let power = "registry"

    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [RegistryCase] =
        Self.writingCases + Self.conditionCases + Self.versionCases + Self.expiryCases + Self.renewalCases
        + Self.removalCases + Self.snapshotCases + Self.waitingCases + Self.wakingCases + Self.nameCases
        + Self.limitCases + Self.contentionCases

    /// The engine as one that keeps registries; `nil` if it keeps none.
    public static func client(_ engine: any LeaseEngine) -> (any RegistryEngine)? { engine as? any RegistryEngine }

    /// Removes the records that the case has left.
    public static func cleanUp(_ context: RegistryCaseContext) async throws {
        for group in context.used.all {
            let keys = try await context.engine.snapshot(of: group).records.map(\.key)
            try await context.concurrently(keys) { engine, key in
                try await engine.removeRecord(key, from: group, if: .always)
            }
        }
    }
}

/// One promise of the port of registries, as a sentence and a test of it.
public typealias RegistryCase = SuiteCase<RegistryConformance>
