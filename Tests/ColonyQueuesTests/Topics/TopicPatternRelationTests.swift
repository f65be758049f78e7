import ColonyCore
import ColonyQueues
import ColonySimulation
import Testing

@Suite("Patterns beside patterns")
struct TopicPatternRelationTests {
    /// Every topic of up to five words out of these; patterns below use at most two of them, so one stands for any other word.
    private static let topics: [TopicName] = {
        var texts = [[String]]()
        var longest = [[String]]([[]])
        for _ in 0..<5 {
            longest = longest.flatMap { words in ["a", "b", "z"].map { words + [$0] } }
            texts += longest
        }
        return ([[]] + texts).compactMap { try? TopicName($0.joined(separator: ".")) }
    }()

    @Test("fit topics as the trie says, overlap exactly where a topic fits both, and cover no more than they fit")
    func relations() throws {
        for seed in 0..<40 as Range<UInt64> {
            var random = SeededGenerator(seed: Seed(rawValue: seed))
            func pattern() throws -> TopicPattern {
                let words = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    ["a", "b", "*", "#"].randomElement(using: &random) ?? ""
                }
                return try TopicPattern(words.joined(separator: "."))
            }
            let (first, second) = (try pattern(), try pattern())
            var trie = TopicTrie<Int>()
            trie.insert(1, at: first)
            trie.insert(2, at: second)
            let fitting = Self.topics.map { trie.values(for: $0) }
            for (topic, values) in zip(Self.topics, fitting) {
                #expect(first.matches(topic) == values.contains(1))
            }
            #expect(first.overlaps(second) == fitting.contains([1, 2]), "\(first) and \(second)")
            if first.covers(second) { #expect(!fitting.contains([2]), "\(first) does not cover \(second)") }
            #expect(first.covers(first))
            #expect(TopicPattern("#").covers(first))
        }
    }

    @Test("compare words by their bytes")
    func bytes() {
        #expect(!TopicPattern("\u{E9}").matches("e\u{301}"))
        #expect(!TopicPattern("\u{E9}").overlaps("e\u{301}"))
        #expect(TopicPattern("\u{E9}") != "e\u{301}")
        var trie = TopicTrie<Int>()
        trie.insert(1, at: "\u{E9}.*")
        #expect(trie.values(for: "e\u{301}.x").isEmpty)
        #expect(trie.values(for: "\u{E9}.x") == [1])
    }

    @Test("wildcards in a topic are words that only wildcards fit")
    func wildcardsInTopics() {
        #expect(TopicPattern("*").matches("#"))
        #expect(TopicPattern("a.#").matches("a.#.*"))
        #expect(!TopicPattern("a").matches("#"))
        #expect(TopicPattern("a.b").literal == "a.b")
        #expect(TopicPattern("a.*").literal == nil)
    }
}
