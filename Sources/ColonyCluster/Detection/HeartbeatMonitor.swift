public import ColonyCore
public import ServiceLifecycle
import Synchronization

/// Tells which of many senders of heartbeats have fallen silent.
///
/// ```swift
/// let monitor = HeartbeatMonitor(settings)
/// // where heartbeats come in:
/// try monitor.heartbeat(from: "node-3")
/// // in a service group: monitor.run(); elsewhere:
/// for await change in monitor.changes() { … }
/// ```
///
/// Each sender has a ``PhiAccrualDetector`` of its own. A sender whose level reaches the threshold is *suspected*, and *trusted* again with its next
/// heartbeat. Heartbeats may come over anything: a datagram, a row in a table, a message.
///
/// What is guaranteed: while ``run()`` runs, a silence is told within the resolution of the clock after the level is reached, and changes of one
/// sender are told in order. Without it nothing is told, and ``phi(of:)`` works all the same.
public final class HeartbeatMonitor: Service {
    /// What has become of a sender.
    public enum Change: Hashable, Sendable {
        /// It was silent for long enough to be suspected.
        case suspected(NodeID, phi: Double)
        /// It was heard for the first time, or again.
        case trusted(NodeID)
        /// It is not watched any more.
        case forgotten(NodeID)
    }

    private struct Sender {
        var detector: PhiAccrualDetector
        var isSuspected = false
        /// When it will be suspected if nothing is heard.
        var due: DeadlineHeap<NodeID>.Entry?
    }

    private struct State {
        var senders: [NodeID: Sender] = [:]
        var deadlines = DeadlineHeap<NodeID>()
        /// Wakes ``run()``, which sleeps until `wake`.
        var bell: OneShotSignal?
        var wake: MonotonicInstant?
    }

    /// The most senders that are watched at a time.
    public static let maximumSenders = 100_000

    /// How each sender is judged.
    public let settings: PhiAccrualDetector.Settings
    /// From which level on a sender is suspected.
    public let threshold: Double
    private let clock: any MonotonicClock
    private let state = Mutex(State())
    private let hub = ListenerHub<Change>()

    /// Makes a monitor that watches nobody.
    ///
    /// - Parameters:
    ///   - threshold: From 0.1 to ``PhiAccrualDetector/greatestPhi``. At 8, one silence in a hundred million is mistaken, if the intervals are spread as they were.
    ///   - clock: By which heartbeats are dated.
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ settings: PhiAccrualDetector.Settings, threshold: Double = 8, clock: any MonotonicClock = HostClock()
    ) throws(ClusterError) {
        let range = 0.1...PhiAccrualDetector.greatestPhi
        if let defect = SettingRange.defect(of: threshold, in: range, as: "the threshold of suspicion") {
            throw ClusterError(.invalidConfiguration, defect)
        }
        self.settings = settings
        self.threshold = threshold
        self.clock = clock
    }

    /// Takes note of a heartbeat that has just come.
    ///
    /// - Throws: ``ClusterError`` with code `overloaded` if it is from somebody new and as many are watched as can be.
    /// - Complexity: O(log *n*) in the number of senders.
    public func heartbeat(from id: NodeID) throws(ClusterError) {
        let now = self.clock.now
        let isTaken = self.state.withLock { state in
            guard state.senders[id] != nil || state.senders.count < Self.maximumSenders else { return false }
            var sender = state.senders[id] ?? Sender(detector: PhiAccrualDetector(self.settings))
            let isNews = sender.isSuspected || sender.detector.latest == nil
            sender.detector.heartbeat(at: now)
            sender.isSuspected = false
            if let due = sender.due { state.deadlines.remove(due) }
            if let instant = sender.detector.instant(ofPhi: self.threshold) {
                sender.due = state.deadlines.insert(id, at: instant)
                if let wake = state.wake, instant < wake { state.bell?.fire() }
            }
            state.senders[id] = sender
            if isNews { self.hub.send(.trusted(id)) }
            return true
        }
        if !isTaken {
            throw ClusterError(
                .overloaded,
                "\(NameRules.quoted(id.rawValue)) is one more than \(Self.maximumSenders) senders of heartbeats")
        }
    }

    /// Watches a sender no more, such as one that has said good-bye.
    public func forget(_ id: NodeID) {
        self.state.withLock { state in
            guard let sender = state.senders.removeValue(forKey: id) else { return }
            if let due = sender.due { state.deadlines.remove(due) }
            self.hub.send(.forgotten(id))
        }
    }

    /// How suspicious the silence of a sender is now; `nil` if it was never heard.
    public func phi(of id: NodeID) -> Double? {
        let now = self.clock.now
        return self.state.withLock { $0.senders[id]?.detector.phi(at: now) }
    }

    /// Who is suspected, as far as ``run()`` has found.
    public var suspected: Set<NodeID> {
        self.state.withLock { state in Set(state.senders.filter(\.value.isSuspected).keys) }
    }

    /// What changes from here on.
    ///
    /// - Parameter capacity: How many changes are kept for a listener that is slow; older ones are dropped.
    public func changes(keepingNewest capacity: Int = 1_000) -> AsyncStream<Change> {
        self.hub.listen(keepingNewest: capacity)
    }

    /// Looks after those that are silent, until graceful shutdown or cancellation.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let bell = OneShotSignal()
                let wake = self.findSilent(bell)
                await self.rest(until: wake, bell)
            }
        }
    }

    /// Suspects whose time is over.
    ///
    /// - Returns: When to look again; `nil` when nobody is left whose silence could be noticed.
    private func findSilent(_ bell: OneShotSignal) -> MonotonicInstant? {
        let now = self.clock.now
        return self.state.withLock { state in
            while let entry = state.deadlines.popDue(at: now) {
                guard var sender = state.senders[entry.value], sender.due === entry else { continue }
                sender.due = nil
                sender.isSuspected = true
                state.senders[entry.value] = sender
                self.hub.send(.suspected(entry.value, phi: sender.detector.phi(at: now)))
            }
            state.bell = bell
            // The first sender that is heard must wake it as well.
            state.wake = state.deadlines.earliest ?? MonotonicInstant(nanoseconds: .max)
            return state.deadlines.earliest
        }
    }

    private func rest(until wake: MonotonicInstant?, _ bell: OneShotSignal) async {
        let clock = self.clock
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await bell.wait() }
            if let wake { group.addTask { try? await clock.sleep(until: wake, tolerance: nil) } }
            await group.next()
            group.cancelAll()
        }
    }
}
