/// A set of patterns with values, that finds the values of all patterns that fit a topic at once.
///
/// Trying each pattern in turn costs as much as there are patterns, and trying a pattern with several `#` by backtracking costs as
/// much as there are ways to share the words out among them. Here patterns that begin alike share nodes, and the trie is walked as a
/// nondeterministic automaton: a set of nodes is active, each word moves the set on as a whole, and a node is in it once, however many
/// ways lead there. A node of `#` stays active whatever the word is, and what hangs below it is active with it, because it may stand
/// for no word at all.
///
/// Words are compared by their bytes.
///
/// - Complexity: Finding is O(*w* · *a*) in the number of words and of active nodes, which are never more than there are nodes, and
///   with patterns that have at most one `#` at most 3 to 4 a level; inserting and removing is O(*w*).
/// - SeeAlso: Thompson, "Regular Expression Search Algorithm", CACM 11(6), 1968 (the set of active states); RabbitMQ's
///   `rabbit_exchange_type_topic` is a trie that is searched with backtracking.
public struct TopicTrie<Value: Hashable & Sendable>: Sendable {
    private struct Node: Sendable {
        let parent: Int
        let word: ExactText
        var children: [ExactText: Int] = [:]
        var values: Set<Value> = []
    }

    private static var root: Int { 0 }
    private static var star: ExactText { ExactText("*") }
    private static var hash: ExactText { ExactText("#") }

    private var nodes = [Node(parent: -1, word: ExactText(""))]
    /// Nodes to be used again.
    private var free: [Int] = []
    /// How many pairs of a pattern and a value there are.
    public private(set) var count = 0

    /// Makes an empty set.
    public init() {}

    /// How many nodes there are, the root included, for tests.
    package var nodeCount: Int { self.nodes.count - self.free.count }

    /// Adds a value to a pattern.
    ///
    /// - Returns: Whether it was not there yet.
    @discardableResult
    public mutating func insert(_ value: Value, at pattern: TopicPattern) -> Bool {
        var place = Self.root
        for word in pattern.words.map(ExactText.init) {
            if let child = self.nodes[place].children[word] {
                place = child
                continue
            }
            let node = Node(parent: place, word: word)
            let child: Int
            if let used = self.free.popLast() {
                child = used
                self.nodes[child] = node
            } else {
                child = self.nodes.count
                self.nodes.append(node)
            }
            self.nodes[place].children[word] = child
            place = child
        }
        guard self.nodes[place].values.insert(value).inserted else { return false }
        self.count += 1
        return true
    }

    /// Takes a value from a pattern. Nodes that nobody needs any more go with it.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    public mutating func remove(_ value: Value, from pattern: TopicPattern) -> Bool {
        var place = Self.root
        for word in pattern.words.map(ExactText.init) {
            guard let child = self.nodes[place].children[word] else { return false }
            place = child
        }
        guard self.nodes[place].values.remove(value) != nil else { return false }
        self.count -= 1
        while place != Self.root, self.nodes[place].values.isEmpty, self.nodes[place].children.isEmpty {
            let (parent, word) = (self.nodes[place].parent, self.nodes[place].word)
            self.nodes[parent].children[word] = nil
            self.free.append(place)
            place = parent
        }
        return true
    }

    /// The values of all patterns that fit, each once.
    public func values(for topic: TopicName) -> Set<Value> { self.search(topic).values }

    /// Finds values, and says how many nodes were active in all, for tests.
    package func search(_ topic: TopicName) -> (values: Set<Value>, visits: Int) {
        var active: [Int] = []
        var isActive = Set<Int>()
        var visits = 0
        self.activate(Self.root, &active, &isActive)
        let (star, hash) = (Self.star, Self.hash)
        for word in topic.words.map(ExactText.init) {
            visits += active.count
            var next: [Int] = []
            isActive.removeAll(keepingCapacity: true)
            for place in active {
                // A wildcard in the topic is a word, and meets the pattern's wildcards only.
                if word != star, word != hash, let child = self.nodes[place].children[word] {
                    self.activate(child, &next, &isActive)
                }
                if let child = self.nodes[place].children[star] { self.activate(child, &next, &isActive) }
                if place != Self.root, self.nodes[place].word == hash { self.activate(place, &next, &isActive) }
            }
            if next.isEmpty { return ([], visits) }
            active = next
        }
        visits += active.count
        return (active.reduce(into: []) { $0.formUnion(self.nodes[$1].values) }, visits)
    }

    /// Makes a node active, and what is reached from it without a word.
    private func activate(_ place: Int, _ active: inout [Int], _ isActive: inout Set<Int>) {
        guard isActive.insert(place).inserted else { return }
        active.append(place)
        // `#` never follows `#`, so this goes one node deep.
        if let child = self.nodes[place].children[Self.hash] { self.activate(child, &active, &isActive) }
    }
}
