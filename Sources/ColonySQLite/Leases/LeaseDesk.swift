import ColonyCore
import Synchronization

/// Where those of one process wait: it learns of changes, decides whom they concern, and wakes exactly those.
///
/// Nobody polls. There are four sources of news:
///
/// - the writer, right after a commit of this process that freed a name;
/// - the doorbell, when another process has committed something (``BellWatch``); the desk then looks at what changed;
/// - the alarm, when a lease runs out or a silent waiter counts as dead;
/// - a slow poll of one second, in case a ring was missed.
///
/// For each name only the first waiter of the process asks for its turn, so that a release costs one transaction however
/// many wait. Requests go through the writer and share its commits.
///
/// All engines of a process on one file share a desk, which runs on the clock of the first of them. Decisions are made
/// under the lock; requests, resumptions, and timers follow after it.
final class LeaseDesk: Sendable {
    typealias Alarms = DeadlineHeap<Alarm>

    enum Alarm {
        case changeLimit(ChangeWait)
        case turnLimit(TurnWait)
        case name(LeaseName)
        case heartbeat
    }

    /// Those who wait for one name.
    struct Place {
        var changes: [ChangeWait] = []
        /// In the order of their tickets.
        var turns: [TurnWait] = []
        /// When something will change by itself.
        var alarm: Alarms.Entry?

        var isEmpty: Bool { self.changes.isEmpty && self.turns.isEmpty }
    }

    struct State {
        var places: [LeaseName: Place] = [:]
        var alarms = Alarms()
        var heartbeat: Alarms.Entry?
        /// The places in queues that somebody of this process stands on.
        var tickets: Set<Int64> = []
        /// Places that could not be given back because the store failed; tried again with the next heartbeat.
        var abandoned: [(name: LeaseName, ticket: Int64)] = []
        var sessionRenewedAt: Int64?
        var observers: [Int: (engine: ObjectIdentifier, continuation: AsyncStream<Void>.Continuation)] = [:]
        var observerCount = 0
        /// All waits that are not over, per engine.
        var waits: [ObjectIdentifier: [ObjectIdentifier: DeskWait]] = [:]
        var drainers: [ObjectIdentifier: CheckedContinuation<Void, Never>] = [:]
        var sleeper: (deadline: MonotonicInstant, task: Task<Void, Never>)?
        /// The look that is on the way; `again` if the bell rang since.
        var isLooking = false
        var looksAgain = false
        /// The connection and version of the file that the latest look saw.
        var seen: (generation: Int, version: Int64)?
        /// Whether a test has this process play dead.
        var isDead = false
    }

    let clock: any MonotonicClock
    let writer: GroupCommitWriter
    /// The identity of this process in the queues of the file.
    let session: String
    let state = Mutex(State())
    let sweep = LeaseSweep()
    private let watch: BellWatch
    /// How many wait or observe, readable without the lock: while it is zero, writers need not tell the desk anything.
    private let interest: Interest

    final class Interest: Sendable {
        let count = Atomic<Int>(0)
    }

    /// Alarms run on a thread of their own, because a process whose tasks keep all threads busy must still show that its
    /// waiters are alive.
    private static let executor = DedicatedExecutor(named: "colony-desk")

    init(writer: GroupCommitWriter, bell: Doorbell, clock: any MonotonicClock) {
        let interest = Interest()
        self.interest = interest
        self.writer = writer
        self.clock = clock
        self.session = OwnerID.unique().rawValue
        self.watch = BellWatch(bell: bell) { interest.count.load(ordering: .acquiring) > 0 }
    }

    deinit {
        self.state.withLock { $0.sleeper?.task.cancel() }
    }

    // MARK: What decisions ask

    var isInteresting: Bool { self.interest.count.load(ordering: .acquiring) > 0 }

    func isWaiting(_ ticket: Int64) -> Bool {
        self.state.withLock { $0.tickets.contains(ticket) }
    }

    func needsSession(at now: Int64) -> Bool {
        self.state.withLock { state in
            guard let renewedAt = state.sessionRenewedAt else { return true }
            return now - renewedAt >= WaiterTable.heartbeatInterval
        }
    }

    func sessionWasRenewed(at now: Int64) {
        self.state.withLock { $0.sessionRenewedAt = now }
    }

    // MARK: Interest

    func raiseInterest() {
        self.interest.count.wrappingAdd(1, ordering: .acquiringAndReleasing)
    }

    func lowerInterest() {
        self.interest.count.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }

    /// Has the doorbell watched, as long as anybody is interested.
    func watchBell() {
        self.watch.run { [weak self] in self?.bellRang() }
    }

    // MARK: Alarms

    /// Makes sure that the desk wakes up for the earliest alarm; called after every change of the alarms, without the lock.
    func setAlarm() {
        self.state.withLock { state in
            guard let earliest = state.alarms.earliest, !state.isDead else {
                state.sleeper?.task.cancel()
                state.sleeper = nil
                return
            }
            if let sleeper = state.sleeper, sleeper.deadline <= earliest { return }
            state.sleeper?.task.cancel()
            let clock = self.clock
            let task = Task(executorPreference: Self.executor) { [weak self] in
                do {
                    try await clock.sleep(until: earliest, tolerance: nil)
                } catch {
                    return
                }
                self?.alarmRang(for: earliest)
            }
            state.sleeper = (earliest, task)
        }
    }

    private func alarmRang(for deadline: MonotonicInstant) {
        if self.state.withLock({ $0.isDead }) { return }
        let now = self.clock.now
        var due: [Alarm] = []
        self.state.withLock { state in
            if state.sleeper?.deadline == deadline { state.sleeper = nil }
            while let entry = state.alarms.popDue(at: now) {
                if case .name(let name) = entry.value { state.places[name]?.alarm = nil }
                if case .heartbeat = entry.value { state.heartbeat = nil }
                due.append(entry.value)
            }
        }
        var names: [LeaseName] = []
        for alarm in due {
            switch alarm {
            case .changeLimit(let wait): self.finish(wait, with: .success(false))
            case .turnLimit(let wait): self.timeOut(wait)
            case .name(let name): names.append(name)
            case .heartbeat: self.beat()
            }
        }
        if !names.isEmpty { self.examine(names) }
        self.setAlarm()
    }
}
