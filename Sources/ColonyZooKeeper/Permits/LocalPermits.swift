#if ZooKeeper
import ColonyCore

/// The permit nodes that this engine has made in its present session, and until when they stand, which the ensemble does not
/// know.
///
/// A value: what happened goes in, what is to be done comes out. A node that is over never stands again: whoever asks anew gets
/// another one.
struct LocalPermits {
    struct Grant {
        let token: FencingToken
        var duration: Duration
        /// Until when the owner may count on it.
        var expiry: MonotonicInstant
        /// Until when the node stays. Later than `expiry` if it was taken over from an engine that may count on it for longer.
        var end: MonotonicInstant
    }

    enum Phase {
        /// The transaction that makes it is on its way.
        case asked
        case held(Grant)
        case claimed(until: MonotonicInstant)
        /// Given up or run out: it is being deleted.
        case over
    }

    struct Entry {
        let name: LeaseName
        let session: ObjectIdentifier
        /// What was last written into the node.
        var node: PermitNode
        var phase = Phase.asked
        var alarm: UInt64 = 0
        /// The longest duration that a request may have written, answered or not.
        var longest: Duration = .zero
        /// Whether it took the place of another session's node in a transaction that went unanswered: it may be missing, and
        /// be made yet.
        var isUncertain = false

        var grant: Grant? {
            if case .held(let grant) = self.phase { grant } else { nil }
        }

        /// When its time is over; `nil` if that is not known, or it is.
        var end: MonotonicInstant? {
            switch self.phase {
            case .held(let grant): grant.end
            case .claimed(let end): end
            case .asked, .over: nil
            }
        }

        /// Whether it still stands for something.
        func isAlive(at now: MonotonicInstant) -> Bool {
            if case .over = self.phase { return false }
            return self.end.map { now < $0 } ?? true
        }
    }

    private struct Holding: Hashable {
        let name: LeaseName
        let owner: OwnerID
    }

    /// By path.
    private(set) var entries: [String: Entry] = [:]
    /// The paths of those that hold.
    private var holds: [Holding: String] = [:]

    subscript(path: String) -> Entry? { self.entries[path] }

    mutating func enter(_ entry: Entry, at path: String) { self.entries[path] = entry }

    /// What an owner holds through this engine.
    func hold(_ name: LeaseName, _ owner: OwnerID) -> (path: String, entry: Entry, grant: Grant)? {
        guard let path = self.holds[Holding(name: name, owner: owner)], let entry = self.entries[path],
            let grant = entry.grant
        else { return nil }
        return (path, entry, grant)
    }

    /// The nodes of an owner of which it is unknown whether they were made, without those that take the place of another
    /// session's: what those stand for was there before, and may be renewed by another task at this moment.
    ///
    /// - Complexity: O(*n*) in all nodes.
    func asked(_ name: LeaseName, _ owner: OwnerID) -> [String] {
        self.entries.filter { _, entry in
            guard case .asked = entry.phase, entry.node.token == nil else { return false }
            return entry.name == name && entry.node.owner == owner
        }.map(\.key)
    }

    /// Makes a node a hold, or extends it; an end that is further away stays.
    ///
    /// - Parameter end: Until when the node has to stay at least.
    /// - Returns: The lease, or `nil` if the node is unknown, is over, or was made for a claim.
    mutating func hold(
        _ path: String, _ token: FencingToken, for duration: Duration, from start: MonotonicInstant,
        atLeastUntil end: MonotonicInstant? = nil, at now: MonotonicInstant
    ) -> Lease? {
        guard let entry = self.entries[path], entry.node.kind == .hold, entry.isAlive(at: now) else { return nil }
        let former = entry.grant
        var grant = Grant(token: token, duration: duration, expiry: start.advanced(by: duration), end: now)
        if let former { grant.expiry = max(former.expiry, grant.expiry) }
        grant.end = max(grant.expiry, former?.end ?? grant.expiry, end ?? grant.expiry)
        self.entries[path]?.phase = .held(grant)
        self.holds[Holding(name: entry.name, owner: entry.node.owner)] = path
        return Lease(
            name: entry.name, owner: entry.node.owner, token: token, duration: duration, expiry: grant.expiry)
    }

    /// Keeps a claim until `end`.
    ///
    /// - Returns: `false` if it is over.
    mutating func claim(_ path: String, until end: MonotonicInstant, at now: MonotonicInstant) -> Bool {
        guard let entry = self.entries[path], entry.node.kind == .claim, entry.isAlive(at: now) else { return false }
        self.entries[path]?.phase = .claimed(until: end)
        return true
    }

    mutating func wrote(_ node: PermitNode, at path: String) { self.entries[path]?.node = node }

    /// What to write into a node so that a renewal for `duration` is known to others.
    ///
    /// Nothing shorter is ever written than before, for an earlier answer may be counted on for longer, and who takes the node over
    /// knows only what is written. What is returned has to be sent before this is asked again.
    ///
    /// - Returns: `nil` if what is written is enough.
    mutating func lengthen(_ path: String, to duration: Duration) -> PermitNode? {
        guard let entry = self.entries[path], duration > entry.node.duration else { return nil }
        var node = entry.node
        node.duration = max(duration, entry.longest)
        self.entries[path]?.longest = node.duration
        return node
    }

    mutating func setUncertain(_ isUncertain: Bool, at path: String) { self.entries[path]?.isUncertain = isUncertain }

    /// Takes a node that was not found from its owner; it stays known if it may be made yet.
    ///
    /// - Returns: Whether it stays known.
    mutating func miss(_ path: String) -> Bool {
        guard let entry = self.entries[path], entry.isUncertain else { return false }
        let holding = Holding(name: entry.name, owner: entry.node.owner)
        if self.holds[holding] == path { self.holds[holding] = nil }
        return true
    }

    mutating func setAlarm(_ alarm: UInt64, at path: String) { self.entries[path]?.alarm = alarm }

    /// Ends what a node stands for. It stays known until ``forget(_:)``.
    mutating func end(_ path: String) {
        guard let entry = self.entries[path] else { return }
        self.entries[path]?.phase = .over
        let holding = Holding(name: entry.name, owner: entry.node.owner)
        if self.holds[holding] == path { self.holds[holding] = nil }
    }

    /// - Returns: The alarm that need not ring any more; zero for none.
    mutating func forget(_ path: String) -> UInt64 {
        self.end(path)
        return self.entries.removeValue(forKey: path)?.alarm ?? 0
    }

    /// Forgets everything of a session that is over.
    ///
    /// - Returns: The alarms that need not ring any more.
    mutating func forgetAll(of session: ObjectIdentifier) -> [UInt64] {
        let gone = self.entries.filter { $0.value.session == session }
        return gone.keys.map { self.forget($0) }
    }
}
#endif
