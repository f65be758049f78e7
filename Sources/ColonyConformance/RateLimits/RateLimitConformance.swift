import ColonyResilience

/// The conformance suite of `RateLimitEngine`: what the port promises, as cases that any engine can be put to.
///
/// Every answer in every case is compared with an ideal bucket, within the time that passed while it was asked for; on a
/// clock that stands still that is a comparison to the nanosecond.
///
/// ```swift
/// let report = await RateLimitConformance.run(on: LiveRateLimitHarness { MyEngine(host: "127.0.0.1") })
/// print(report.text)
/// ```
public enum RateLimitConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [RateLimitCase] =
        Self.decisionCases + Self.lookingCases + Self.batchCases + Self.ruleCases + Self.resetCases + Self.nameCases
        + Self.limitCases + Self.contentionCases + Self.clockCases + Self.listingCases

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
        on harness: any RateLimitHarness, title: String? = nil, cases: [RateLimitCase] = Self.cases,
        limit: Duration = .seconds(120), reporting: (ConformanceProgress) -> Void = { _ in }
    ) async -> ConformanceReport {
        let engine = try? await harness.makeEngine()
        let entries = await ConformanceRun.entries(cases, reporting: reporting) {
            ($0.name, $0.property.rawValue)
        } run: {
            await $0.run(on: harness, limit: limit)
        }
        return ConformanceReport(
            port: .rateLimits, engine: title ?? engine.map { "\(type(of: $0))" } ?? "an engine that could not be made",
            guarantee: engine.map { "\($0.guarantee)" } ?? "unknown", capabilities: [], entries: entries)
    }
}
