import ColonyCore
import ColonyProxy

/// Writes a line for each request to standard output, on a thread of its own: whoever reads slowly, or stops, must not stop the proxy.
///
/// Lines that find more than ``room`` others waiting are lost.
final class AccessLogWriter: Sendable {
    /// How many lines may wait.
    static let room = 65_536

    private let entries: AsyncStream<AccessLogEntry>.Continuation
    private let end = OneShotSignal()

    init(asJSON isJSON: Bool) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: AccessLogEntry.self, bufferingPolicy: .bufferingOldest(Self.room))
        self.entries = continuation
        Task(executorPreference: DedicatedExecutor(named: "colony-log")) { [end] in
            for await entry in stream { StandardOutput.write(entry.line(asJSON: isJSON)) }
            end.fire()
        }
    }

    /// What the proxy tells.
    var log: AccessLog {
        let entries = self.entries
        return AccessLog { entries.yield($0) }
    }

    /// Writes what waits, for at most a second: a reader that has stopped must not keep the process.
    func finish() async {
        self.entries.finish()
        let clock = HostClock()
        _ = try? await self.end.wait(until: clock.now.advanced(by: .seconds(1)), on: clock)
    }
}
