// Why a writer remembers what it wrote
//
// A dotted version vector counts the writes of each node, and takes a write for seen when the count has passed it. So a
// node must never use a number twice. A writer that learns its last number from the servers does: those that answered
// may lack its last write, and the next one gets the same number; one of the two then vanishes although both were
// acknowledged. Riak met this as "possible data loss on corruption of coordinating node replica" (riak_kv #679), and
// mended it by giving the actor a new name for each key whose past it is not sure of.
//
// Here the writer is a client, so the same is done from the start: each key has an actor of its own, whose name is that
// of the node with a stamp and chance behind it, and whose writes are remembered in this process, with those that are
// not yet known to be replaced. Every state that is sent has all of them, so whoever sees the last has seen the ones
// before. What is forgotten for want of room begins anew under another name, and so does what is older than the time for
// which deletes are remembered: servers can then forget the old name, of which the vector of a key would otherwise keep
// an entry for ever (Riak prunes by size and age, and gets siblings that were replaced long ago).

import ColonyCaches
import ColonyClocks
import ColonyCore
import Synchronization

/// What this process has written of each key as siblings. Bounded: the key that was entered first is forgotten first.
final class SiblingWriters: Sendable {
    private struct Writer {
        let actor: NodeID
        let born: HybridTimestamp
        var own = DottedVersionVectorSet<Sibling>()
    }

    private struct State {
        var writers: [CacheKey: Writer] = [:]
        var order: [CacheKey] = []
        var next = 0
        var generator: any RandomNumberGenerator & Sendable
    }

    private let node: NodeID
    private let capacity: Int
    private let siblings: Int
    private let retention: TombstoneRetention
    private let state: Mutex<State>

    /// - Parameters:
    ///   - capacity: How many keys are remembered.
    ///   - siblings: How many writes of a key are remembered that are not known to be replaced.
    ///   - retention: After what time a name is given up.
    init(
        node: NodeID, capacity: Int, siblings: Int, retention: TombstoneRetention,
        generator: some RandomNumberGenerator & Sendable
    ) {
        self.node = node
        self.capacity = capacity
        self.siblings = siblings
        self.retention = retention
        self.state = Mutex(State(generator: generator))
    }

    /// The state to be sent for a write, with all writes of this process that `context` has not seen.
    func write(
        _ value: [UInt8], to key: CacheKey, context: VectorClock, stamp: WriteStamp
    ) throws(QuorumError) -> StoredState {
        let result = self.state.withLock { state -> Result<StoredState, QuorumError> in
            var writer = self.writer(of: key, stamp: stamp, in: &state)
            writer.own.discard(context)
            // Whatever was acknowledged is on the servers, so it may be forgotten here, under another name.
            if writer.own.count >= self.siblings || self.retention.isPast(writer.born) {
                writer = self.fresh(stamp, &state)
            }
            do throws(ClockError) {
                try writer.own.update(Sibling(stamp: stamp, value: value), context: context, at: writer.actor)
            } catch {
                return .failure(QuorumError(.clock, error.message, cause: error))
            }
            state.writers[key] = writer
            return .success(.siblings(changed: stamp, writer.own))
        }
        return try result.get()
    }

    /// The state to be sent for a delete of all that `context` has seen.
    func delete(_ key: CacheKey, context: VectorClock, stamp: WriteStamp) throws(QuorumError) -> StoredState {
        let parts = context.entries.map { (node: $0.node, count: $0.count, values: [Sibling]()) }
        do throws(ClockError) {
            var set = try DottedVersionVectorSet(parts: parts)
            self.state.withLock { state in
                guard var writer = state.writers[key] else { return }
                writer.own.discard(context)
                set.sync(writer.own)
                state.writers[key] = writer
            }
            return .siblings(changed: stamp, set)
        } catch {
            throw QuorumError(.clock, error.message, cause: error)
        }
    }

    private func writer(of key: CacheKey, stamp: WriteStamp, in state: inout State) -> Writer {
        if let writer = state.writers[key] { return writer }
        if state.order.count < self.capacity {
            state.order.append(key)
        } else {
            state.writers[state.order[state.next]] = nil
            state.order[state.next] = key
            state.next = (state.next + 1) % self.capacity
        }
        return self.fresh(stamp, &state)
    }

    private func fresh(_ stamp: WriteStamp, _ state: inout State) -> Writer {
        let chance = NameRules.hexadecimal(UInt32.random(in: .min ... .max, using: &state.generator), digits: 8)
        return Writer(actor: NodeID(stringLiteral: "\(self.node)~\(stamp.time)-\(chance)"), born: stamp.time)
    }

    /// When a writer took its name; `nil` for names that are none of a writer.
    static func birth(of actor: NodeID) -> HybridTimestamp? {
        let tail = actor.rawValue.utf8.suffix(27)
        guard tail.count == 27, tail.first == UInt8(ascii: "~") else { return nil }
        return try? HybridTimestamp(String(decoding: tail.dropFirst().prefix(17), as: UTF8.self))
    }
}
