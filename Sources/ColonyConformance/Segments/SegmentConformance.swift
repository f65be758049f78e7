import ColonyIdentifiers

/// The conformance suite of `SegmentEngine`: what the port promises, as cases that any engine can be put to.
///
/// ```swift
/// let report = await SegmentConformance.run(on: LiveSegmentHarness { MySegmentEngine(host: "127.0.0.1") })
/// print(report.text)
/// ```
public enum SegmentConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [SegmentCase] =
        Self.rangeCases + Self.schemeCases + Self.limitCases + Self.recordCases + Self.contentionCases

    /// Runs cases one after another.
    ///
    /// A case that fails does not end the run, nor does an engine that never answers: each case has a limit in real time.
    ///
    /// - Parameters:
    ///   - harness: Makes the clients.
    ///   - title: What the report calls the engine; without it, the name of its type.
    ///   - cases: All, unless fewer are given.
    ///   - limit: The longest that a case may take in real time.
    ///   - reporting: Told of each beginning and end, from the calling task.
    public static func run(
        on harness: any SegmentHarness, title: String? = nil, cases: [SegmentCase] = Self.cases,
        limit: Duration = .seconds(120), reporting: (ConformanceProgress) -> Void = { _ in }
    ) async -> ConformanceReport {
        let engine = try? await harness.makeEngine()
        let entries = await ConformanceRun.entries(cases, reporting: reporting) {
            ($0.name, $0.property.rawValue)
        } run: {
            await $0.run(on: harness, limit: limit)
        }
        return ConformanceReport(
            port: .segments, engine: title ?? engine.map { "\(type(of: $0))" } ?? "an engine that could not be made",
            guarantee: engine.map { "\($0.guarantee)" } ?? "unknown", capabilities: [], entries: entries)
    }
}
