/// Finds the known word that somebody probably meant.
enum EditDistance {
    /// The word of `words` that is nearest to `text`, or `nil` if none is near enough to be a slip of the pen
    /// or starts with it.
    ///
    /// - Complexity: O(*n*·*m*) for each word.
    static func nearest(to text: String, among words: [String]) -> String? {
        // A name that is far longer than any word is not a slip, and comparing it would cost for nothing.
        guard text.utf8.count <= 128 else { return nil }
        let lowered = text.lowercased()
        var best: (word: String, distance: Int)?
        for word in words {
            let distance = Self.between(lowered, word.lowercased())
            if best.map({ distance < $0.distance }) ?? true { best = (word, distance) }
        }
        if let best, best.distance <= max(2, best.word.utf8.count / 3) { return best.word }
        // `ttl` for `ttl_ms` is a name cut short, not a slip.
        return lowered.utf8.count >= 3 ? words.first { $0.lowercased().hasPrefix(lowered) } : nil
    }

    /// How many insertions, deletions, substitutions, and swaps of neighbours lead from one text to the other.
    ///
    /// - SeeAlso: F. J. Damerau, *A technique for computer detection and correction of spelling errors*, CACM 7(3),
    ///   1964 (the restricted form, in which no part is edited twice).
    static func between(_ first: String, _ second: String) -> Int {
        let first = Array(first.utf8)
        let second = Array(second.utf8)
        var beforePrevious: [Int] = []
        var previous = Array(0...second.count)
        for i in 0..<first.count {
            var current = [i + 1]
            current.reserveCapacity(second.count + 1)
            for j in 0..<second.count {
                var cost = min(current[j] + 1, previous[j + 1] + 1, previous[j] + (first[i] == second[j] ? 0 : 1))
                if i > 0, j > 0, first[i] == second[j - 1], first[i - 1] == second[j] {
                    cost = min(cost, beforePrevious[j - 1] + 1)
                }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[second.count]
    }
}
