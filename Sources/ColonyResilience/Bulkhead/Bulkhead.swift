public import ColonyCore

/// How many calls a ``Bulkhead`` lets in, and how many may wait how long.
public struct BulkheadOptions: Hashable, Sendable {
    /// How many calls run at once.
    public let limit: Int
    /// How many calls wait, in turn.
    public let maximumWaiting: Int
    /// How long a call waits at most.
    public let maximumWait: Duration

    /// The greatest limit, and the longest line.
    public static let largest = 1_000_000_000

    /// Makes options from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - limit: From 1 to ``largest``.
    ///   - maximumWaiting: From 0 to ``largest``. None unless said otherwise: a line hides that the limit is too low.
    ///   - maximumWait: From zero to one day. One second unless said otherwise.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        limit: Int, maximumWaiting: Int = 0, maximumWait: Duration = .seconds(1)
    ) throws(ResilienceError) {
        try Bounds.check(limit, in: 1...Self.largest, "calls at once")
        try Bounds.check(maximumWaiting, in: 0...Self.largest, "calls in line")
        try Bounds.check(maximumWait, in: .zero ... .seconds(86_400), "the longest wait in a line")
        self.limit = limit
        self.maximumWaiting = maximumWaiting
        self.maximumWait = maximumWait
    }
}

/// Lets at most so many calls run at once, so that one slow dependency does not take all that the process has.
///
/// ```swift
/// let bulkhead = Bulkhead(try BulkheadOptions(limit: 20, maximumWaiting: 50), name: "reports")
/// let report = try await bulkhead.execute { try await reports.render(id) }
/// ```
///
/// What is guaranteed:
///
/// - Never more than ``limit`` calls run at once, except those that had begun when the limit was lowered.
/// - Calls that wait are served first in, first out; a place is handed to the next without being free in between.
/// - A wait ends with ``BulkheadOptions/maximumWait``, with the deadline of the task (``Deadline/current``), or with the cancellation
///   of the task, and then holds nothing.
/// - The place is given back exactly once, however the call ends.
///
/// A call inside a call of the same bulkhead needs a second place. If there is none it waits as long as allowed and is then refused;
/// it never waits for ever.
///
/// - Complexity: Two atomic operations while nobody waits. With a line, O(1) amortised under a lock.
public final class Bulkhead: ResilienceLayer, Sendable {
    /// What the bulkhead protects, for logs and metrics.
    public let name: String
    /// What it was made with. The limit may have been changed since.
    public let options: BulkheadOptions

    private let gate: ConcurrencyGate

    /// Makes an empty bulkhead.
    public init(_ options: BulkheadOptions, name: String = "default", clock: any MonotonicClock = HostClock()) {
        self.name = name
        self.options = options
        self.gate = ConcurrencyGate(
            limit: options.limit, maximumWaiting: options.maximumWaiting, maximumWait: options.maximumWait,
            clock: clock)
    }

    /// Makes an empty bulkhead for so many calls at once, without a line.
    ///
    /// - Parameter limit: From 1 to ``BulkheadOptions/largest``.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the number.
    public convenience init(
        _ limit: Int, name: String = "default", clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        self.init(try BulkheadOptions(limit: limit), name: name, clock: clock)
    }

    /// Runs an operation as soon as there is a place for it.
    ///
    /// - Throws: ``ResilienceError`` with code `bulkheadFull` or `deadlineExceeded`, or `CancellationError` while it waits, all before the
    ///   operation was started. Else what the operation throws.
    @inlinable
    public func execute<Value>(_ operation: () async throws -> Value) async throws -> Value {
        if !self.tryEnter() { try await self.enter() }
        defer { self.leave() }
        return try await operation()
    }

    /// Takes a place, after a wait if need be.
    ///
    /// - Throws: As ``execute(_:)`` before the operation.
    public func acquire() async throws -> BulkheadPermit {
        if !self.tryEnter() { try await self.enter() }
        return BulkheadPermit(bulkhead: self)
    }

    /// Takes a place if one is free and nobody waits for one.
    public func tryAcquire() -> BulkheadPermit? {
        self.tryEnter() ? BulkheadPermit(bulkhead: self) : nil
    }

    @usableFromInline
    func tryEnter() -> Bool { self.gate.tryEnter() }

    @usableFromInline
    func enter() async throws {
        guard let refusal = try await self.gate.enter() else { return }
        throw refusal.error(of: "the bulkhead \(self.name)", limit: self.limit)
    }

    @usableFromInline
    func leave() { self.gate.leave() }

    // MARK: Limit

    /// How many calls may run at once, at present.
    public var limit: Int { self.gate.limit }

    /// Changes the limit while calls run. Calls that run are not ended; places that appear go to those who wait.
    ///
    /// - Parameter limit: From 1 to ``BulkheadOptions/largest``.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the number.
    public func resize(to limit: Int) throws(ResilienceError) {
        try Bounds.check(limit, in: 1...BulkheadOptions.largest, "calls at once")
        self.gate.resize(to: limit)
    }

    /// How the bulkhead stands.
    public var snapshot: BulkheadSnapshot { BulkheadSnapshot(self.gate.figures) }
}

/// A bulkhead or a concurrency limit as it stands.
public struct BulkheadSnapshot: Hashable, Sendable {
    /// How many calls may run at once.
    public let limit: Int
    /// How many run.
    public let running: Int
    /// How many wait.
    public let waiting: Int
    /// How long the first in line has waited; zero without a line.
    public let longestWait: Duration
    /// How many calls had to wait, in all.
    public let totalWaits: UInt64
    /// How many calls were refused, at once or after a wait, in all.
    public let totalRefusals: UInt64

    init(_ figures: ConcurrencyGate.Figures) {
        self.limit = figures.limit
        self.running = figures.inside
        self.waiting = figures.waiting
        self.longestWait = figures.longestWait
        self.totalWaits = figures.totalWaits
        self.totalRefusals = figures.totalRefusals
    }

    /// The share of the limit that is in use; more than 1 after the limit was lowered.
    public var utilisation: Double { Double(self.running) / Double(self.limit) }
}

/// A place in a ``Bulkhead``. It cannot be copied and is given back exactly once: by ``release()`` or by its end.
public struct BulkheadPermit: ~Copyable, Sendable {
    private let bulkhead: Bulkhead

    init(bulkhead: Bulkhead) {
        self.bulkhead = bulkhead
    }

    /// Gives the place back now, and not at the end of the permit's life.
    public consuming func release() {}

    deinit { self.bulkhead.leave() }
}

extension ConcurrencyGate.Refusal {
    func error(of layer: String, limit: Int) -> ResilienceError {
        switch self {
        case .full:
            ResilienceError(.bulkheadFull, "\(layer) has no room beside \(limit) calls; the call was not started")
        case .tooLong:
            ResilienceError(
                .bulkheadFull, "\(layer) had no room in the time to wait; the call was not started")
        case .deadline:
            ResilienceError(
                .deadlineExceeded, "\(layer) had no room before the deadline; the call was not started",
                isNotStarted: true)
        }
    }
}
