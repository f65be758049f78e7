public import ColonyCore
import Synchronization

/// A leadership that was won: renewed in the background until it is resigned or lost.
///
/// It does not resign by itself when the last reference goes; ``Election/lead(as:proclaiming:backoff:_:)`` does when its body ends.
public final class Leadership: Sendable {
    private struct State {
        var isResigned = false
        /// The bodies that run at this moment.
        var bodies: [Int: @Sendable () -> Void] = [:]
        var lastBody = 0
    }

    private let held: HeldLock
    private let records: LeaderRecords?
    private let state = Mutex(State())

    init(_ held: HeldLock, records: LeaderRecords?) {
        self.held = held
        self.records = records
        // One action for all bodies that will ever run, or the list of actions would grow with each of them.
        held.whenLost { [weak self] in self?.cancelBodies() }
    }

    /// The name of the election.
    public var name: LeaseName { self.held.name }

    /// The owner of the lease in the store: another one for each leadership.
    public var owner: OwnerID { self.held.ownerID }

    /// The number of this leadership, greater than that of every one before: its fencing token. Send it with every write.
    public var term: FencingToken { self.held.token }

    /// The lease with its present end.
    public var lease: Lease { self.held.lease }

    /// Whether this still is the leader, by the clock and not by what was last heard: neither resigned nor lost. It turns
    /// false before anybody else can win, also while the engine does not answer.
    ///
    /// - Important: Only the present is known. What must not happen after a loss needs the term's check at the resource.
    public var isLeader: Bool { self.held.isHeld }

    /// Waits until the leadership is lost, and says why; returns `nil` when it is resigned instead.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func waitUntilLost() async throws -> LockLossReason? { try await self.held.waitUntilLost() }

    /// Runs `body`, and cancels it when the leadership is lost, before anybody else can win, or is resigned.
    ///
    /// It does not resign at the end, so it may be called again, and several at once.
    ///
    /// - Important: Cancellation is a request. A `body` that goes on after a loss is kept from harm only by the check of its
    ///   term at what it writes to.
    /// - Returns: What `body` returned.
    /// - Throws: ``CoordinationError`` with code `leaseLost` if the leadership is lost, before or during `body`, whatever `body`
    ///   then does; otherwise what `body` throws.
    public func whileLeader<Value: Sendable>(
        _ body: @escaping @Sendable (Leadership) async throws -> Value
    ) async throws -> Value {
        guard self.isLeader else {
            throw self.held.lossError(self.held.lossReason ?? .ranOut, Result<Value, any Error>.failure(NotBegun()))
        }
        let result = await self.perform(body)
        if !self.isLeader, !self.isResigned {
            throw self.held.lossError(self.held.lossReason ?? .ranOut, result)
        }
        return try result.get()
    }

    /// Tells observers something of the leader, such as its address: at most about 60,000 bytes of text, in place of what it
    /// told them before.
    ///
    /// It is written with the term, and only where no later leader has written. Observers show it only while the election
    /// has this term. So what a leader says that no longer leads is seen by nobody.
    ///
    /// - Throws: ``CoordinationError``: `guaranteeNotMet` on an engine that keeps no records, `leaseLost` if this is not the leader
    ///   any more, `unavailable` if the record could not be written before the lease would be over: it may yet be there.
    /// - Complexity: Two round trips.
    public func proclaim(_ metadata: String) async throws(CoordinationError) {
        try await self.write(metadata)
    }

    func write(_ metadata: String?) async throws(CoordinationError) {
        guard let records = self.records else { throw Self.noRecords(self.name) }
        let record = LeaderRecord(term: self.term.rawValue, owner: self.owner.rawValue, metadata: metadata)
        // What is written after the lease is of no use.
        guard self.isLeader, try await records.write(record, until: self.lease.expiry), self.isLeader else {
            throw CoordinationError(
                .leaseLost, "the election \(self.name) has another leader than that of term \(self.term)")
        }
    }

    /// Ends the leadership, so that another candidate wins at once; bodies that run are cancelled first, and not waited for.
    ///
    /// It is done also when the calling task has been cancelled. Resigning again does nothing.
    ///
    /// - Returns: Whether this was the leader until now.
    /// - Throws: ``CoordinationError`` with code `unavailable` if the engine did not answer within
    ///   ``LockConfiguration/releaseLimit``; the lease then runs out by itself.
    /// - Complexity: One round trip, and two for the record where the engine keeps some.
    @discardableResult
    public func resign() async throws(CoordinationError) -> Bool {
        let isFirst = self.state.withLock { state -> Bool in
            defer { state.isResigned = true }
            return !state.isResigned
        }
        guard isFirst else { return false }
        self.cancelBodies()
        let wasLeader = try await self.held.release()
        await self.records?.remove(term: self.term)
        return wasLeader
    }

    /// Whether ``resign()`` was called.
    var isResigned: Bool { self.state.withLock { $0.isResigned } }

    /// Runs `body` in a task that ends with the leadership.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (Leadership) async throws -> Value
    ) async -> Result<Value, any Error> {
        let work = startedAtOnce { try await body(self) }
        let number = self.state.withLock { state -> Int in
            state.lastBody += 1
            state.bodies[state.lastBody] = { work.cancel() }
            return state.lastBody
        }
        defer { self.state.withLock { $0.bodies[number] = nil } }
        // The end may have come before the body was in the list.
        if self.isResigned || self.held.lossReason != nil { work.cancel() }
        return await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
    }

    private func cancelBodies() {
        let bodies = self.state.withLock { Array($0.bodies.values) }
        for cancel in bodies { cancel() }
    }

    static func noRecords(_ name: LeaseName) -> CoordinationError {
        CoordinationError(
            .guaranteeNotMet,
            "the engine of the election \(name) keeps no records, so its leader cannot say anything of itself")
    }

    /// Why there is no outcome of a body that was not begun.
    private struct NotBegun: Error, CustomStringConvertible {
        var description: String { "the work was not begun, because the leadership was over" }
    }
}
