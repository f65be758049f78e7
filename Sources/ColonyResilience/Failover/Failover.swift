public import ColonyCore
import Synchronization

/// Several targets in an order of preference, of which one at a time gets the calls: another one when it fails, and the better one again
/// when it has been healthy for a while.
///
/// ```swift
/// let failover = try Failover(over: [primary, secondary], FailoverOptions(retriesUnknownOutcomes: true), name: "payments")
/// let receipt = try await failover.execute { provider in try await provider.charge(order) }
/// ```
///
/// A call that a target refused without doing anything goes on to the next target. A call whose outcome is unknown does so only with
/// ``FailoverOptions/retriesUnknownOutcomes``; otherwise its error is thrown, and what it costs is counted: after a few such failures in
/// a row the following calls go elsewhere. A call is made at each target once at the most, and none is begun after its deadline.
public final class Failover<Target: Sendable>: Sendable {
    /// Its name, for metrics and logs.
    public let name: String
    /// The targets, the best first.
    public let targets: [Target]

    private let options: FailoverOptions
    private let clock: any MonotonicClock
    private let state: Mutex<FailoverState>
    private let hub = ListenerHub<FailoverChange>()

    /// Makes a failover of which all targets count as healthy.
    ///
    /// - Parameters:
    ///   - name: For metrics and logs.
    ///   - targets: The best first; at least one.
    ///   - clock: What rests are counted on.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration` if there is no target.
    public init(
        over targets: [Target], _ options: FailoverOptions, name: String = "failover",
        clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        guard !targets.isEmpty else {
            throw ResilienceError(.invalidConfiguration, "the failover \(name) has 0 targets, and needs one")
        }
        self.name = name
        self.targets = targets
        self.options = options
        self.clock = clock
        self.state = Mutex(FailoverState(targets: targets.count, options))
    }

    /// Makes a call at the best target that is not out, and at the next ones while that is safe.
    ///
    /// - Throws: The error of the operation if the call must not go on; ``ResilienceError`` with code `noneAvailable` if every target is
    ///   out or has failed, with the last error as the cause and the time until a target may be tried.
    /// - Complexity: O(*n*) in the number of targets, a short lock and two readings of the clock for each attempt.
    public func execute<Value>(_ operation: (Target) async throws -> Value) async throws -> Value {
        try Deadline.check(on: self.clock)
        var tried: Set<Int> = []
        var last: (any Error)?
        while let assignment = self.state.withLock({ $0.assign(at: self.clock.now, excluding: tried) }) {
            do {
                let value = try await operation(self.targets[assignment.target])
                self.report(assignment, .success)
                return value
            } catch {
                let verdict = self.verdict(error)
                // A cancellation says nothing about the target.
                let isCancelled = error is CancellationError || Task.isCancelled
                self.report(assignment, isCancelled ? .nothing : verdict == .final ? .success : .failure)
                let goesOn = verdict == .notDone || verdict == .unknown && self.options.retriesUnknownOutcomes
                guard goesOn, !isCancelled, !self.deadlineHasPassed else { throw error }
                tried.insert(assignment.target)
                last = error
            }
        }
        let wait = self.state.withLock { $0.nextTry(at: self.clock.now) }
        let message =
            tried.isEmpty
            ? "all \(self.targets.count) targets of \(self.name) are out"
            : "the call failed at \(tried.count) of \(self.targets.count) targets of \(self.name), and no other can take it"
        throw ResilienceError(.noneAvailable, message, retryAfter: wait, cause: last)
    }

    /// What an error says of its target: that of the classification, but for errors of layers in front of the target.
    private func verdict(_ error: any Error) -> RetryVerdict {
        let verdict = self.options.classification.verdict(error)
        guard verdict == .final, let error = error as? ResilienceError else { return verdict }
        switch error.code {
        // The retries of one target are used up: its last answer counts, and not that there will be no other.
        case .budgetExhausted: return error.cause.map { self.verdict($0) } ?? .unknown
        // Final for this target alone; another one may be there.
        case .closed, .disabled: return .notDone
        default: return verdict
        }
    }

    private var deadlineHasPassed: Bool { Deadline.current?.hasPassed(on: self.clock) ?? false }

    private func report(_ assignment: FailoverState.Assignment, _ outcome: FailoverState.Outcome) {
        let now = self.clock.now
        self.state.withLock { state in
            // Told under the lock, so that changes are told in their order; a listener's buffer never waits.
            if let change = state.report(assignment, outcome, at: now) { self.hub.send(change) }
        }
    }

    /// The place of the target that keeps the calls, from 0.
    public var presentTarget: Int { self.state.withLock { $0.present } }

    /// How each target does, in their order.
    public var health: [FailoverHealth] {
        let now = self.clock.now
        return self.state.withLock { $0.health(at: now) }
    }

    /// Targets that go out and come back from now on.
    ///
    /// - Parameter limit: How many are kept for a slow reader, at least one: the latest; older ones are dropped.
    public func changes(buffering limit: Int = 64) -> AsyncStream<FailoverChange> {
        self.hub.listen(keepingNewest: limit)
    }
}
