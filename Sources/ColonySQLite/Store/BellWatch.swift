import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Tells when another process has rung the doorbell of a store: one thread, which lives only while somebody is
/// interested.
///
/// On Linux the kernel reports each ring (``BellEvents``); elsewhere, and should the kernel refuse, the thread simply
/// looks every 50 ms. A look every second remains as the safety net in any case. The thread ends within a second after
/// the last interest is gone, so that the next wait does not have to start it again.
final class BellWatch: Sendable {
    private let bell: Doorbell
    private let isWanted: @Sendable () -> Bool
    private let isRunning = Mutex(false)

    private static let safetyNet: Int32 = 1_000
    private static let portableInterval: Int32 = 50
    /// Rings that come closer together than this are one: it bounds the cost of a neighbour that commits all the time.
    private static let shortestPauseMicroseconds = 1_000

    init(bell: Doorbell, isWanted: @escaping @Sendable () -> Bool) {
        self.bell = bell
        self.isWanted = isWanted
    }

    /// Calls `onRing` from now on after each ring, and once at the beginning, until nobody is interested any more.
    ///
    /// Whoever is interested says so before calling this, and looks after it: then nothing falls between.
    func run(_ onRing: @escaping @Sendable () -> Void) {
        let mustStart = self.isRunning.withLock { isRunning in
            defer { isRunning = true }
            return !isRunning
        }
        if mustStart {
            startThread(named: "colony-bell") { self.work(onRing) }
        }
    }

    private func work(_ onRing: () -> Void) {
        var events = BellEvents(path: self.bell.path)
        var rang = false
        while true {
            onRing()
            if rang { napThread(microseconds: Self.shortestPauseMicroseconds) }
            rang = false
            if let events {
                rang = events.wait(milliseconds: Self.safetyNet)
                // Emptied before the look, so that a ring during it is not lost.
                if rang { events.drain() }
            } else {
                napThread(microseconds: Int(Self.portableInterval) * 1_000)
                // The bell may have been made since.
                events = BellEvents(path: self.bell.path)
            }
            if !rang {
                let mustEnd = self.isRunning.withLock { isRunning in
                    isRunning = self.isWanted()
                    return !isRunning
                }
                if mustEnd { return }
            }
        }
    }
}
