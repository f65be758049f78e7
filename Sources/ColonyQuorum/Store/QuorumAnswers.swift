public import ColonyCore

/// What a read found.
public struct QuorumRead: Hashable, Sendable {
    /// The values: none if the key was never written or was deleted, one as a rule, several where siblings are kept and
    /// writes did not know of one another. Siblings are in the order of their stamps, so the last is the latest.
    public let values: [[UInt8]]
    /// What was seen, for the next write.
    public let context: QuorumContext
    /// The servers that answered.
    public let answered: [NodeID]
    /// The servers whose answer was older, and that are being brought up to date.
    public let outdated: [NodeID]
    /// What went wrong at which server, as far as it was known when the read ended.
    public let failures: [ReplicaFailure]

    /// The value; of several siblings the one with the greatest stamp.
    public var value: [UInt8]? { self.values.last }
}

/// What became of a write that was acknowledged.
public struct QuorumWrite: Hashable, Sendable {
    /// What is seen by who sees this write, for the next one.
    public let context: QuorumContext
    /// The servers that held the write when the call ended.
    public let acknowledged: [NodeID]
    /// Servers that are to get it later, with the server that stands in for each, if there is one.
    public let owed: [NodeID: NodeID?]
    /// What went wrong at which server, as far as it was known when the write was acknowledged.
    public let failures: [ReplicaFailure]
}

extension ReplicaFailure: Hashable {
    public static func == (first: Self, second: Self) -> Bool {
        first.server == second.server && first.kind == second.kind && first.message == second.message
    }

    /// Hashes the server and the kind.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.server)
        hasher.combine(self.kind)
    }
}

/// What a store has done beside answering, counted since it was made.
public struct QuorumStatistics: Hashable, Sendable {
    /// Servers that were brought up to date after a read.
    public var repairs = 0
    /// Repairs that were left to a later read because too many were under way.
    public var repairsPutOff = 0
    /// Writes that were noted for a server that had failed.
    public var hintsKept = 0
    /// Hints that a full or failed journal did not take. The server is brought up to date by reads and
    /// ``QuorumStore/reconcile(_:_:rate:)``.
    public var hintsLost = 0
    /// Hints that have reached their server.
    public var hintsDelivered = 0
    /// Hints that were too old to be delivered.
    public var hintsExpired = 0
}
