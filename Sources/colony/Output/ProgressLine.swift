import ColonyCore
import Synchronization

/// A line on the terminal that tells how far something has got, once it has taken two seconds. Nothing appears elsewhere.
final class ProgressLine: Sendable {
    private let clock: any MonotonicClock
    private let start: MonotonicInstant
    private let isShown = Mutex(false)

    init(clock: any MonotonicClock = HostClock()) {
        self.clock = clock
        self.start = clock.now
    }

    func show(_ text: String) {
        guard StandardError.isTerminal, self.start.duration(to: self.clock.now) >= .seconds(2) else { return }
        self.isShown.withLock { $0 = true }
        StandardError.write("\r\u{1B}[K\(text.prefix(max(10, StandardOutput.width - 1)))", terminator: "")
    }

    func clear() {
        if self.isShown.withLock({ $0 }) { StandardError.write("\r\u{1B}[K", terminator: "") }
    }
}
