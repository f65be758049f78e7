import Synchronization

/// Why a call to an endpoint failed.
public enum CallFailure: Hashable, Sendable {
    /// No connection came about: nothing was sent.
    case connectFailed
    /// No answer came in time.
    case timedOut
    /// An answer that is an error, or a connection that broke.
    case error
}

/// How a call to an endpoint ended.
enum CallOutcome: Hashable, Sendable {
    case succeeded
    case failed(CallFailure)
    /// It was given up for a reason that says nothing of the endpoint.
    case cancelled
}

/// An endpoint for one call, which counts as its load until the call has ended.
///
/// Say how the call ended with exactly one of ``succeed()``, ``fail(_:)``, and ``cancel()``; the compiler sees to it that no second one can
/// follow. A pick that goes out of scope without one counts as cancelled, so that a thrown error or a cancelled task cannot leave load
/// behind.
///
/// ```swift
/// let pick = try balancer.pick()
/// let answer = try await ask(pick.endpoint.address)
/// pick.succeed()
/// ```
///
/// It is `@unchecked Sendable`, because its cell is free for any thread and is not freed before this pick has ended.
public struct Pick: ~Copyable, @unchecked Sendable {
    private let cell: CellPointer
    private let start: Int64
    /// Whether the call went to the endpoint that ``PickContext/sticky`` named.
    public let isSticky: Bool
    private var hasEnded = false

    init(_ cell: CellPointer, start: Int64, isSticky: Bool) {
        self.cell = cell
        self.start = start
        self.isSticky = isSticky
    }

    /// Where the call goes.
    public var endpoint: Endpoint { self.cell.pointee.endpoint.withLock { $0 } }

    /// A number of the endpoint, unique in the process for ever: what pools of connections are found by, and retries avoid. An endpoint that
    /// is taken out and put in again has a new one, and so has one whose address changed.
    public var number: UInt64 { self.cell.pointee.number }

    /// The call has succeeded.
    public consuming func succeed() { self.end(.succeeded) }

    /// The call has failed.
    ///
    /// What counts as a failure is the caller's to say; for HTTP it is usually a status from 500 on.
    public consuming func fail(_ failure: CallFailure = .error) { self.end(.failed(failure)) }

    /// The call was given up for a reason that says nothing of the endpoint, such as a client that went away.
    public consuming func cancel() { self.end(.cancelled) }

    private consuming func end(_ outcome: CallOutcome) {
        self.hasEnded = true
        EndpointCell.end(self.cell, outcome, start: self.start)
    }

    deinit {
        if !self.hasEnded { EndpointCell.end(self.cell, .cancelled, start: self.start) }
    }
}
