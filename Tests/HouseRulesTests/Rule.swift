import Testing

/// One rule of the house: what it asks for, how a breach is found, and snippets that show that it is found.
struct Rule: Sendable, CustomTestStringConvertible {
    /// What the rule asks for, as a sentence.
    let statement: String
    /// The breaches in one file: a line number from 1 and what is wrong there.
    let breaches: @Sendable (SourceFile) -> [(line: Int, defect: String)]
    /// Files that break the rule. The rule is worth nothing if it does not see them.
    let broken: [Example]
    /// Files that look alike and are within the rule.
    let kept: [Example]

    struct Example: Sendable {
        let path: String
        let text: String

        init(_ path: String, _ text: String) {
            self.path = path
            self.text = text
        }

        var file: SourceFile { SourceFile(path: self.path, text: self.text) }
    }

    var testDescription: String { self.statement }
}

extension Rule {
    /// A rule that forbids words in code.
    ///
    /// - Parameters:
    ///   - pattern: What must not occur, in the code without comments and literals.
    ///   - applies: The files that the rule looks at.
    init(
        _ statement: String, forbids pattern: @escaping @Sendable (String) -> String?,
        where applies: @escaping @Sendable (SourceFile) -> Bool, broken: [Example], kept: [Example]
    ) {
        self.init(
            statement: statement,
            breaches: { file in
                guard applies(file) else { return [] }
                return file.code.enumerated().compactMap { number, line in
                    pattern(line).map { (number + 1, $0) }
                }
            },
            broken: broken,
            kept: kept
        )
    }
}

/// The first of `words` that occurs in `line` as a word of its own: no letter, digit, or underscore touches its ends.
func firstWord(of words: [String], in line: String) -> String? {
    func isPartOfWord(_ character: Character?) -> Bool {
        character.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
    }
    return words.first { word in
        var rest = line[...]
        while let found = rest.firstRange(of: word) {
            let before = found.lowerBound == line.startIndex ? nil : line[line.index(before: found.lowerBound)]
            let after = found.upperBound == line.endIndex ? nil : line[found.upperBound]
            // A word that ends in a bracket is whole whatever follows.
            let isWhole = !isPartOfWord(word.last) || !isPartOfWord(after)
            if isWhole, !isPartOfWord(before) { return true }
            rest = rest[found.upperBound...]
        }
        return false
    }
}
