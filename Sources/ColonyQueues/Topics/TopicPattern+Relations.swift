extension TopicPattern {
    /// The one topic that it fits, if it has no wildcards.
    package var literal: TopicName? {
        self.words.contains { $0 == "*" || $0 == "#" } ? nil : try? TopicName(self.text)
    }

    /// What a pattern is held against, word by word.
    private enum Token {
        case word(String)
        /// Any one word.
        case star
        /// Any words.
        case hash
    }

    /// Whether a topic fits.
    ///
    /// - Complexity: O(*w* · *p*) in the numbers of words.
    package func matches(_ topic: TopicName) -> Bool {
        self.accepts(topic.words.map { .word($0) })
    }

    /// Whether every topic that fits the other one is known to fit this one. It may be `false` without reason where both have wildcards.
    package func covers(_ other: TopicPattern) -> Bool {
        self.accepts(
            other.words.map { word in
                switch word {
                case "*": .star
                case "#": .hash
                default: .word(word)
                }
            })
    }

    /// Walks the pattern as an automaton that may be at several words at once.
    private func accepts(_ tokens: [Token]) -> Bool {
        var active = self.closure([0])
        for token in tokens {
            var next: [Int] = []
            for place in active where place < self.words.count {
                let word = self.words[place]
                if word == "#" {
                    next.append(place)
                } else {
                    switch token {
                    case .word(let text) where word == "*" || ExactText.areEqual(word, text) && text != "#":
                        next.append(place + 1)
                    case .star where word == "*": next.append(place + 1)
                    case .word, .star, .hash: break
                    }
                }
            }
            active = self.closure(next)
            if active.isEmpty { return false }
        }
        return active.contains(self.words.count)
    }

    /// With the places that are reached without a word: `#` may stand for none.
    private func closure(_ places: [Int]) -> [Int] {
        var isActive = Array(repeating: false, count: self.words.count + 1)
        for start in places {
            var place = start
            isActive[place] = true
            while place < self.words.count, self.words[place] == "#" {
                place += 1
                isActive[place] = true
            }
        }
        return isActive.indices.filter { isActive[$0] }
    }

    /// Whether there is a topic that fits both.
    ///
    /// - Complexity: O(*p* · *q*) in the numbers of words.
    package func overlaps(_ other: TopicPattern) -> Bool {
        let (first, second) = (self.words, other.words)
        var isReached = Array(repeating: Array(repeating: false, count: second.count + 1), count: first.count + 1)
        var open = [(0, 0)]
        func reach(_ one: Int, _ two: Int) {
            if isReached[one][two] { return }
            isReached[one][two] = true
            open.append((one, two))
        }
        while let (one, two) = open.popLast() {
            if one == first.count, two == second.count { return true }
            let (word, fellow) = (
                one < first.count ? first[one] : nil, two < second.count ? second[two] : nil
            )
            if word == "#" { reach(one + 1, two) }
            if fellow == "#" { reach(one, two + 1) }
            guard let word, let fellow else { continue }
            let isWild = [word, fellow].contains { $0 == "*" || $0 == "#" }
            guard isWild || ExactText.areEqual(word, fellow) else { continue }
            reach(word == "#" ? one : one + 1, fellow == "#" ? two : two + 1)
        }
        return false
    }
}
