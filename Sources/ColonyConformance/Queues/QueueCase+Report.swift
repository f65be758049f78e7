import ColonyQueues

extension QueueCase {
    /// Runs cases of one of the ports of queues one after another.
    static func report(
        _ port: ConformanceReport.Port, _ cases: [QueueCase], on harness: any QueueHarness, _ title: String?,
        _ limit: Duration, _ reporting: (ConformanceProgress) -> Void
    ) async -> ConformanceReport {
        let engine = try? await harness.makeEngine()
        let entries = await ConformanceRun.entries(cases, reporting: reporting) {
            ($0.name, $0.property.rawValue)
        } run: {
            await $0.run(on: harness, limit: limit)
        }
        return ConformanceReport(
            port: port, engine: title ?? engine.map { "\(type(of: $0))" } ?? "an engine that could not be made",
            guarantee: engine.map { "(\($0.durability))" } ?? "unknown",
            capabilities: engine.map(Self.powers) ?? [], entries: entries)
    }

    /// What an engine has beyond the port of queues, sorted.
    private static func powers(of engine: any QueueEngine) -> [String] {
        var powers: [String] = []
        if engine is any QueueAdministration { powers.append("administration") }
        if engine is any ExchangeEngine { powers.append("exchanges") }
        if engine is any ScheduleEngine { powers.append("schedules") }
        if engine is any TopicEngine { powers.append("topics") }
        return powers
    }
}
