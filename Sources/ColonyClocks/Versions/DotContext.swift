import ColonyCore

/// A set of events, in the most compact form: for each node how many of its first events are all there, and the others one
/// by one.
///
/// Events arrive without gaps if replicas exchange full states or deliver deltas in causal order; then there is nothing
/// beside the counts. A delta that overtakes another leaves a gap, and is kept as a single dot until the gap is closed.
///
/// - SeeAlso: P. S. Almeida, A. Shoker, C. Baquero, *Delta State Replicated Data Types*, 2018, sections 7.2 and 7.3
///   (causal contexts and their compression).
struct DotContext: Hashable, Sendable {
    private(set) var counts = NodeCounts()
    /// The dots above the counts. None is the next of its node.
    private(set) var singles: Set<Dot> = []

    init() {}

    init(_ dots: some Sequence<Dot>) {
        self.singles = Set(dots)
        self.compact()
    }

    /// How many events there are, up to `Int.max`.
    var size: Int {
        var size = self.singles.count
        for entry in self.counts.entries {
            let (sum, overflow) = size.addingReportingOverflow(Int(clamping: entry.count))
            if overflow { return .max }
            size = sum
        }
        return size
    }

    /// - Complexity: O(log *n*).
    func contains(_ dot: Dot) -> Bool {
        self.counts[dot.node] >= dot.number || self.singles.contains(dot)
    }

    /// The event that follows all of `node` that are known. It is not taken in yet.
    ///
    /// A replica's own dots have no gaps unless it lost its state and gets it back piece by piece; even then none is used
    /// twice once it has been seen again.
    func next(of node: NodeID) throws(ClockError) -> Dot {
        var highest = self.counts[node]
        for dot in self.singles where dot.node == node { highest = max(highest, dot.number) }
        guard highest < .max else {
            throw ClockError(.exhausted, "node \(node) has counted \(highest) events, and cannot count another")
        }
        return Dot(node, highest + 1)
    }

    mutating func insert(_ dot: Dot) {
        let count = self.counts[dot.node]
        if dot.number <= count { return }
        if dot.number - 1 == count, self.singles.isEmpty {
            self.counts.set(dot.number, for: dot.node)
        } else {
            self.singles.insert(dot)
            self.compact()
        }
    }

    /// - Complexity: O(*n* + *m*), and O(*k* log *k*) in the number of single dots.
    mutating func merge(_ other: DotContext) {
        self.counts.formMaximum(other.counts)
        if other.singles.isEmpty && self.singles.isEmpty { return }
        self.singles.formUnion(other.singles)
        self.compact()
    }

    /// Every event in it. For contexts whose ``size`` is known to be small.
    var dots: [Dot] {
        var result: [Dot] = []
        for entry in self.counts.entries {
            for number in 1...entry.count { result.append(Dot(entry.node, number)) }
        }
        return result + self.singles
    }

    /// Counts the single dots that close a gap, and drops those that are counted already.
    private mutating func compact() {
        guard !self.singles.isEmpty else { return }
        for dot in self.singles.sorted(by: { $0.number < $1.number }) {
            let count = self.counts[dot.node]
            // Not `count + 1`, which overflows for the last number there is.
            if dot.number - 1 == count { self.counts.set(dot.number, for: dot.node) }
            if dot.number - 1 <= count { self.singles.remove(dot) }
        }
    }
}

extension DotContext: Codable {
    private enum Key: String, CodingKey { case counts, singles }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.counts = try container.decode(NodeCounts.self, forKey: .counts)
        let singles = try container.decodeIfPresent([Dot].self, forKey: .singles) ?? []
        let path = container.codingPath + [Key.singles]
        for dot in singles {
            guard self.singles.insert(dot).inserted else {
                throw ClockError.malformed("the event \(dot) stands there twice", at: path)
            }
            let count = self.counts[dot.node]
            guard dot.number - 1 > count else {
                throw ClockError.malformed(
                    "the event \(dot) does not stand alone: \(count) events of its node are counted", at: path)
            }
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.counts, forKey: .counts)
        if !self.singles.isEmpty {
            try container.encode(self.singles.sorted { $0.sorts(before: $1) }, forKey: .singles)
        }
    }
}
