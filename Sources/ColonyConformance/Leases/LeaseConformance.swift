public import ColonyCore

/// The conformance suite of ``ColonyCore/LeaseEngine``: what the port promises, as cases that any engine can be put to.
///
/// The suite knows no test framework, so engines of other packages and servers in use can be put to it as well:
///
/// ```swift
/// let harness = LiveLeaseHarness { MyLeaseEngine(host: "127.0.0.1") }
/// let report = await LeaseConformance.run(on: harness)
/// print(report.text)
/// ```
public enum LeaseConformance {
    /// All cases, in the order in which they are run: what everything else rests on comes first.
    public static let cases: [LeaseCase] =
        Self.grantCases + Self.renewalCases + Self.expiryCases + Self.releaseCases + Self.waitingCases
        + Self.nameCases + Self.limitCases + Self.inspectionCases + Self.contentionCases
        + Self.administrationCases + Self.batchCases + Self.fairnessCases + Self.observationCases

    /// The cases that an engine with these powers must pass.
    public static func cases(supportedBy capabilities: Set<Capability>) -> [LeaseCase] {
        self.cases.filter { $0.requires.isSubset(of: capabilities) }
    }

    /// How far a run has got.
    public enum Progress: Sendable {
        /// The case begins; `number` counts from 1 to `count`.
        case began(LeaseCase, number: Int, count: Int)
        case ended(ConformanceReport.Entry)
    }

    /// Runs cases one after another.
    ///
    /// A case that fails does not end the run, nor does an engine that never answers: each case has a limit in real time.
    /// A cancelled run skips the cases that are left.
    ///
    /// - Parameters:
    ///   - harness: Makes the clients and lets time pass.
    ///   - title: What the report calls the engine; without it, the name of its type.
    ///   - cases: All, unless fewer are given.
    ///   - limit: The longest that a case may take in real time.
    ///   - reporting: Told of each beginning and end, from the calling task.
    public static func run(
        on harness: any LeaseHarness, title: String? = nil, cases: [LeaseCase] = Self.cases,
        limit: Duration = .seconds(120), reporting: (Progress) -> Void = { _ in }
    ) async -> ConformanceReport {
        var entries: [ConformanceReport.Entry] = []
        let engine = try? await harness.makeEngine()
        for (index, check) in cases.enumerated() {
            reporting(.began(check, number: index + 1, count: cases.count))
            let entry = await check.run(on: harness, limit: limit)
            entries.append(entry)
            reporting(.ended(entry))
        }
        return ConformanceReport(
            engine: title ?? engine.map { "\(type(of: $0))" } ?? "an engine that could not be made",
            guarantee: engine.map { "\($0.guarantee)" } ?? "unknown",
            capabilities: engine.map { $0.capabilities.map(\.name).sorted() } ?? [],
            entries: entries)
    }
}

extension LeaseCase {
    /// Runs the case on fresh clients, with names of its own.
    ///
    /// - Parameter limit: The longest that it may take in real time; then it counts as failed, and what it started is
    ///   cancelled and left to itself.
    /// - Returns: The outcome. A case that needs a power that the engine does not have is skipped, with the reason.
    public func run(on harness: any LeaseHarness, limit: Duration = .seconds(120)) async -> ConformanceReport.Entry {
        await CaseRun.entry(
            self.name, self.property.rawValue, on: harness, limit: limit,
            admit: { (engine: any LeaseEngine) -> CaseRun.Admission<any LeaseEngine> in
                let missing = self.requires.subtracting(engine.capabilities).map(\.name).sorted()
                if missing.isEmpty { return .admitted(engine) }
                return .skipped("the engine has no " + missing.joined(separator: " and no "))
            },
            body: self.body, cleanUp: { try await $0.breakLeases() })
    }
}
