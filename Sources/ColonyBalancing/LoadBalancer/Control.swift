import ColonyCore

/// What is known of the endpoints, from which rosters are made. It stands under the lock of the balancer.
struct Control {
    /// An endpoint with what was said of it.
    struct Member {
        let cell: CellPointer
        var endpoint: Endpoint
        var administrative = AdministrativeState.active
        /// The checks that say that it is out of health, with what they say.
        var failingChecks: [String: String] = [:]
        var ejection: Ejection?
        /// Since when it has been starting; `nil` if it has its whole share.
        var startedAt: MonotonicInstant?
        /// What had been counted when endpoints were last compared.
        var counted = Counts()

        var isHealthy: Bool { self.failingChecks.isEmpty && self.ejection == nil }
    }

    /// Why an endpoint takes no calls for a while.
    struct Ejection: Hashable {
        let until: MonotonicInstant
        let reason: String
    }

    /// What a cell had counted at one moment.
    struct Counts: Hashable {
        var successes: UInt64 = 0
        var failures: UInt64 = 0
        var latencySum: UInt64 = 0
    }

    /// In the order in which they were given.
    var members: [Member] = []
    var positions: [EndpointName: Int] = [:]
    /// What picks read at present.
    var roster: Roster

    /// The watch for endpoints whose calls go wrong, if there is one.
    var detector: OutlierDetector?
    /// When endpoints are compared next.
    var comparison: MonotonicInstant

    init(
        roster: Roster, _ options: BalancerOptions, now: MonotonicInstant,
        generator: some RandomNumberGenerator & Sendable
    ) {
        self.roster = roster
        self.detector = options.outliers.map { OutlierDetector($0, generator: generator) }
        self.comparison = now.advanced(by: options.outliers?.interval ?? .zero)
    }

    func position(of name: EndpointName) throws(BalancingError) -> Int {
        guard let position = self.positions[name] else {
            throw BalancingError(.unknownEndpoint, "the balancer has no endpoint \"\(name)\"")
        }
        return position
    }

    /// What a pick is told that finds no endpoint: as many words as there are kinds of reasons; nothing if there are no endpoints.
    var refusal: String {
        self.members.isEmpty ? "" : "each of the \(self.members.count) endpoints is \(self.whatIsWrong)"
    }

    private var whatIsWrong: String {
        var kinds: [String] = []
        if self.members.contains(where: { !$0.failingChecks.isEmpty }) { kinds.append("out of health") }
        if self.members.contains(where: { $0.ejection != nil }) { kinds.append("ejected") }
        if self.members.contains(where: { $0.administrative == .draining }) { kinds.append("draining") }
        if self.members.contains(where: { $0.administrative == .maintenance }) { kinds.append("in maintenance") }
        return kinds.isEmpty ? "in use" : kinds.joined(separator: " or ")
    }

    /// What a roster is made of.
    func entries(_ options: BalancerOptions) -> [Roster.Entry] {
        var near: [Int: Int] = [:]
        if let zone = options.zone {
            // Each priority is for itself, and who was taken out carries nothing.
            for member in self.members where member.endpoint.zone == zone && member.administrative == .active {
                near[member.endpoint.priority, default: 0] += 1
            }
        }
        return self.members.map { member in
            let isFar =
                near[member.endpoint.priority, default: 0] >= options.leastEndpointsInZone
                && member.endpoint.zone != options.zone
            return Roster.Entry(
                cell: member.cell, endpoint: member.endpoint,
                level: Roster.LevelKey(priority: member.endpoint.priority, distance: isFar ? 1 : 0),
                isHealthy: member.isHealthy, isOut: member.administrative != .active,
                takesSticky: member.administrative != .maintenance)
        }
    }
}
