public import ColonyIdentifiers

/// What the cases of segments need to know about an engine: how to make clients of one store, and how to open it anew.
public protocol SegmentHarness: Sendable {
    /// A client of the store under test. All clients of a harness are clients of the same store, as independent of each
    /// other as the store allows: two connections of a server, two handles of a file, the same object for memory.
    func makeEngine() async throws -> any SegmentEngine

    /// Closes what the clients so far have open and opens the store anew, as after a restart of everything that used it;
    /// a store that nothing outlives gives the same one.
    func reopen() async throws -> any SegmentEngine

    /// How much work the cases that run many operations do, relative to the full amount: greater than zero, at most 1.
    var effort: Double { get }
}

/// A harness for engines that need no more than to be made.
public struct LiveSegmentHarness: SegmentHarness {
    /// How much work the cases that run many operations do, relative to the full amount.
    public let effort: Double
    private let connect: @Sendable () async throws -> any SegmentEngine

    /// Makes a harness.
    ///
    /// - Parameters:
    ///   - effort: Greater than 0 and at most 1. A fifth keeps a run against a server with a slow disk below a minute.
    ///   - connect: Makes one more client of the store.
    public init(effort: Double = 0.2, connect: @escaping @Sendable () async throws -> any SegmentEngine) {
        precondition(effort > 0 && effort <= 1, "an effort is greater than 0 and at most 1, and \(effort) is not")
        self.effort = effort
        self.connect = connect
    }

    /// Makes one more client of the store.
    public func makeEngine() async throws -> any SegmentEngine { try await self.connect() }

    /// Makes one more client of the store: one that knows nothing from before.
    public func reopen() async throws -> any SegmentEngine { try await self.connect() }
}
