// Where the state of a replica lives
//
// A CRDT demands that each replica makes its changes one after another on its latest state, and never starts again with
// an old one. What a quorum returns may be older than what this process has written, if that write was not
// acknowledged: the next change would then use the same number twice, and one of the two would be lost. So the state of
// a replica lives here, in memory, takes in whatever is read, and is written as a whole; and the replica's name is that
// of the node with a stamp and chance behind it, so that a process that starts anew is a new replica.
//
// On the servers, states are siblings: two that were written at the same time stay side by side until somebody has read
// both, merged them, and written the result.

public import ColonyCaches
public import ColonyClocks
public import ColonyCore
import Synchronization

/// A value of ColonyClocks that many processes change at the same time, kept in a ``QuorumStore``.
///
/// ```swift
/// let likes = try ReplicatedValue<PNCounter>("likes:42", in: store)
/// try await likes.update { counter, replica in try counter.add(1, at: replica) }
/// let count = try await likes.value().value
/// ```
///
/// All processes come to the same value when all changes have arrived. A change that ended with `unknown` or
/// `cancelled` is part of this replica's state, and is written with the next one: it is counted once, however often it
/// is tried.
///
/// - Important: The size grows with the number of replicas that ever changed it, which for most types is that of the
///   processes that ever ran. One handle for each key and process, kept as long as the process, is best.
public final class ReplicatedValue<Value: Replicated & Codable>: Sendable {
    /// Where it is kept.
    public let key: CacheKey
    /// The name under which this handle makes its changes.
    public let replica: NodeID
    private let store: QuorumStore
    private let codec: CacheCodec<Value>
    private let state: Mutex<Value>

    /// Makes a handle. Nothing is read before the first call.
    ///
    /// - Parameters:
    ///   - store: A store that keeps siblings.
    ///   - generator: The chance in the name of the replica.
    /// - Throws: ``QuorumError`` with `invalidConfiguration` if the store keeps the last write only, or `clock`.
    public init(
        _ key: CacheKey, in store: QuorumStore, codec: CacheCodec<Value> = .json,
        generator: inout some RandomNumberGenerator
    ) throws(QuorumError) {
        guard store.settings.conflicts == .siblings else {
            throw QuorumError(
                .invalidConfiguration,
                "replicated values need a store that keeps siblings, and this one lets the last write win")
        }
        self.key = key
        self.store = store
        self.codec = codec
        self.replica = try store.freshName(using: &generator)
        self.state = Mutex(Value())
    }

    /// Makes a handle whose name has chance of the system in it.
    public convenience init(
        _ key: CacheKey, in store: QuorumStore, codec: CacheCodec<Value> = .json
    ) throws(QuorumError) {
        var generator = SystemRandomNumberGenerator()
        try self.init(key, in: store, codec: codec, generator: &generator)
    }

    /// Reads the value: what a quorum holds, and the changes of this handle.
    ///
    /// - Throws: ``QuorumError`` as ``QuorumStore/read(_:at:)``, and `undecodable` for bytes that are no such value.
    public func value(at level: ConsistencyLevel = .eventual) async throws(QuorumError) -> Value {
        let read = try await self.store.read(self.key, at: level)
        return try self.merge(read.values)
    }

    /// Changes the value.
    ///
    /// - Parameter change: Is given the value as it is known here, and the replica under whose name it may change it.
    ///   What it throws is the `cause`; nothing was changed then. It runs under a lock, so it must be short.
    /// - Returns: The value after the change.
    /// - Throws: ``QuorumError``. After `unknown` and `cancelled` the change is kept here and written with the next
    ///   one, so do not make it again; after all others it was not made, such as `invalidRequest` with the cause if
    ///   `change` threw.
    @discardableResult
    public func update(
        at level: ConsistencyLevel = .eventual, _ change: @Sendable (inout Value, NodeID) throws -> Void
    ) async throws(QuorumError) -> Value {
        let read = try await self.store.read(self.key, at: level)
        _ = try self.merge(read.values)
        let result = self.state.withLock { state -> Result<Value, QuorumError> in
            var changed = state
            do {
                try change(&changed, self.replica)
            } catch {
                return .failure(
                    QuorumError(
                        .invalidRequest, "the change of \(NameRules.quoted(self.key.rawValue)) failed", cause: error))
            }
            state = changed
            return .success(changed)
        }
        let value = try result.get()
        let bytes = try self.encoded(value)
        do throws(QuorumError) {
            try await self.store.write(bytes, to: self.key, context: read.context, at: level)
        } catch {
            // The change is part of this replica now, and arrives with the next write if this one has not.
            var error = error
            if error.code != .cancelled { error.code = .unknown }
            throw error
        }
        return value
    }

    private func merge(_ siblings: [[UInt8]]) throws(QuorumError) -> Value {
        var others = Value()
        for bytes in siblings {
            do {
                others.merge(try self.codec.decode(bytes))
            } catch {
                throw QuorumError(
                    .undecodable, "\(NameRules.quoted(self.key.rawValue)) holds no \(Value.self)", cause: error)
            }
        }
        return self.state.withLock { state in
            state.merge(others)
            return state
        }
    }

    private func encoded(_ value: Value) throws(QuorumError) -> [UInt8] {
        do {
            return try self.codec.encode(value)
        } catch {
            throw QuorumError(
                .invalidRequest, "the value of \(NameRules.quoted(self.key.rawValue)) cannot be encoded", cause: error)
        }
    }
}

extension QuorumStore {
    /// A node name that was never used and never will be.
    func freshName(using generator: inout some RandomNumberGenerator) throws(QuorumError) -> NodeID {
        let chance = NameRules.hexadecimal(UInt32.random(in: .min ... .max, using: &generator), digits: 8)
        do throws(ClockError) {
            return NodeID(stringLiteral: "\(self.node)~\(try self.clock.next())-\(chance)")
        } catch {
            throw QuorumError(.clock, error.message, cause: error)
        }
    }
}
