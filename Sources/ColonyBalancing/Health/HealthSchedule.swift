import ColonyCore

/// The decisions of a ``HealthChecker``: endpoints, time, and results in, probes to start and transitions out.
///
/// Each pair of check and endpoint has its own state and its own time of the next probe. What is due first starts first, as long as there are
/// places. A pair has one probe at a time: one that is to be abandoned still has its place until it has really ended, and an endpoint that was
/// removed and added again waits for it.
struct HealthSchedule {
    /// What health is keyed by.
    struct Key: Hashable, Sendable {
        /// The position of the check.
        let check: Int
        let name: EndpointName
    }

    /// A probe to carry out.
    struct Ticket: Sendable {
        let key: Key
        let check: HealthCheck
        let endpoint: Endpoint
        /// Tells this start of the pair from those before an endpoint was removed or moved.
        let number: UInt64
        let start: MonotonicInstant
        /// Fired when nobody wants to know the result any more.
        let abandonment: OneShotSignal
    }

    private struct Subject {
        var endpoint: Endpoint
        var state: HealthState
        let number: UInt64
        /// The place among those that wait; `nil` while a probe is under way.
        var entry: DeadlineHeap<Key>.Entry?
    }

    let checks: [HealthCheck]
    let places: Int
    private var subjects: [Key: Subject] = [:]
    private var due = DeadlineHeap<Key>()
    private var underWay: [Key: OneShotSignal] = [:]
    private var lastNumber: UInt64 = 0
    private var generator: any RandomNumberGenerator & Sendable

    init(_ checks: [HealthCheck], places: Int, generator: any RandomNumberGenerator & Sendable) {
        self.checks = checks
        self.places = places
        self.generator = generator
    }

    /// How many probes are under way, those included that are to be abandoned.
    var underWayCount: Int { self.underWay.count }

    /// When the next probe can start; `nil` if that depends on the end of another.
    var nextStart: MonotonicInstant? {
        self.underWay.count < self.places ? self.due.earliest : nil
    }

    // MARK: Endpoints

    /// Adds those that are new and removes those that are missing. Who has moved to another address begins anew.
    ///
    /// - Returns: What is assumed of those of whom something else was known, and the probes whose results nobody wants any more.
    mutating func setEndpoints(
        _ endpoints: [Endpoint], at now: MonotonicInstant
    ) -> (transitions: [HealthTransition], abandoned: [OneShotSignal]) {
        var transitions: [HealthTransition] = []
        var abandoned: [OneShotSignal] = []
        let wanted = Dictionary(endpoints.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        for key in self.subjects.keys where wanted[key.name] == nil {
            self.drop(key, &abandoned)
        }
        // In the order of the names, so that chance is drawn in the same order in every run.
        for endpoint in wanted.values.sorted(by: { $0.name < $1.name }) {
            for position in self.checks.indices {
                let key = Key(check: position, name: endpoint.name)
                // A new endpoint is taken to be healthy by everybody who has heard nothing of it.
                let wasHealthy = self.subjects[key]?.state.isHealthy ?? true
                if self.subjects[key]?.endpoint.address == endpoint.address {
                    self.subjects[key]?.endpoint = endpoint
                    continue
                }
                self.drop(key, &abandoned)
                let state = self.add(key, endpoint, at: now)
                // Who has forgotten what was known at the old address hears that the new one is not taken to be healthy.
                if !state.isHealthy || !wasHealthy {
                    transitions.append(
                        HealthTransition(
                            check: state.check.name, endpoint: key.name, isHealthy: state.isHealthy,
                            reason: state.reason, at: now))
                }
            }
        }
        return (transitions, abandoned)
    }

    private mutating func add(_ key: Key, _ endpoint: Endpoint, at now: MonotonicInstant) -> HealthState {
        self.lastNumber += 1
        let state = HealthState(self.checks[key.check], at: now, using: &self.generator)
        self.subjects[key] = Subject(endpoint: endpoint, state: state, number: self.lastNumber)
        if self.underWay[key] == nil { self.enqueue(key, at: state.nextProbe) }
        return state
    }

    private mutating func drop(_ key: Key, _ abandoned: inout [OneShotSignal]) {
        guard let subject = self.subjects.removeValue(forKey: key) else { return }
        if let entry = subject.entry { self.due.remove(entry) }
        if let signal = self.underWay[key] { abandoned.append(signal) }
    }

    private mutating func enqueue(_ key: Key, at instant: MonotonicInstant) {
        self.subjects[key]?.entry = self.due.insert(key, at: instant)
    }

    // MARK: Probes

    /// Takes out those whose time has come, as far as there are places.
    mutating func takeDue(at now: MonotonicInstant) -> [Ticket] {
        var tickets: [Ticket] = []
        while self.underWay.count < self.places, let entry = self.due.popDue(at: now) {
            let key = entry.value
            guard var subject = self.subjects[key] else { continue }
            subject.entry = nil
            subject.state.start(at: now)
            self.subjects[key] = subject
            let ticket = Ticket(
                key: key, check: subject.state.check, endpoint: subject.endpoint, number: subject.number, start: now,
                abandonment: OneShotSignal())
            self.underWay[key] = ticket.abandonment
            tickets.append(ticket)
        }
        return tickets
    }

    /// Takes a result; at most one for each ticket. That of a pair that is gone counts for nothing.
    mutating func record(
        _ result: HealthProbeResult, of ticket: Ticket, at now: MonotonicInstant
    ) -> HealthTransition? {
        guard var subject = self.subjects[ticket.key], subject.number == ticket.number else { return nil }
        defer { self.subjects[ticket.key] = subject }
        return subject.state.record(result, at: now, using: &self.generator).map { change in
            HealthTransition(
                check: ticket.check.name, endpoint: ticket.key.name, isHealthy: change.isHealthy, reason: change.reason,
                at: now)
        }
    }

    /// Notes that a probe has really ended, with or without a result. Its pair, if there is one, waits for the next.
    mutating func end(_ ticket: Ticket) {
        self.underWay[ticket.key] = nil
        guard let subject = self.subjects[ticket.key] else { return }
        self.enqueue(ticket.key, at: subject.state.nextProbe)
    }

    // MARK: Looking at it

    /// In the order of the endpoints' names, and for each in the order of the checks.
    var status: [HealthStatus] {
        self.subjects.sorted { ($0.key.name, $0.key.check) < ($1.key.name, $1.key.check) }.map { key, subject in
            let state = subject.state
            return HealthStatus(
                check: state.check.name, endpoint: key.name, isHealthy: state.isHealthy, hasVerdict: state.hasVerdict,
                reason: state.reason, since: state.since, consecutiveSuccesses: state.consecutiveSuccesses,
                consecutiveFailures: state.consecutiveFailures, lastResult: state.lastResult,
                lastResultAt: state.lastResultAt, nextProbe: subject.entry == nil ? nil : state.nextProbe)
        }
    }
}
