#if ZooKeeper
import ColonyCore

/// The nodes that this engine has made in its present session, and what it knows of them that the ensemble does not.
///
/// A value: what happened goes in, what is to be done comes out.
struct LocalNodes {
    /// A grant as its engine counts it.
    struct Grant {
        var duration: Duration
        var expiry: MonotonicInstant
        let began: MonotonicInstant
        /// The renewals that the node's data tells of.
        var recorded: UInt64
        /// The renewals since, which needed no writing.
        var silent: UInt64
        var alarm: UInt64 = 0
    }

    enum Phase {
        /// Asks or waits.
        case asking
        case granted(Grant)
        /// Refused, given up, or run out: its node is being deleted.
        case over
    }

    struct Node {
        let guid: String
        let name: LeaseName
        let owner: OwnerID
        let session: ObjectIdentifier
        /// Unknown until the making of the node is answered.
        var path: String?
        var token: FencingToken?
        /// What was last written into the node.
        var record: NodeRecord
        /// The longest duration that a renewal may have written, answered or not.
        var longest: Duration = .zero
        var phase = Phase.asking

        var grant: Grant? {
            if case .granted(let grant) = self.phase { grant } else { nil }
        }
    }

    private(set) var nodes: [String: Node] = [:]
    /// The nodes that hold, by what they hold.
    private(set) var held: [LeaseName: String] = [:]

    subscript(guid: String) -> Node? { self.nodes[guid] }

    /// The node that was last granted `name`, run out or not.
    func present(of name: LeaseName) -> Node? { self.held[name].flatMap { self.nodes[$0] } }

    /// The node by which `name` is held, if its lease has not run out.
    func holder(of name: LeaseName, at now: MonotonicInstant) -> Node? {
        guard let guid = self.held[name], let node = self.nodes[guid], let grant = node.grant, now < grant.expiry
        else { return nil }
        return node
    }

    mutating func enter(_ node: Node) { self.nodes[node.guid] = node }

    mutating func made(_ guid: String, path: String, token: FencingToken) {
        self.nodes[guid]?.path = path
        self.nodes[guid]?.token = token
    }

    /// Makes a node the holder, or extends what it holds.
    ///
    /// - Parameter minimum: How long the grant lasts at least, whatever was asked for.
    /// - Returns: The lease, or `nil` if the node is gone or over.
    mutating func grant(
        _ guid: String, for duration: Duration, from start: MonotonicInstant, atLeast minimum: Duration = .zero,
        at now: MonotonicInstant
    ) -> Lease? {
        guard let node = self.nodes[guid], node.token != nil else { return nil }
        switch node.phase {
        case .over:
            return nil
        case .granted:
            return self.extend(guid, for: duration, from: start, at: now)
        case .asking:
            let grant = Grant(
                duration: duration, expiry: start.advanced(by: max(duration, minimum)), began: now,
                recorded: node.record.renewals, silent: 0)
            self.nodes[guid]?.phase = .granted(grant)
            self.held[node.name] = guid
            return self.lease(guid)
        }
    }

    /// A renewal asks for at least `duration` from `start`; an end that is further away stays.
    ///
    /// - Parameter written: What the renewal wrote into the node, if anything.
    mutating func extend(
        _ guid: String, for duration: Duration, from start: MonotonicInstant, at now: MonotonicInstant,
        written: NodeRecord? = nil
    ) -> Lease? {
        guard var grant = self.nodes[guid]?.grant, now < grant.expiry else { return nil }
        grant.duration = duration
        grant.expiry = max(grant.expiry, start.advanced(by: duration))
        if let written {
            grant.recorded = written.renewals
            grant.silent = 0
            self.nodes[guid]?.record = written
        } else {
            grant.silent += 1
        }
        self.nodes[guid]?.phase = .granted(grant)
        return self.lease(guid)
    }

    /// What to write into a node so that a renewal for `duration` is known to others.
    ///
    /// Nothing shorter is ever written than before, for an earlier answer may be counted on for longer, and who takes the node over
    /// knows only what is written. What is returned has to be sent before this is asked again.
    ///
    /// - Returns: `nil` if what is written is enough.
    mutating func lengthen(_ guid: String, to duration: Duration) -> NodeRecord? {
        guard let node = self.nodes[guid] else { return nil }
        if let written = node.record.duration, duration <= written { return nil }
        var record = node.record
        let longest = max(duration, node.longest)
        record.duration = longest
        record.renewals = (node.grant?.recorded ?? 0) + (node.grant?.silent ?? 0) + 1
        self.nodes[guid]?.longest = longest
        return record
    }

    mutating func setAlarm(_ alarm: UInt64, of guid: String) {
        guard var grant = self.nodes[guid]?.grant else { return }
        grant.alarm = alarm
        self.nodes[guid]?.phase = .granted(grant)
    }

    func lease(_ guid: String) -> Lease? {
        guard let node = self.nodes[guid], let token = node.token, let grant = node.grant else { return nil }
        return Lease(
            name: node.name, owner: node.owner, token: token, duration: grant.duration, expiry: grant.expiry)
    }

    /// Ends what a node holds or waits for. The node stays known until ``forget(_:)``.
    ///
    /// - Returns: The node as it was, or `nil` if it was over already.
    mutating func end(_ guid: String) -> Node? {
        guard let node = self.nodes[guid] else { return nil }
        if case .over = node.phase { return nil }
        self.nodes[guid]?.phase = .over
        if self.held[node.name] == guid { self.held[node.name] = nil }
        return node
    }

    mutating func forget(_ guid: String) {
        _ = self.end(guid)
        self.nodes[guid] = nil
    }

    /// Ends everything of a session that is over.
    ///
    /// - Returns: The alarms that need not ring any more.
    mutating func forgetAll(of session: ObjectIdentifier) -> [UInt64] {
        var alarms: [UInt64] = []
        for node in self.nodes.values where node.session == session {
            if let grant = node.grant { alarms.append(grant.alarm) }
            self.forget(node.guid)
        }
        return alarms
    }
}
#endif
