public import ColonyCore

/// The name of one event: the *n*-th of a node.
///
/// - SeeAlso: N. Preguiça, C. Baquero, P. S. Almeida, V. Fonte, R. Gonçalves, *Dotted Version Vectors: Logical Clocks for
///   Optimistic Replication*, 2010, section 4.
public struct Dot: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The node where the event happened.
    public let node: NodeID
    /// Which of the node's events it is; 1 is the first.
    public let number: UInt64

    /// Names an event.
    ///
    /// - Parameters:
    ///   - node: The node where the event happened.
    ///   - number: Which of the node's events it is.
    /// - Throws: ``ClockError`` with code `invalidRequest` if `number` is 0.
    public init(node: NodeID, number: UInt64) throws(ClockError) {
        guard number > 0 else {
            throw ClockError(.invalidRequest, "the events of node \(node) are numbered from 1, so 0 names none")
        }
        self.init(node, number)
    }

    /// Names an event whose number is known to be above zero.
    init(_ node: NodeID, _ number: UInt64) {
        self.node = node
        self.number = number
    }

    /// An order for encoding and display, which says nothing about cause.
    func sorts(before other: Dot) -> Bool {
        self.node == other.node ? self.number < other.number : self.node.precedes(other.node)
    }

    private enum Key: String, CodingKey { case node, number }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let node = try container.decode(NodeID.self, forKey: .node)
        let number = try container.decode(Count.self, forKey: .number).value
        guard number > 0 else {
            throw ClockError.malformed(
                "the events of node \(node) are numbered from 1, so 0 names none", at: container.codingPath)
        }
        self.init(node, number)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.node, forKey: .node)
        try container.encode(Count(value: self.number), forKey: .number)
    }

    public var description: String { "\(self.node):\(self.number)" }
}
