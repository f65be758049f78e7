import ColonyCore

/// Something that `colony explain` explains.
///
/// The text has paragraphs, one per line, that are wrapped to the terminal. A line that starts with two spaces is printed as
/// it stands. `#` starts a heading, `-` an item.
struct Topic: Encodable, Sendable {
    let name: String
    let summary: String
    let text: String

    /// In the order in which they are best read.
    static var all: [Topic] {
        [
            .cap, .base, .locks, .fencing, .queues, .transactions, .ids, .hashing, .caches, .resilience, .balancing,
        ]
    }

    /// Names the topic that a misspelt one most likely meant.
    static func unknownSentence(_ text: String) -> String {
        let nearest = Spelling.nearest(to: text.lowercased(), among: Self.all.map(\.name))
        let hint = nearest.map { "Did you mean \($0)? " } ?? ""
        return "there is no topic \(NameRules.quoted(text)). \(hint)"
            + "The topics are \(Self.all.map(\.name).joined(separator: ", "))."
    }
}

/// Which of several words a misspelt one meant.
enum Spelling {
    /// The word that the fewest changed letters lead to, unless that is most of them.
    static func nearest(to text: String, among words: [String]) -> String? {
        let scored = words.map { word in (word: word, distance: Self.distance(text, word)) }
        guard let best = scored.min(by: { $0.distance < $1.distance }), best.distance <= max(2, best.word.count / 2)
        else {
            return nil
        }
        return best.word
    }

    /// The number of letters to insert, remove, or replace (V. Levenshtein, 1966).
    static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second.prefix(64))
        var row = Array(0...second.count)
        for (i, letter) in first.prefix(64).enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in second.indices {
                let replaced = diagonal + (letter == second[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[second.count]
    }
}
