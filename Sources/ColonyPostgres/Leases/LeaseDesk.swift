#if Postgres
import ColonyCore
import Synchronization

/// Those of one engine who wait for leases, and the signs of life that keep their places.
///
/// While anybody waits, the server hears once a second that this engine is alive, and answers which waiters stand first in
/// their queues and what holds the names that are watched. That answer is also the poll that makes up for a lost notification:
/// one statement a second, however many wait.
final class LeaseDesk: Sendable {
    private struct State {
        var count = 0
        var isBeating = false
        var hasListened = false
        var isClosed = false
        /// When the latest sign of life was tried, and when the latest that was heard was sent.
        var latestAttempt = MonotonicInstant(nanoseconds: .min)
        var latestBeat = MonotonicInstant(nanoseconds: .min)
        var latestSweep: MonotonicInstant
        var turns: [Int64: LeaseWait] = [:]
        /// Those who wait for something other than a turn, by the payload of the notifications that have them look.
        var watches: [String: [LeaseWait]] = [:]
        /// Turns that were announced before their waiters had learned of their tickets.
        var early: Set<Int64> = []
        /// Turns that nobody here waits for, as of the latest sign of life.
        var orphans: Set<Int64> = []
        /// Whether the server knew fewer waiters than stand here, as of the latest sign of life.
        var isShort = false
    }

    /// How often a sign of life is given.
    static let period: Duration = .seconds(1)

    /// Signs of life must go on while callers keep every thread of the global pool busy.
    private static let executor = DedicatedExecutor(named: "colony-pg-beats")

    let identity: String
    private let pool: PostgresPool
    private let statements: LeaseStatements
    private let clock: any MonotonicClock
    private let state: Mutex<State>

    init(pool: PostgresPool, statements: LeaseStatements, identity: String, clock: any MonotonicClock) {
        self.pool = pool
        self.statements = statements
        self.identity = identity
        self.clock = clock
        self.state = Mutex(State(latestSweep: clock.now))
    }

    /// Whether signs of life are being given and the channel was listened to, so that a waiter can enter without more.
    var isAwake: Bool {
        self.state.withLock { $0.hasListened && $0.isBeating }
    }

    // MARK: Waiting

    /// Has signs of life given until ``leave()``. When it returns, notifications are listened to.
    func enter() async throws(PostgresFailure) {
        let now = self.clock.now
        enum Start { case nothing, beat, closed }
        let (start, hasListened) = self.state.withLock { state -> (Start, Bool) in
            if state.isClosed { return (.closed, false) }
            state.count += 1
            return (state.latestBeat.advanced(by: Self.period) > now ? .nothing : .beat, state.hasListened)
        }
        if case .closed = start { throw PostgresFailure(kind: .closed, message: "") }
        do throws(PostgresFailure) {
            if !hasListened {
                try await self.pool.listen()
                self.state.withLock { $0.hasListened = true }
            }
            if case .beat = start { try await self.beat() }
        } catch {
            self.leave()
            throw error
        }
        self.startBeating()
    }

    func leave() {
        self.state.withLock { $0.count -= 1 }
    }

    /// Waits for the turn of a ticket from now on.
    func expect(_ wait: LeaseWait, ticket: Int64, isFirst: Bool) {
        let former = wait.ticket
        wait.stand(ticket, isFirst: isFirst)
        let wasAnnounced = self.state.withLock { state in
            if let former, former != ticket { state.turns[former] = nil }
            state.turns[ticket] = wait
            return state.early.remove(ticket) != nil
        }
        if wasAnnounced { wait.wake() }
    }

    func remove(_ wait: LeaseWait) {
        guard let ticket = wait.ticket else { return }
        self.state.withLock { state in
            if state.turns[ticket] === wait { state.turns[ticket] = nil }
        }
    }

    /// Has a waiter look whenever a notification with this payload comes.
    func watch(_ key: String, _ wait: LeaseWait) {
        self.state.withLock { $0.watches[key, default: []].append(wait) }
    }

    /// Ends a watch and what ``enter()`` began for it.
    ///
    /// - Parameter end: What is run when nobody here waits for the payload any more.
    func leaveWatch(_ key: String, _ wait: LeaseWait, end: (PostgresStatement, [String?])) {
        let (isLast, isClosed) = self.state.withLock { state -> (Bool, Bool) in
            state.count -= 1
            state.watches[key]?.removeAll { $0 === wait }
            guard state.watches[key]?.isEmpty == true else { return (false, state.isClosed) }
            state.watches[key] = nil
            return (true, state.isClosed)
        }
        guard isLast, !isClosed else { return }
        self.inBackground {
            _ = try? await self.pool.query(end.0, end.1)
            // Who began to watch meanwhile may have lost its row to this, and makes it again when it looks.
            for wait in self.state.withLock({ $0.watches[key] ?? [] }) { wait.wake() }
        }
    }

    /// Gives up a place in a queue.
    func abandon(_ name: LeaseName, ticket: Int64) {
        self.inBackground {
            _ = try? await self.pool.query(self.statements.leave, [name.rawValue, String(ticket)])
        }
    }

    /// Removes rows that have been over for long, at most once a minute.
    func sweepIfDue() {
        let now = self.clock.now
        let isDue = self.state.withLock { state in
            guard !state.isClosed, state.latestSweep.advanced(by: .seconds(60)) <= now else { return false }
            state.latestSweep = now
            return true
        }
        guard isDue else { return }
        self.inBackground { _ = try? await self.pool.query(self.statements.sweep) }
    }

    /// What nobody waits for and what may fail.
    private func inBackground(_ work: @escaping @Sendable () async -> Void) {
        Task(executorPreference: Self.executor) { await work() }
    }

    // MARK: News

    /// A notification came: a ticket whose turn it is, or `=` and a name of leases, `+` and an owner and a name of permits, `#`
    /// and a group that is watched. A line feed, which no name contains, stands between owner and name.
    func wasNotified(_ payload: String) {
        guard let ticket = Int64(payload) else {
            for wait in self.state.withLock({ $0.watches[payload] ?? [] }) { wait.wake() }
            return
        }
        let wait = self.state.withLock { state -> LeaseWait? in
            if let wait = state.turns[ticket] { return wait }
            // Bounded: what is forgotten here is found by the next sign of life.
            if state.early.count >= 1_024 { state.early.removeAll() }
            state.early.insert(ticket)
            return nil
        }
        wait?.wake()
    }

    /// The channel is listened to again: what was announced meanwhile has to be asked for.
    func lookAgain() {
        guard self.state.withLock({ $0.count > 0 && !$0.isClosed }) else { return }
        self.inBackground {
            try? await self.beat()
            // A server that was restarted may have lost places in queues, which are taken again by looking.
            let waits = self.state.withLock { state in
                Array(state.turns.values) + state.watches.values.flatMap { $0 }
            }
            for wait in waits { wait.wake() }
        }
    }

    private func startBeating() {
        let mustStart = self.state.withLock { state in
            guard !state.isBeating, state.count > 0 else { return false }
            state.isBeating = true
            return true
        }
        guard mustStart else { return }
        self.inBackground { [weak self] in
            while let desk = self, let moment = desk.nextBeat() {
                try? await desk.clock.sleep(until: moment, tolerance: nil)
                // A server that cannot be reached is told again a second later.
                if desk.isNeeded { try? await desk.beat() }
                desk.sweepIfDue()
            }
        }
    }

    private var isNeeded: Bool { self.state.withLock { $0.count > 0 && !$0.isClosed } }

    /// When the next sign of life is due; `nil` if none is, and then none is given any more.
    private func nextBeat() -> MonotonicInstant? {
        let now = self.clock.now
        return self.state.withLock { state in
            guard state.count > 0, !state.isClosed else {
                state.isBeating = false
                return nil
            }
            return max(now.advanced(by: .milliseconds(100)), state.latestAttempt.advanced(by: Self.period))
        }
    }

    /// Gives a sign of life, and wakes those who have something to look at.
    private func beat() async throws(PostgresFailure) {
        let sentAt = self.clock.now
        let standing = self.state.withLock { state in
            state.latestAttempt = sentAt
            return state.turns.count
        }
        let rows = try await self.pool.query(self.statements.beat, [self.identity]).rows
        var woken: [LeaseWait] = []
        var abandoned: [(LeaseName, Int64)] = []
        self.state.withLock { state in
            state.latestBeat = max(state.latestBeat, sentAt)
            var orphans: Set<Int64> = []
            for row in rows where row.count == 4 {
                guard let name = row[1].flatMap({ try? LeaseName($0) }) else {
                    let isShort = row[2].flatMap { Int($0) }.map { $0 < standing } ?? false
                    // One of them may just be taking its turn. At the second time places were lost, and are taken again.
                    if isShort, state.isShort { woken += state.turns.values }
                    state.isShort = isShort
                    continue
                }
                guard let ticket = row[0].flatMap({ Int64($0) }) else {
                    woken += self.changed(name, row, in: state)
                    continue
                }
                guard let wait = state.turns[ticket] else {
                    // It may be entering just now. At the second time its task is gone, and it stands in the way.
                    if state.orphans.contains(ticket) { abandoned.append((name, ticket)) }
                    orphans.insert(ticket)
                    continue
                }
                if row[3] == "0" || !wait.isFirst { woken.append(wait) }
            }
            state.orphans = orphans
        }
        for wait in woken { wait.wake() }
        for (name, ticket) in abandoned { self.abandon(name, ticket: ticket) }
    }

    /// Those who watch a grant of the name that is no longer the present one.
    private func changed(_ name: LeaseName, _ row: [String?], in state: borrowing State) -> [LeaseWait] {
        state.watches["=\(name.rawValue)"]?.filter { $0.token != row[2] } ?? []
    }

    // MARK: The end

    /// Wakes all who wait, who then find the engine closed, and takes what they left out of the database.
    func close() async {
        let (waits, wasUsed) = self.state.withLock { state in
            state.isClosed = true
            let waits = Array(state.turns.values) + state.watches.values.flatMap { $0 }
            return (waits, state.hasListened)
        }
        for wait in waits { wait.wake() }
        if wasUsed { _ = try? await self.pool.query(self.statements.forgetEngine, [self.identity]) }
    }
}
#endif
