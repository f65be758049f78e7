public import ColonyCore
import Synchronization

/// The values of a group of records, decoded, watched, and kept for the time when the engine is away.
///
/// ```swift
/// let limits = ConfigurationWatch<Limits>("limits", on: engine, file: "/var/lib/orders/limits.json")
/// async let watching: Void = limits.run()
/// let present = try await limits.first(upTo: .seconds(10))
/// for try await snapshot in limits.values() { apply(snapshot.values) }
/// ```
///
/// Each key of the group has a value of the same type, JSON unless another decoding is given. Three rules keep a program
/// running whatever happens to its configuration:
///
/// 1. *A bad value changes nothing.* What cannot be decoded is reported, in ``ConfigurationSnapshot/defects`` and as an event, and the
///    last good value of its key stays.
/// 2. *An outage changes nothing.* What is known stays, marked as stale since when.
/// 3. *A start during an outage works.* The last good values lie in a file, which is replaced as a whole and flushed to the disk
///    with each change, and is read if the engine does not answer, or if a value is bad, before a good one was seen. The snapshot
///    then says how old they are.
///
/// A key that is removed from the group is gone at once, from the file as well.
///
/// Records are written by ``RegistryEngine/put(_:in:)``, or by anybody who knows the engine's layout. The group is used as it is
/// given, without a prefix.
///
/// - SeeAlso: <doc:WatchedConfiguration>
public final class ConfigurationWatch<Value: Decodable & Sendable>: Sendable {
    /// The group whose records are watched.
    public let group: LeaseName

    let engine: any RegistryEngine
    let keys: Set<LeaseName>?
    let file: SafeFile?
    let room: WaitingRoom
    let wallClock: any WallClock
    let fileExecutor: any TaskExecutor
    let onEvent: (@Sendable (ConfigurationEvent) -> Void)?
    let decode: @Sendable ([UInt8]) throws -> Value
    let state = Mutex(State())

    struct State {
        var snapshot: ConfigurationSnapshot<Value>?
        /// How many snapshots there have been.
        var version = 0
        var isRunning = false
        /// Why there will be no more.
        var end: CoordinationError?
        var waiters: [OneShotSignal] = []
    }

    /// Makes a watch. Nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - group: Which group.
    ///   - engine: Where the records are kept.
    ///   - keys: Which of its keys; all if not given.
    ///   - file: Where the last good values are kept, for a start while the engine is away; its folder must be there. One
    ///     process at a time uses a file. `nil` keeps nothing.
    ///   - room: Whose clock, limits, and jitter count.
    ///   - wallClock: By what the age of the file is told.
    ///   - fileExecutor: Where the file is read and written; a thread of its own unless a simulation says otherwise.
    ///   - onEvent: Called with what happens, on the thread where it happened: return quickly.
    ///   - decode: Makes a value of bytes, or throws; JSON if not given.
    public init(
        _ group: LeaseName, on engine: some RegistryEngine, keys: Set<LeaseName>? = nil, file: String? = nil,
        room: WaitingRoom = .shared, wallClock: any WallClock = SystemWallClock(),
        fileExecutor: (any TaskExecutor)? = nil, onEvent: (@Sendable (ConfigurationEvent) -> Void)? = nil,
        decode: (@Sendable ([UInt8]) throws -> Value)? = nil
    ) {
        self.group = group
        self.engine = engine
        self.keys = keys
        self.file = file.map { SafeFile(path: $0) }
        self.room = room
        self.wallClock = wallClock
        self.fileExecutor = fileExecutor ?? ConfigurationFiles.executor
        self.onEvent = onEvent
        self.decode = decode ?? { try RecordCodec.value(Value.self, from: $0) }
    }

    /// What is known now; `nil` before the first answer of the engine or the file.
    public var current: ConfigurationSnapshot<Value>? { self.state.withLock { $0.snapshot } }

    /// What is known as soon as anything is.
    ///
    /// - Parameter limit: The longest wait; zero or less looks once.
    /// - Throws: ``CoordinationError``: `timedOut` if neither engine nor file has answered by then, `cancelled`, or why ``run()``
    ///   has ended.
    public func first(upTo limit: Duration) async throws(CoordinationError) -> ConfigurationSnapshot<Value> {
        let deadline = self.room.calls.clock.now.advanced(by: max(.zero, limit))
        guard let next = try await self.next(after: 0, until: deadline) else {
            throw CoordinationError(
                .timedOut, "nothing is known of the configuration \(self.group) after \(limit.text)")
        }
        return next.snapshot
    }

    /// What is known, from now on: the present snapshot first, if there is one, then each change.
    ///
    /// There is no buffer: a slow reader gets the newest snapshot and skips what was in between. The sequence ends when its task is
    /// cancelled and when ``run()`` ends, with its error if it failed.
    public func values() -> ConfigurationChanges<Value> { ConfigurationChanges(watch: self) }

    /// Waits for a snapshot after `version`; `nil` if there is none by the deadline.
    func next(
        after version: Int, until deadline: MonotonicInstant?
    ) async throws(CoordinationError) -> (snapshot: ConfigurationSnapshot<Value>, version: Int)? {
        while true {
            let signal = OneShotSignal()
            let (found, end) = self.state.withLock {
                state -> ((snapshot: ConfigurationSnapshot<Value>, version: Int)?, CoordinationError?) in
                if state.version > version, let snapshot = state.snapshot { return ((snapshot, state.version), nil) }
                if state.end == nil { state.waiters.append(signal) }
                return (nil, state.end)
            }
            if let found { return found }
            if let end { throw end }
            defer { self.state.withLock { state in state.waiters.removeAll { $0 === signal } } }
            do {
                if let deadline {
                    if try await !signal.wait(until: deadline, on: self.room.calls.clock) { return nil }
                } else {
                    try await signal.wait()
                }
            } catch {
                throw CoordinationError(
                    .cancelled, "the wait for the configuration \(self.group) was cancelled", cause: error)
            }
        }
    }
}

/// The thread on which all watches of a process read and write their files.
enum ConfigurationFiles {
    static let executor: any TaskExecutor = DedicatedExecutor(named: "colony-files")
}

/// The snapshots of a watched configuration, one after the other; see ``ConfigurationWatch/values()``.
public struct ConfigurationChanges<Value: Decodable & Sendable>: AsyncSequence, Sendable {
    /// One snapshot.
    public typealias Element = ConfigurationSnapshot<Value>
    /// Why there will be no more.
    public typealias Failure = CoordinationError

    let watch: ConfigurationWatch<Value>

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(watch: self.watch) }

    /// Reads from a watch.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let watch: ConfigurationWatch<Value>
        private var version = 0

        init(watch: ConfigurationWatch<Value>) { self.watch = watch }

        /// Waits for the next snapshot.
        public mutating func next() async throws(CoordinationError) -> ConfigurationSnapshot<Value>? {
            do throws(CoordinationError) {
                guard let next = try await self.watch.next(after: self.version, until: nil) else { return nil }
                self.version = next.version
                return next.snapshot
            } catch {
                if error.code == .cancelled { return nil }
                throw error
            }
        }

        /// Waits for the next snapshot.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(CoordinationError) -> ConfigurationSnapshot<Value>? {
            try await self.next()
        }
    }
}
