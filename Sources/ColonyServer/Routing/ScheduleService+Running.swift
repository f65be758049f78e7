import ColonyCore
import ColonyQueues
import Logging
import NIOCore
import ServiceLifecycle

extension ScheduleService {
    /// What publishes the messages of schedules, if the store keeps any.
    var services: [any Service] {
        self.scheduler.map { [$0] } ?? []
    }

    /// Writes what the metrics tell of schedules.
    func writeMetrics(to body: inout ByteBuffer) {
        guard let statistics = self.scheduler?.statistics else { return }
        for (name, kind, value, help) in [
            ("colony_schedules", .gauge, statistics.schedules, "Schedules that have a tick to come."),
            ("colony_schedule_messages_total", .counter, statistics.published, "Messages that this daemon published."),
            (
                "colony_schedule_passed_over_total", .counter, statistics.passedOver,
                "How often missed ticks were passed over."
            ),
            (
                "colony_schedule_let_pass_total", .counter, statistics.letPass,
                "How often this daemon left ticks to the leader of its cluster."
            ),
            ("colony_schedule_full_total", .counter, statistics.full, "How often a queue had no room for a tick."),
            ("colony_schedule_failures_total", .counter, statistics.failures, "How often the store failed a tick."),
        ] as [(String, PrometheusRegistry.Kind, Int, String)] {
            PrometheusRegistry.writeHeader(name, kind, help: help, to: &body)
            body.writeString("\(name) \(value)\n")
        }
    }

    static func scheduler(
        _ engine: (any QueueAdministration)?, clock: any MonotonicClock, wallClock: any WallClock, logger: Logger,
        duty: @escaping @Sendable () -> SchedulerDuty
    ) -> Scheduler? {
        guard let engine = engine as? any ScheduleEngine else { return nil }
        return Scheduler(engine, clock: clock, wall: wallClock, duty: duty) { Self.log($0, to: logger) }
    }

    private static func log(_ event: SchedulerEvent, to logger: Logger) {
        switch event {
        case .published(let name, let tick, let ids, let lateness):
            logger.debug(
                "schedule published",
                metadata: [
                    "schedule": "\(name)", "tick": "\(tick.rfc3339)", "messages": "\(ids.count)",
                    "late_ms": "\(lateness.clampedMilliseconds)",
                ])
        case .passedOver(let name, let first, let next):
            logger.warning(
                "schedule passed ticks over",
                metadata: [
                    "schedule": "\(name)", "from": "\(first.rfc3339)", "before": "\(next?.rfc3339 ?? "the end")",
                ])
        case .queueFull(let name, let tick):
            logger.warning(
                "schedule finds no room", metadata: ["schedule": "\(name)", "tick": "\(tick.rfc3339)"])
        case .failed(let name, let tick, let error):
            logger.warning(
                "schedule failed",
                metadata: ["schedule": "\(name)", "tick": "\(tick.rfc3339)", "error": "\(error)"])
        case .unreadable(let error):
            logger.warning("schedules cannot be read", metadata: ["error": "\(error)"])
        }
    }
}
