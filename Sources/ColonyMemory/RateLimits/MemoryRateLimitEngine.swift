public import ColonyCore
public import ColonyResilience
import Synchronization

/// Shared limits in the memory of this process: the reference engine, and the fastest.
///
/// It is the contract of `RateLimitEngine` in its plainest form: one mutex and one dictionary, and the clock is read under the
/// mutex. Limits that are full are forgotten, the one that has been full for longest first, and so is what keeps the memory bounded:
/// a limit that is not kept is a full one. If all that there is room for owe something, a request for another limit is refused
/// with code `unavailable`, because to forget one of them would grant more than its rule allows.
///
/// - Complexity: A request is O(1) on average, and O(log *n*) if its limit is new; listing is O(*n* log *n*).
public final class MemoryRateLimitEngine: RateLimitEngine {
    private struct Record {
        var arrival: Int64
        var rule: RateLimitRule
        var place: DeadlineHeap<RateLimitName>.Entry
    }

    private struct State {
        var records: [RateLimitName: Record] = [:]
        /// One entry for each record, at a moment before which the limit was not full when that was last looked at.
        var fill = DeadlineHeap<RateLimitName>()

        /// Forgets limits that are full, until there is room or no more is full.
        mutating func forget(downTo count: Int, at now: MonotonicInstant) {
            while self.records.count > count, let entry = self.fill.popDue(at: now) {
                guard let record = self.records[entry.value] else { continue }
                if record.arrival <= now.nanoseconds {
                    self.records[entry.value] = nil
                } else {
                    let later = MonotonicInstant(nanoseconds: record.arrival)
                    self.records[entry.value]?.place = self.fill.insert(entry.value, at: later)
                }
            }
        }
    }

    /// How many limits that are not full it keeps.
    public let capacity: Int
    private let clock: any MonotonicClock
    private let state = Mutex(State())

    /// Makes an engine in which every limit is full.
    ///
    /// - Parameters:
    ///   - capacity: How many limits that are not full it keeps; at least 1. A million take some 250 MiB.
    ///   - clock: What all clients are timed by; the host's clock outside tests.
    public init(capacity: Int = 1_000_000, clock: any MonotonicClock = HostClock()) {
        precondition(capacity >= 1, "an engine keeps at least one limit, and not \(capacity)")
        self.capacity = capacity
        self.clock = clock
    }

    /// One count for the tasks of this process; nothing outlives it.
    public var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    /// Decides requests in their order, all at one moment.
    ///
    /// Never waits, and so is not cancelled.
    ///
    /// - Throws: `ResilienceError` with code `invalidRequest`, or `unavailable` if there is no room for the limits of the batch.
    ///   In both cases nothing has been taken.
    public func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        try RateLimitLimits.check(requests)
        let decisions = self.state.withLock { state -> [RateLimitDecision]? in
            let now = self.clock.now
            guard self.makeRoom(for: requests, in: &state, at: now) else { return nil }
            return requests.map { Self.decide($0, in: &state, at: now.nanoseconds) }
        }
        guard let decisions else {
            throw ResilienceError(
                .unavailable,
                "this engine keeps \(self.capacity) limits, and all of them owe permits; nothing was taken")
        }
        return decisions
    }

    private func makeRoom(for requests: [RateLimitRequest], in state: inout State, at now: MonotonicInstant) -> Bool {
        var count = 0
        if requests.count == 1 {
            count = requests[0].permits > 0 && state.records[requests[0].name] == nil ? 1 : 0
        } else {
            var names: Set<RateLimitName> = []
            for request in requests where request.permits > 0 && state.records[request.name] == nil {
                names.insert(request.name)
            }
            count = names.count
        }
        if count == 0 { return true }
        // Two for each new one, so that what is full goes sooner than it comes.
        state.forget(downTo: max(0, state.records.count - 2 * count), at: now)
        state.forget(downTo: max(0, self.capacity - count), at: now)
        // Some that were to stay may have been forgotten meanwhile; they are full, and need at most the room they left.
        return state.records.count + count <= self.capacity
    }

    private static func decide(
        _ request: RateLimitRequest, in state: inout State, at now: Int64
    ) -> RateLimitDecision {
        let arrival = state.records[request.name]?.arrival ?? 0
        let outcome = GenericCellRate.decide(request.permits, under: request.rule, arrival: arrival, at: now)
        if request.permits == 0 { return outcome.decision }
        let rule = outcome.decision.isAllowed ? request.rule : nil
        if state.records[request.name] != nil {
            state.records[request.name]?.arrival = outcome.arrival
            if let rule { state.records[request.name]?.rule = rule }
        } else {
            // A limit that is full grants, so it is new only to a request that took permits.
            let place = state.fill.insert(request.name, at: MonotonicInstant(nanoseconds: outcome.arrival))
            state.records[request.name] = Record(arrival: outcome.arrival, rule: request.rule, place: place)
        }
        return outcome.decision
    }

    /// Forgets a limit, so that it is full again.
    @discardableResult
    public func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool {
        self.state.withLock { state in
            guard let record = state.records.removeValue(forKey: name) else { return false }
            state.fill.remove(record.place)
            return record.arrival > self.clock.now.nanoseconds
        }
    }

    /// How many limits are kept, for tests of the bound.
    package var keptCount: Int {
        self.state.withLock { state in
            precondition(state.records.count == state.fill.count, "each limit that is kept has one place in the heap")
            return state.records.count
        }
    }
}

extension MemoryRateLimitEngine: RateLimitAdministration {
    /// Limits that are not full, page by page in byte order, as they stand at one moment.
    public func limits(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitRecord] {
        try RateLimitLimits.check(page: limit)
        let (now, records) = self.state.withLock { (self.clock.now.nanoseconds, $0.records) }
        let names = records.keys.filter { key in
            key.rawValue.utf8.starts(with: prefix.utf8) && (name.map { key > $0 } ?? true)
        }
        var page: [RateLimitRecord] = []
        for key in names.sorted() where page.count < limit {
            guard let record = records[key], record.arrival > now else { continue }
            let look = GenericCellRate.decide(1, under: record.rule, arrival: record.arrival, at: now)
            page.append(RateLimitRecord(name: key, rule: record.rule, decision: look.decision))
        }
        return page
    }
}

extension RateLimitEngine where Self == MemoryRateLimitEngine {
    /// Limits in the memory of this process, for tests and for the tasks of one process.
    ///
    /// Each call makes a new engine that knows nothing of others: those that shall share limits must be given the same one.
    public static func memory() -> MemoryRateLimitEngine { MemoryRateLimitEngine() }
}
