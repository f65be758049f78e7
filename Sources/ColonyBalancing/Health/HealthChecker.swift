public import ColonyCore
import Synchronization

/// Probes endpoints on their schedules and tells who is in health.
///
/// ```swift
/// let checker = try HealthChecker([check], probe: NetworkProbe()) { balancer.note($0) }
/// checker.setEndpoints(balancer.endpoints)
/// await checker.run()
/// ```
///
/// What is guaranteed:
///
/// - All work is done within ``run()``. When it returns, no probe is under way.
/// - Each pair of check and endpoint has its own state and its own schedule; a slow endpoint delays no other, as long as there are places for
///   probes.
/// - There are never two probes of the same pair at once, also when an endpoint is removed and added again.
/// - A probe that takes longer than its timeout is a failure at the timeout, and is cancelled. It keeps its place until it has really ended.
/// - Transitions are told one after the other, in the order in which they happened. The last one about a pair is always told.
public final class HealthChecker: Sendable {
    /// The legal numbers of places.
    public static var places: ClosedRange<Int> { 1...4_096 }

    fileprivate struct State {
        var schedule: HealthSchedule
        var isRunning = false
        /// Wakes ``run()``, which sleeps until `wake`.
        var bell: OneShotSignal?
        var wake: MonotonicInstant?
        /// Transitions that nobody has been told about: the latest of each pair, so that there are never more than pairs.
        var untold: [Pair: HealthTransition] = [:]
        /// The pairs of these in the order in which they are told, from `nextPair` on.
        var order: [Pair] = []
        var nextPair = 0
        var isTelling = false
    }

    fileprivate struct Pair: Hashable {
        let check: String
        let endpoint: EndpointName
    }

    /// What is asked of each endpoint.
    public let checks: [HealthCheck]
    private let probe: any HealthProbe
    private let clock: any MonotonicClock
    private let onTransition: @Sendable (HealthTransition) -> Void
    private let state: Mutex<State>
    private let hub = ListenerHub<HealthTransition>()

    /// Makes a checker without endpoints. Nothing runs before ``run()``.
    ///
    /// - Parameters:
    ///   - checks: Each endpoint is probed by all of them. Their names differ.
    ///   - concurrentProbes: How many probes may be under way at once, within ``places``. Thirty-two: with answers of 50 milliseconds that
    ///     is more than 600 a second, and a handful of descriptors. What is due while all places are taken starts when one is free.
    ///   - generator: Where jitter comes from.
    ///   - onTransition: Is called with each transition, one at a time, under no lock. It may call the checker. It should not take long, because
    ///     the next one waits for it; if it does, of several transitions of one pair only the latest is told.
    /// - Throws: ``BalancingError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        _ checks: [HealthCheck], probe: any HealthProbe, concurrentProbes: Int = 32,
        clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        onTransition: @escaping @Sendable (HealthTransition) -> Void = { _ in }
    ) throws(BalancingError) {
        try SettingBounds.check(concurrentProbes, in: Self.places, "the number of concurrent probes")
        var names: Set<String> = []
        for check in checks where !names.insert(check.name).inserted {
            throw BalancingError(.invalidConfiguration, "two checks are called \(check.name)")
        }
        self.checks = checks
        self.probe = probe
        self.clock = clock
        self.onTransition = onTransition
        self.state = Mutex(
            State(schedule: HealthSchedule(checks, places: concurrentProbes, generator: generator)))
    }

    // MARK: Endpoints

    /// Replaces the endpoints, also while the checker runs.
    ///
    /// Who stays keeps its state; who is new, or has moved to another address, begins with what is assumed, and is probed within the jitter of
    /// one interval. Probes of those who are gone are cancelled and tell nothing. A repeat changes nothing.
    ///
    /// If a check assumes that new endpoints are unhealthy, that is told at once.
    ///
    /// - Parameter endpoints: Of two with the same name the last counts.
    /// - Complexity: O(*n* log *n*) in the number of pairs.
    public func setEndpoints(_ endpoints: [Endpoint]) {
        let (abandoned, bell) = self.state.withLock { state in
            let (transitions, abandoned) = state.schedule.setEndpoints(endpoints, at: self.clock.now)
            for transition in transitions { state.note(transition) }
            return (abandoned, state.takeBell())
        }
        for signal in abandoned { signal.fire() }
        bell?.fire()
        self.tell()
    }

    // MARK: Running

    /// Probes until the task is cancelled. It returns when all probes have ended, which they do soon after.
    ///
    /// After it has returned it may be called again; health is what it was.
    ///
    /// - Important: A second call while one is under way stops the program.
    public func run() async {
        let isFirst = self.state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        precondition(isFirst, "a health checker is run once at a time")
        defer { self.state.withLock { $0.isRunning = false } }
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let bell = OneShotSignal()
                let (tickets, wake) = self.state.withLock { state in
                    let tickets = state.schedule.takeDue(at: self.clock.now)
                    state.wake = state.schedule.nextStart
                    state.bell = bell
                    return (tickets, state.wake)
                }
                for ticket in tickets {
                    group.addTask { await self.carryOut(ticket) }
                }
                do {
                    if let wake {
                        _ = try await bell.wait(until: wake, on: self.clock)
                    } else {
                        try await bell.wait()
                    }
                } catch {
                    break
                }
            }
            group.cancelAll()
        }
    }

    private enum Event: Sendable {
        case ended(HealthProbeResult)
        case overran
        /// Nobody wants to know the result.
        case abandoned
    }

    private func carryOut(_ ticket: HealthSchedule.Ticket) async {
        let timeout = ticket.check.timeout
        let deadline = ticket.start.advanced(by: timeout)
        let overrun = HealthProbeResult.failure("no answer within \(timeout.text)", latency: timeout)
        await withTaskGroup(of: Event.self) { group in
            group.addTask {
                .ended(await self.probe.probe(ticket.endpoint, with: ticket.check, deadline: deadline))
            }
            group.addTask {
                do { try await self.clock.sleep(until: deadline, tolerance: nil) } catch { return .abandoned }
                return .overran
            }
            group.addTask {
                try? await ticket.abandonment.wait()
                return .abandoned
            }
            let event = await group.next()
            // The result of a probe that was cancelled says nothing about the endpoint.
            if !Task.isCancelled {
                switch event {
                case .ended(let result): self.record(result.latency > timeout ? overrun : result, of: ticket)
                case .overran: self.record(overrun, of: ticket)
                case .abandoned, nil: break
                }
            }
            group.cancelAll()
        }
        let bell = self.state.withLock { state in
            state.schedule.end(ticket)
            return state.takeBell()
        }
        bell?.fire()
    }

    private func record(_ result: HealthProbeResult, of ticket: HealthSchedule.Ticket) {
        self.state.withLock { state in
            if let transition = state.schedule.record(result, of: ticket, at: self.clock.now) {
                state.note(transition)
            }
        }
        self.tell()
    }
}

// MARK: Looking at it

extension HealthChecker {
    /// How all pairs stand now, in the order of the endpoints' names, and for each in the order of the checks.
    ///
    /// - Complexity: O(*n* log *n*) in the number of pairs.
    public var status: [HealthStatus] {
        self.state.withLock { $0.schedule.status }
    }

    /// How many probes are under way now.
    public var probesUnderWay: Int {
        self.state.withLock { $0.schedule.underWayCount }
    }

    /// Every transition from now on, in order.
    ///
    /// A listener that does not keep up loses the oldest transitions and keeps the newest `limit`, so what must miss none uses the closure of the
    /// initialiser. The stream ends with the checker. Each call makes a stream of its own.
    ///
    /// - Parameter limit: At least one.
    public func transitions(buffering limit: Int = 64) -> AsyncStream<HealthTransition> {
        self.hub.listen(keepingNewest: limit)
    }

    /// Tells what nobody has been told about, unless somebody else is telling already, who then goes on with it.
    private func tell() {
        while true {
            let next = self.state.withLock { state in state.nextToTell() }
            guard let next else { return }
            self.onTransition(next)
            self.hub.send(next)
            self.state.withLock { $0.isTelling = false }
        }
    }
}

extension HealthChecker.State {
    fileprivate mutating func note(_ transition: HealthTransition) {
        let pair = HealthChecker.Pair(check: transition.check, endpoint: transition.endpoint)
        if self.untold.updateValue(transition, forKey: pair) == nil { self.order.append(pair) }
    }

    fileprivate mutating func nextToTell() -> HealthTransition? {
        guard !self.isTelling, self.nextPair < self.order.count else { return nil }
        self.isTelling = true
        defer {
            self.nextPair += 1
            if self.nextPair == self.order.count { (self.order, self.nextPair) = ([], 0) }
        }
        return self.untold.removeValue(forKey: self.order[self.nextPair])
    }

    /// The bell, if a probe can start before the time to which the run sleeps.
    fileprivate mutating func takeBell() -> OneShotSignal? {
        guard let next = self.schedule.nextStart else { return nil }
        if let wake = self.wake, wake <= next { return nil }
        defer { self.bell = nil }
        return self.bell
    }
}
