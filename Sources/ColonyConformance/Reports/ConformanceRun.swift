import ColonyCore

/// How far a run of a suite has got.
public enum ConformanceProgress: Sendable {
    /// The case of this name begins; `number` counts from 1 to `count`.
    case began(name: String, number: Int, count: Int)
    case ended(ConformanceReport.Entry)
}

/// Runs the cases of any suite one after another.
enum ConformanceRun {
    /// A case that fails does not end the run. A cancelled run skips the cases that are left.
    static func entries<Case>(
        _ cases: [Case], reporting: (ConformanceProgress) -> Void, describe: (Case) -> (name: String, property: String),
        run: (Case) async -> ConformanceReport.Outcome
    ) async -> [ConformanceReport.Entry] {
        let clock = HostClock()
        var entries: [ConformanceReport.Entry] = []
        for (index, check) in cases.enumerated() {
            let (name, property) = describe(check)
            reporting(.began(name: name, number: index + 1, count: cases.count))
            let start = clock.now
            let outcome = await run(check)
            let entry = ConformanceReport.Entry(
                name: name, property: property, outcome: outcome,
                milliseconds: start.duration(to: clock.now).clampedMilliseconds)
            entries.append(entry)
            reporting(.ended(entry))
        }
        return entries
    }
}
