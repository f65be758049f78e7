#if ZooKeeper
package import ColonyCore

/// What is written into the node of a contender, for other sessions to read.
///
/// The first line is the owner and nothing else, as other clients write it. The second is Colony's:
/// `colony/1 duration_ns=… token=… since_ms=… renewals=…`, of which all but the duration are there only in a node that
/// was taken over from another session.
package struct NodeRecord: Equatable, Sendable {
    package var owner: OwnerID
    /// The duration of the latest grant that was written down; `nil` in the nodes of other clients.
    package var duration: Duration?
    /// The token of the grant, if the node is not the one that was made for it.
    package var token: FencingToken?
    /// When the grant began, by the clock of the leader, if the node is not the one that was made for it.
    package var since: Int64?
    /// How many renewals were written down.
    package var renewals: UInt64 = 0

    private static let mark = "colony/1"

    package init(owner: OwnerID, duration: Duration?) {
        self.owner = owner
        self.duration = duration
    }

    /// Reads the data of a node; what others have written makes an owner as well as it can.
    ///
    /// - Parameter name: The name of the node, for data from which no owner can be made.
    package init(_ bytes: [UInt8], name: String) {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let fallback = (try? OwnerID(name)) ?? OwnerID.unknown
        let owner = lines.first.flatMap { try? OwnerID(String($0)) }
        self.init(owner: owner ?? fallback, duration: nil)
        guard lines.count == 2 else { return }
        let words = lines[1].split(separator: " ")
        guard words.first.map(String.init) == Self.mark else { return }
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "duration_ns": self.duration = Int64(parts[1]).map { .nanoseconds($0) }
            case "token": self.token = FencingToken(parts[1])
            case "since_ms": self.since = Int64(parts[1])
            case "renewals": self.renewals = UInt64(parts[1]) ?? 0
            default: continue
            }
        }
    }

    package var bytes: [UInt8] {
        var text = "\(self.owner.rawValue)\n\(Self.mark)"
        if let duration { text += " duration_ns=\(duration.clampedNanoseconds)" }
        if let token { text += " token=\(token)" }
        if let since { text += " since_ms=\(since)" }
        if self.renewals > 0 { text += " renewals=\(self.renewals)" }
        return Array(text.utf8)
    }

    func token(_ stat: NodeStat) -> FencingToken {
        self.token ?? FencingToken(rawValue: UInt64(bitPattern: stat.creation))
    }

    /// For how long the owner has held or waited, at most; both clocks are civil ones, so it is good for showing only.
    func age(_ stat: NodeStat, at now: WallTime) -> Duration {
        .milliseconds(max(0, now.millisecondsSince1970 - (self.since ?? stat.createdAt)))
    }
}

extension OwnerID {
    /// Stands for a client of which nothing is known.
    fileprivate static let unknown: OwnerID = "unknown"
}
#endif
