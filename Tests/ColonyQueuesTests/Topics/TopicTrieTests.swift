import ColonyQueues
import ColonySimulation
import Testing

@Suite("Topics and their patterns")
struct TopicTrieTests {
    /// Says whether a pattern fits by trying every way to share the words out.
    private static func fits(_ pattern: ArraySlice<String>, _ words: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return words.isEmpty }
        if first == "#" {
            return fits(pattern.dropFirst(), words) || !words.isEmpty && fits(pattern, words.dropFirst())
        }
        guard let word = words.first else { return false }
        return (first == "*" || first == word) && fits(pattern.dropFirst(), words.dropFirst())
    }

    private static func split(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }

    @Test(
        "fit as the specification and RabbitMQ say",
        arguments: [
            ("*.stock.#", "usd.stock", true), ("*.stock.#", "eur.stock.db", true), ("*.stock.#", "stock.nasdaq", false),
            ("*.orange.*", "quick.orange.rabbit", true), ("*.orange.*", "quick.orange.male.rabbit", false),
            ("*.*.rabbit", "lazy.pink.rabbit", true), ("lazy.#", "lazy.orange.male.rabbit", true),
            ("lazy.#", "lazy", true),
            ("#", "", true), ("", "", true), ("*", "", false), ("*", "a", true), ("#.#", "", true),
            ("a..b", "a..b", true),
            ("a.*.b", "a..b", true), ("*.#.*", "a", false), ("*.#.*", "a.b", true), ("a*", "ab", false),
            ("a*", "a*", true),
        ])
    func table(pattern: String, topic: String, expected: Bool) throws {
        var trie = TopicTrie<Int>()
        trie.insert(1, at: try TopicPattern(pattern))
        #expect(trie.values(for: try TopicName(topic)) == (expected ? [1] : []))
    }

    @Test("patterns that mean the same are equal")
    func spelling() throws {
        #expect(TopicPattern("a.#.*.#.b") == TopicPattern("a.*.#.b"))
        #expect(TopicPattern("#.#.#").text == "#")
        #expect(TopicPattern("a.#.b.#").text == "a.#.b.#")
    }

    @Test("agree with a list of patterns over 200 seeds of 1,000 steps, and leave no nodes behind")
    func model() throws {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: Seed(rawValue: seed))
            var trie = TopicTrie<Int>()
            var list: [(pattern: TopicPattern, words: [String], value: Int)] = []
            for _ in 0..<1_000 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    let text = Self.text(["a", "b", "", "*", "#"], &random)
                    let (pattern, value) = (try TopicPattern(text), Int.random(in: 0..<3, using: &random))
                    let isNew = !list.contains { $0.pattern == pattern && $0.value == value }
                    let inserted = trie.insert(value, at: pattern)
                    #expect(inserted == isNew)
                    if isNew { list.append((pattern, Self.split(text), value)) }
                case 2:
                    if let place = list.indices.randomElement(using: &random) {
                        let gone = list.remove(at: place)
                        let removals = (0..<2).map { _ in trie.remove(gone.value, from: gone.pattern) }
                        #expect(removals == [true, false])
                    }
                default:
                    let topic = Self.text(["a", "b", "", "c"], &random)
                    let expected = list.filter { Self.fits($0.words[...], Self.split(topic)[...]) }.map(\.value)
                    guard trie.values(for: try TopicName(topic)) == Set(expected) else {
                        Issue.record("seed \(seed): \"\(topic)\" in \(list.map(\.pattern.text))")
                        return
                    }
                }
                #expect(trie.count == list.count)
            }
            for entry in list { trie.remove(entry.value, from: entry.pattern) }
            #expect(trie.nodeCount == 1)
        }
    }

    private static func text(_ words: [String], _ random: inout SeededGenerator) -> String {
        (0..<Int.random(in: 0...5, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }
            .joined(separator: ".")
    }

    @Test("a pattern made to be tried in many ways is not")
    func adversarial() throws {
        var trie = TopicTrie<Int>()
        let pattern = Array(repeating: "#.a", count: 40).joined(separator: ".") + ".b"
        trie.insert(1, at: try TopicPattern(pattern))
        let topic = try TopicName(Array(repeating: "a", count: 100).joined(separator: "."))
        let found = trie.search(topic)
        #expect(found.values.isEmpty)
        // Active nodes, at most all 82 at each of 101 steps; backtracking would need some 10^28.
        #expect(found.visits <= 82 * 101)
    }

    @Test(
        "what is too long or has a control character is refused with its value",
        arguments: ["a\u{7}b", String(repeating: "a", count: 256)])
    func badInput(text: String) {
        for make in [{ _ = try TopicPattern(text) }, { _ = try TopicName(text) }] as [() throws -> Void] {
            let error = #expect(throws: QueueError.self) { try make() }
            #expect(error?.code == .invalidRequest)
        }
    }
}
