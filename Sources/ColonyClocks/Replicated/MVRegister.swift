// Keep what was written at the same time
//
// A write replaces the values that its writer had seen, and no others. Each value is named by the event, the dot, of its
// write; the context holds all events that were seen, those of replaced values included. When two states merge, a value
// that only one side has is new to the other if the other's context does not hold its dot, and replaced if it does. So
// nothing has to be kept of a replaced value but its place in the context, which is a count.
//
// [1] Almeida, Shoker, Baquero, Delta State Replicated Data Types, 2018, section 7.2 (join of causal stores, figure 7) and
//     figure 9 (the register).

public import ColonyCore

/// A value that keeps all writes which did not know of one another, until a write that knows them replaces them.
///
/// The size is O(*v* + *r*) in the number of values that are there and of replicas that ever wrote, with full states or with
/// deltas that arrive in causal order; each delta that arrives before an earlier one of its replica costs one more entry
/// until the earlier one is there.
///
/// - SeeAlso: Almeida et al. 2018, figure 9; Shapiro et al. 2011, *A comprehensive study*, section 3.2.2.
///   ``DottedVersionVectorSet`` for a server that writes for clients.
public struct MVRegister<Value: Equatable & Sendable>: Replicated {
    /// Nobody else tells of a write or of what it replaces.
    public static var deltaDelivery: DeltaDelivery { .eachMustArrive }

    private var written: [Dot: Value]
    private var context: DotContext

    /// A register that was never written.
    public init() {
        self.written = [:]
        self.context = DotContext()
    }

    /// The values that are there: none before the first write, one as a rule, several after concurrent writes. The order is
    /// the same on all replicas.
    ///
    /// - Complexity: O(*v* log *v*).
    public var values: [Value] { self.sortedWrites.map(\.value) }

    private var sortedWrites: [(key: Dot, value: Value)] {
        self.written.sorted { $0.key.sorts(before: $1.key) }
    }

    /// Replaces all values that are there.
    ///
    /// - Parameters:
    ///   - value: The new value.
    ///   - node: The replica that writes. Only this replica may use it, with its latest state.
    /// - Returns: The delta: the write, and which writes it replaces. Repeating the call writes again; merging the delta
    ///   again changes nothing.
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1 writes at `node`; nothing was changed.
    /// - Complexity: O(*v* + log *r*).
    /// - SeeAlso: Almeida et al. 2018, figure 9, `write`.
    @discardableResult
    public mutating func set(_ value: Value, at node: NodeID) throws(ClockError) -> MVRegister {
        let dot = try self.context.next(of: node)
        var delta = MVRegister()
        delta.written = [dot: value]
        delta.context = DotContext(self.written.keys + [dot])
        self.written = delta.written
        self.context.insert(dot)
        return delta
    }

    /// Takes all values away that are there. A concurrent write stays.
    ///
    /// - Returns: The delta: which writes it takes away. Repeating the call changes nothing.
    /// - Complexity: O(*v*).
    /// - SeeAlso: Almeida et al. 2018, figure 9, `clear`.
    @discardableResult
    public mutating func clear() -> MVRegister {
        var delta = MVRegister()
        delta.context = DotContext(self.written.keys)
        self.written = [:]
        return delta
    }

    /// Keeps the values that both have, and those of either that the other has not seen.
    ///
    /// - Complexity: O(*v* log *r*), and O(*r*) for the contexts.
    /// - SeeAlso: Almeida et al. 2018, figure 7, join of dot functions.
    public mutating func merge(_ other: MVRegister) {
        var result = self.written.filter { other.written[$0.key] != nil || !other.context.contains($0.key) }
        for (dot, value) in other.written where !self.context.contains(dot) { result[dot] = value }
        self.written = result
        self.context.merge(other.context)
    }
}

/// Encoded as `{"values":[{"node":"a","number":3,"value":…}],"context":{"counts":{"a":3}}}`.
extension MVRegister: Codable where Value: Codable {
    private enum Key: String, CodingKey { case values, context }

    private struct Write: Codable {
        private enum Key: String, CodingKey { case value }

        let dot: Dot
        let value: Value

        init(dot: Dot, value: Value) {
            self.dot = dot
            self.value = value
        }

        init(from decoder: any Decoder) throws {
            self.dot = try Dot(from: decoder)
            self.value = try decoder.container(keyedBy: Key.self).decode(Value.self, forKey: .value)
        }

        func encode(to encoder: any Encoder) throws {
            try self.dot.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(self.value, forKey: .value)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init()
        self.context = try container.decode(DotContext.self, forKey: .context)
        for write in try container.decode([Write].self, forKey: .values) {
            let path = container.codingPath + [Key.values]
            guard self.context.contains(write.dot) else {
                throw ClockError.malformed("the context does not hold the write \(write.dot)", at: path)
            }
            guard self.written.updateValue(write.value, forKey: write.dot) == nil else {
                throw ClockError.malformed("the write \(write.dot) stands there twice", at: path)
            }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.sortedWrites.map { Write(dot: $0.key, value: $0.value) }, forKey: .values)
        try container.encode(self.context, forKey: .context)
    }
}
