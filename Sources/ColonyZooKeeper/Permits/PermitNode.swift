#if ZooKeeper
package import ColonyCore

/// What is written into the node of somebody who holds or claims permits.
///
/// The first line is the owner. The second is `colony/1 kind=… permits=… duration_ns=… token=… since_ms=…`, of which the last
/// two are there only in a node that was taken over from another session.
package struct PermitNode: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case hold, claim
    }

    package let owner: OwnerID
    package let kind: Kind
    package var permits: Int
    /// For how long the latest grant was, or the claim is kept; renewals by the session that holds last no longer.
    package var duration: Duration
    /// The number of the transaction that made the first node of this grant or claim, if it was not the one that made this.
    package var token: UInt64?
    /// When that was, by the clock of the leader.
    package var since: Int64?

    private static let mark = "colony/1"

    package init(owner: OwnerID, kind: Kind, permits: Int, duration: Duration) {
        self.owner = owner
        self.kind = kind
        self.permits = permits
        self.duration = duration
    }

    /// Reads the data of a node; `nil` for what this engine does not write.
    package init?(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 2, let owner = try? OwnerID(String(lines[0])) else { return nil }
        let words = lines[1].split(separator: " ")
        guard words.first.map(String.init) == Self.mark else { return nil }
        var values: [Substring: Substring] = [:]
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        guard
            let kind = values["kind"].flatMap({ Kind(rawValue: String($0)) }),
            let permits = values["permits"].flatMap({ Int($0) }), permits > 0,
            let duration = values["duration_ns"].flatMap({ Int64($0) })
        else { return nil }
        self.init(owner: owner, kind: kind, permits: permits, duration: .nanoseconds(duration))
        self.token = values["token"].flatMap { UInt64($0) }
        self.since = values["since_ms"].flatMap { Int64($0) }
    }

    package var bytes: [UInt8] {
        var text = "\(self.owner.rawValue)\n\(Self.mark) kind=\(self.kind.rawValue) permits=\(self.permits)"
        text += " duration_ns=\(self.duration.clampedNanoseconds)"
        if let token { text += " token=\(token)" }
        if let since { text += " since_ms=\(since)" }
        return Array(text.utf8)
    }

    /// The fencing token of a grant; the place of a claim.
    func token(_ stat: NodeStat) -> FencingToken {
        FencingToken(rawValue: self.token ?? UInt64(bitPattern: stat.creation))
    }
}
#endif
