public import ColonyCaches
public import ColonyCore

/// A write that a server has not got, kept until it can be brought there.
public struct Hint: Hashable, Sendable {
    /// The server that is to get it.
    public let server: NodeID
    /// The key.
    public let key: CacheKey
    /// The state of the key in the form in which servers hold it.
    public let bytes: [UInt8]
    /// When it was written, by the wall clock.
    public let written: WallTime
    /// The server that holds it meanwhile, and is relieved when it is delivered.
    public let standIn: NodeID?

    /// Puts the parts together.
    public init(server: NodeID, key: CacheKey, bytes: [UInt8], written: WallTime, standIn: NodeID?) {
        self.server = server
        self.key = key
        self.bytes = bytes
        self.written = written
        self.standIn = standIn
    }
}

/// A hint in a journal, under a number that the journal gives once.
public struct KeptHint: Hashable, Sendable {
    /// Its number.
    public let number: UInt64
    /// What is kept.
    public let hint: Hint

    /// Puts the parts together.
    public init(number: UInt64, hint: Hint) {
        self.number = number
        self.hint = hint
    }
}

/// Where a ``QuorumStore`` keeps what servers are owed: the port under hinted handoff.
///
/// A journal belongs to one store at a time. Every member may be called concurrently.
public protocol HintJournal: AnyObject, Sendable {
    /// Keeps hints. When it returns they outlive what the journal says that it outlives.
    ///
    /// - Throws: ``QuorumError`` with `overloaded` when the journal is full, and none of them was kept; `unavailable`
    ///   when its storage failed, and they may have been; `closed`.
    func append(_ hints: [Hint]) async throws(QuorumError)

    /// The oldest hints for a server.
    ///
    /// - Parameter limit: The most to give, from 1.
    func hints(for server: NodeID, limit: Int) async throws(QuorumError) -> [KeptHint]

    /// Forgets hints. Numbers that are not there are passed over.
    ///
    /// A hint whose removal is lost in a crash is delivered again, which changes nothing.
    func remove(_ numbers: [UInt64]) async throws(QuorumError)

    /// How many hints there are for each server that has some.
    func counts() async throws(QuorumError) -> [NodeID: Int]

    /// Ends the journal. What it keeps durably stays for the next one.
    func close() async
}

/// How much a journal keeps.
public struct HintLimits: Hashable, Sendable {
    /// The most hints, from 1.
    public var hints: Int
    /// The most bytes of keys and states, from 1.
    public var bytes: Int

    /// Sets limits: 100,000 hints and 64 MiB unless told otherwise, which is an hour of 30 writes a second.
    public init(hints: Int = 100_000, bytes: Int = 64 << 20) {
        precondition(hints >= 1, "a journal keeps 1 hint or more, not \(hints)")
        precondition(bytes >= 1, "a journal keeps 1 byte or more, not \(bytes)")
        self.hints = hints
        self.bytes = bytes
    }
}
