import ColonyCore

/// Looks at a group of records, then waits for each of its changes, and goes on through outages of the engine.
///
/// There is no task and no buffer behind it: whoever asks gets the newest state, so a slow reader skips what is in between.
struct GroupWatch: Sendable {
    enum View: Sendable {
        case fresh(RegistrySnapshot)
        /// The engine cannot be reached. Told once for each outage, with the moment of its last answer, if there was one.
        case stale(since: MonotonicInstant?, LeaseError)
    }

    private let engine: any RegistryEngine
    private let group: LeaseName
    private let calls: EngineCalls
    private var last: RegistrySnapshot?
    private var lastContact: MonotonicInstant?
    private var failures = 0

    /// How long to wait for a change before the group is looked at all the same: so long does a watch go on that an engine
    /// has silently dropped.
    private static let longestWait: Duration = .seconds(30)

    init(_ engine: any RegistryEngine, _ group: LeaseName, _ calls: EngineCalls) {
        self.engine = engine
        self.group = group
        self.calls = calls
    }

    /// Waits for the next state that is worth telling.
    ///
    /// - Throws: ``LeaseError`` that no later attempt would mend, and `cancelled`.
    mutating func next() async throws(LeaseError) -> View {
        while true {
            do throws(LeaseError) {
                if let view = try await self.look() { return view }
            } catch {
                guard error.code == .unavailable else { throw error }
                self.failures += 1
                if self.failures == 1 { return .stale(since: self.lastContact, error) }
            }
        }
    }

    private mutating func look() async throws(LeaseError) -> View? {
        let (engine, group) = (self.engine, self.group)
        if self.failures > 0 {
            try await self.calls.sleep(
                until: self.calls.clock.now.advanced(by: self.calls.pause(after: self.failures)))
        } else if let last = self.last {
            let limit = self.calls.jittered(Self.longestWait)
            _ = try await self.calls.waiting(upTo: limit) { () throws(LeaseError) in
                try await engine.waitForChange(in: group, since: last.revision, upTo: limit)
            }
        }
        let askedAt = self.calls.clock.now
        let snapshot = try await self.calls.once { () throws(LeaseError) in try await engine.snapshot(of: group) }
        let isNews = self.failures > 0 || self.last?.revision != snapshot.revision
        self.failures = 0
        self.last = snapshot
        self.lastContact = askedAt
        return isNews ? .fresh(snapshot) : nil
    }
}
