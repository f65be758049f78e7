// A set in which an addition survives a removal that did not know of it
//
// Merging sets by union never removes. Keeping removed elements in a second set, which wins, never adds an element again.
// The observed-remove set names each addition by its event, the dot. A removal takes away the additions that the remover
// had seen; an addition at the same time has a dot that the remover had not seen, and stays [1].
//
// The simple form keeps the dots of all removed additions for ever. They are not needed [2]: events of a replica are
// numbered in turn, so what was seen fits one count per replica, the context. If one side has a dot and the other has not,
// it was removed on the other side if the other's context holds it, and is new there otherwise. An addition of an element
// that is there replaces its dots by one, so an element has as many dots as it has additions that do not know one another.
//
// A delta is a state like any other whose context holds the touched dots only [3]. A delta that arrives before an earlier
// one leaves a gap in the context, which is kept as a single dot until it is closed; so deltas need not arrive in order for
// replicas to agree. Deviation from [2] and from Riak's ORSWOT, whose contexts are plain version vectors, and which need
// causal delivery for that reason.
//
// Beside the dots of each element there is a table of the element of each dot. With it, merging a small delta into a large
// set looks at the delta's dots only, and not at every element.
//
// [1] M. Shapiro, N. Preguiça, C. Baquero, M. Zawirski, Conflict-free Replicated Data Types, SSS 2011, section 4.
// [2] A. Bieniusa, M. Zawirski, N. Preguiça, M. Shapiro, C. Baquero, V. Balegas, S. Duarte, An Optimized Conflict-free
//     Replicated Set, INRIA RR-8083, 2012, section 3, figure 3.
// [3] Almeida, Shoker, Baquero, Delta State Replicated Data Types, 2018, section 7.2, figures 7 and 8.

public import ColonyCore

/// A set on many replicas in which an addition and a concurrent removal of one element leave the element there.
///
/// The size is O(*n* + *r*) in the number of elements that are there and of replicas that ever added, with full states or
/// with deltas that arrive in causal order: nothing is kept of a removed element. Each delta that arrives before an earlier
/// one of its replica costs one more entry until the earlier one is there.
///
/// - SeeAlso: Bieniusa et al. 2012, figure 3; Almeida et al. 2018, figure 8 (add-wins set).
public struct ORSet<Element: Hashable & Sendable>: Replicated {
    /// Nobody else tells of an addition or removal.
    public static var deltaDelivery: DeltaDelivery { .eachMustArrive }

    /// The additions of each element that are there, sorted; never empty.
    private var additions: [Element: [Dot]]
    /// The same the other way round.
    private var elementOfDot: [Dot: Element]
    /// All additions that were ever seen.
    private var context: DotContext

    /// A set without elements.
    public init() {
        self.additions = [:]
        self.elementOfDot = [:]
        self.context = DotContext()
    }

    /// The elements.
    ///
    /// - Complexity: O(*n*).
    public var elements: Set<Element> { Set(self.additions.keys) }

    /// How many elements there are.
    ///
    /// - Complexity: O(1).
    public var count: Int { self.additions.count }

    /// Whether there are no elements.
    ///
    /// - Complexity: O(1).
    public var isEmpty: Bool { self.additions.isEmpty }

    /// Whether the element is there.
    ///
    /// - Complexity: O(1) on average.
    public func contains(_ element: Element) -> Bool { self.additions[element] != nil }

    /// Adds an element. Adding one that is there counts as well: it then survives a concurrent removal.
    ///
    /// - Parameters:
    ///   - element: The element.
    ///   - node: The replica that adds. Only this replica may use it, with its latest state.
    /// - Returns: The delta: the addition, and which additions of the element it replaces. Repeating the call adds again;
    ///   merging the delta again changes nothing.
    /// - Throws: ``ClockError`` with code `exhausted` after 2⁶⁴ − 1 additions at `node`; nothing was changed.
    /// - Complexity: O(log *r*) on average, for an element with few concurrent additions.
    /// - SeeAlso: Bieniusa et al. 2012, figure 3, `add`; Almeida et al. 2018, figure 8.
    @discardableResult
    public mutating func add(_ element: Element, at node: NodeID) throws(ClockError) -> ORSet {
        let dot = try self.context.next(of: node)
        let replaced = self.additions[element] ?? []
        for old in replaced { self.elementOfDot[old] = nil }
        self.additions[element] = [dot]
        self.elementOfDot[dot] = element
        self.context.insert(dot)

        var delta = ORSet()
        delta.additions = [element: [dot]]
        delta.elementOfDot = [dot: element]
        delta.context = DotContext(replaced + [dot])
        return delta
    }

    /// Removes an element: all additions of it that this replica has seen.
    ///
    /// - Returns: The delta: which additions it takes away; an empty one if the element is not there. Repeating the call
    ///   changes nothing.
    /// - Complexity: O(1) on average, for an element with few concurrent additions.
    /// - SeeAlso: Bieniusa et al. 2012, figure 3, `remove`; Almeida et al. 2018, figure 8.
    @discardableResult
    public mutating func remove(_ element: Element) -> ORSet {
        var delta = ORSet()
        guard let removed = self.additions.removeValue(forKey: element) else { return delta }
        for dot in removed { self.elementOfDot[dot] = nil }
        delta.context = DotContext(removed)
        return delta
    }

    /// Removes all elements that are there. A concurrent addition stays.
    ///
    /// - Returns: The delta: which additions it takes away. Repeating the call changes nothing.
    /// - Complexity: O(*n* log *n*).
    /// - SeeAlso: Almeida et al. 2018, figure 8, `clear`.
    @discardableResult
    public mutating func removeAll() -> ORSet {
        var delta = ORSet()
        delta.context = DotContext(self.elementOfDot.keys)
        self.additions = [:]
        self.elementOfDot = [:]
        return delta
    }

    /// Keeps the additions that both have, and those of either that the other has not seen.
    ///
    /// - Complexity: O(*m* + min(*n*, *c*)) on average, where *m* is the number of elements of `other` and *c* the number of
    ///   additions in its context, and O(*r*) for the contexts. For a delta that is its own size.
    /// - SeeAlso: Bieniusa et al. 2012, figure 3, `merge`; Almeida et al. 2018, figure 7, join of dot maps.
    public mutating func merge(_ other: ORSet) {
        if other.context.size <= self.elementOfDot.count {
            for dot in other.context.dots { self.drop(dot, unlessIn: other) }
        } else {
            // A copy of the keys, because they change meanwhile.
            for dot in Array(self.elementOfDot.keys) where other.context.contains(dot) {
                self.drop(dot, unlessIn: other)
            }
        }
        for (dot, element) in other.elementOfDot where !self.context.contains(dot) {
            self.elementOfDot[dot] = element
            self.additions[element, default: []].append(dot)
            self.additions[element]?.sort { $0.sorts(before: $1) }
        }
        self.context.merge(other.context)
    }

    /// Removes an addition that `other` has seen, unless it is still there.
    private mutating func drop(_ dot: Dot, unlessIn other: ORSet) {
        guard other.elementOfDot[dot] == nil, let element = self.elementOfDot.removeValue(forKey: dot) else { return }
        self.additions[element]?.removeAll { $0 == dot }
        if self.additions[element]?.isEmpty == true { self.additions[element] = nil }
    }

    /// How many entries the state has beside one addition for each element: what concurrency and gaps cost at the moment.
    package var overhead: Int {
        self.elementOfDot.count - self.additions.count + self.context.singles.count
    }
}

/// Encoded as `{"elements":[{"element":…,"dots":[{"node":"a","number":3}]}],"context":{"counts":{"a":3}}}`.
extension ORSet: Codable where Element: Codable {
    private enum Key: String, CodingKey { case elements, context }

    private struct Entry: Codable {
        let element: Element
        let dots: [Dot]
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let path = container.codingPath + [Key.elements]
        self.init()
        self.context = try container.decode(DotContext.self, forKey: .context)
        for entry in try container.decode([Entry].self, forKey: .elements) {
            guard !entry.dots.isEmpty else {
                throw ClockError.malformed("an element has no addition, and such elements are left out", at: path)
            }
            guard self.additions.updateValue(entry.dots.sorted { $0.sorts(before: $1) }, forKey: entry.element) == nil
            else {
                throw ClockError.malformed("an element stands there twice", at: path)
            }
            for dot in entry.dots {
                guard self.context.contains(dot) else {
                    throw ClockError.malformed("the context does not hold the addition \(dot)", at: path)
                }
                guard self.elementOfDot.updateValue(entry.element, forKey: dot) == nil else {
                    throw ClockError.malformed("the addition \(dot) stands there twice", at: path)
                }
            }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        // By the first addition, so that equal states have equal encodings.
        let entries = self.additions.map { Entry(element: $0.key, dots: $0.value) }
            .sorted { $0.dots[0].sorts(before: $1.dots[0]) }
        try container.encode(entries, forKey: .elements)
        try container.encode(self.context, forKey: .context)
    }
}
