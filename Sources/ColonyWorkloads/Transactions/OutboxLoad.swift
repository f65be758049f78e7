public import ColonyCore
public import ColonyQueues
public import ColonyTransactions

/// Messages on their way from an outbox into a queue.
public enum OutboxLoad {
    /// What is sent: 128 bytes, with a key, as most messages have one.
    public static let message = OutgoingMessage([UInt8](repeating: 0x6D, count: 128), key: "order-4711")

    /// Runs a relay until so many messages have left the outbox.
    ///
    /// - Returns: How long that took, from before the relay was run.
    public static func relay(
        _ count: Int, from outbox: any OutboxStore, to engine: any QueueEngine, clock: any MonotonicClock
    ) async throws -> Duration {
        let relay = OutboxRelay(outbox, to: engine, options: try OutboxRelayOptions(batch: MessageLimits.batch))
        let start = clock.now
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            defer { group.cancelAll() }
            while relay.statistics.sent < count {
                let statistics = relay.statistics
                guard statistics.parked == 0, start.duration(to: clock.now) < .seconds(300) else {
                    throw WorkloadError(
                        "of \(count) messages \(statistics.sent) were sent, and \(statistics.parked) set aside")
                }
                try await clock.sleep(for: .milliseconds(1))
            }
            return start.duration(to: clock.now)
        }
    }
}
