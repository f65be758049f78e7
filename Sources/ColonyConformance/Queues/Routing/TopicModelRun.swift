import ColonyCore
package import ColonyQueues

/// Does the same random things to the log of topics of an engine and to a list, on clocks that it moves, and compares every answer.
package struct TopicModelRun {
    private struct Kept {
        let offset: TopicOffset
        let topic: String
        let body: [UInt8]
        let due: Int64
        let rule: Int
    }

    private struct Rule {
        let pattern: TopicPattern
        let retention: TopicRetention
        var isRetired = false
    }

    private let engine: any TopicEngine
    private let prefix: String
    private let setTime: (Int64) -> Void
    private var random: any RandomNumberGenerator
    private var now: Int64 = 0
    private var kept: [Kept] = []
    /// What is gone, by offset.
    private var gone: [(offset: TopicOffset, topic: String)] = []
    /// The first is that of transit.
    private var rules = [Rule(pattern: "#", retention: .transit)]
    private var start: TopicOffset

    /// Does so many steps.
    ///
    /// - Parameters:
    ///   - prefix: What all topics begin with.
    ///   - setTime: Sets the clocks: so many milliseconds after the beginning.
    /// - Throws: ``ConformanceFailure`` at the first answer that is another than that of the list.
    package static func run(
        steps: Int, on engine: any TopicEngine, prefix: String, setTime: @escaping (Int64) -> Void,
        using random: some RandomNumberGenerator
    ) async throws {
        var run = Self(
            engine: engine, prefix: prefix, setTime: setTime, random: random, start: try await engine.offset(of: .end))
        for step in 0..<steps {
            do {
                try await run.step()
            } catch let failure as ConformanceFailure {
                throw ConformanceFailure("at step \(step): \(failure.message)")
            }
        }
        for rule in run.rules.dropFirst() { try await engine.retain(rule.pattern, nil) }
    }

    private init(
        engine: any TopicEngine, prefix: String, setTime: @escaping (Int64) -> Void, random: any RandomNumberGenerator,
        start: TopicOffset
    ) {
        self.engine = engine
        self.prefix = prefix
        self.setTime = setTime
        self.random = random
        self.start = start
    }

    private mutating func draw(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self.random) }

    private mutating func words(_ choice: [String]) -> String {
        ([self.prefix] + (0..<self.draw(0..<3)).map { _ in choice[self.draw(0..<choice.count)] }).joined(separator: ".")
    }

    private mutating func step() async throws {
        self.now += Int64(self.draw(0..<2_000))
        self.setTime(self.now)
        self.drop()
        switch self.draw(0..<10) {
        case 0: try await self.retain()
        case 1..<5: try await self.publish()
        default: try await self.read()
        }
    }

    private mutating func drop() {
        func remove(_ index: Int) {
            let message = self.kept.remove(at: index)
            self.gone.append((message.offset, message.topic))
        }
        while let index = self.kept.firstIndex(where: { $0.due <= self.now }) { remove(index) }
        for rule in self.rules.indices {
            while true {
                let own = self.kept.filter { $0.rule == rule }
                let bytes = own.reduce(0) { $0 + $1.body.count }
                guard own.count > 1, bytes > self.rules[rule].retention.bytes,
                    let index = self.kept.firstIndex(where: { $0.rule == rule })
                else { break }
                remove(index)
            }
        }
    }

    private mutating func retain() async throws {
        let pattern = try TopicPattern(self.words(["a", "b", "*", "#"]))
        let retention =
            self.draw(0..<3) == 0
            ? nil : TopicRetention(.seconds(self.draw(1..<20)), upTo: [5, 20, 1_000][self.draw(0..<3)])
        try await self.engine.retain(pattern, retention)
        let present = self.rules.indices.dropFirst().first {
            !self.rules[$0].isRetired && self.rules[$0].pattern == pattern
        }
        if let present, self.rules[present].retention == retention { return }
        if let present { self.rules[present].isRetired = true }
        if let retention { self.rules.append(Rule(pattern: pattern, retention: retention)) }
    }

    private func rule(for topic: String) -> Int {
        var best = 0
        for index in self.rules.indices.dropFirst()
        where !self.rules[index].isRetired && naively(self.rules[index].pattern, fits: topic) {
            let (new, old) = (self.rules[index].retention, self.rules[best].retention)
            let isBetter =
                best == 0 || new.duration > old.duration || new.duration == old.duration && new.bytes > old.bytes
                || new == old && self.rules[index].pattern < self.rules[best].pattern
            if isBetter { best = index }
        }
        return best
    }

    private mutating func publish() async throws {
        var messages: [TopicMessage] = []
        for _ in 0..<self.draw(1..<4) {
            messages.append(
                TopicMessage(
                    try TopicName(self.words(["a", "b", "c"])), [UInt8](repeating: 7, count: self.draw(0..<6))))
        }
        let outcomes = try await self.engine.publish(messages)
        for (message, outcome) in zip(messages, outcomes) {
            guard case .stored(let offset) = outcome, offset > self.kept.last?.offset ?? self.start else {
                throw ConformanceFailure("\(message) was answered with \(outcome)")
            }
            let rule = self.rule(for: message.topic.text)
            let due = self.now + self.rules[rule].retention.duration.clampedMilliseconds
            self.kept.append(
                Kept(offset: offset, topic: message.topic.text, body: message.body, due: due, rule: rule))
        }
        self.drop()
    }

    private mutating func read() async throws {
        let pattern = try TopicPattern(self.words(["a", "b", "*", "#"]))
        let offsets = [self.start] + self.kept.map(\.offset) + self.gone.map(\.offset)
        let after = offsets[self.draw(0..<offsets.count)]
        let limit = self.draw(1..<5)
        let expected = self.kept.filter { $0.offset > after && naively(pattern, fits: $0.topic) }
        var found: [PublishedTopicMessage] = []
        var (next, isIncomplete) = (after, false)
        while true {
            let page = try await self.engine.read(pattern, after: next, limit: limit)
            found += page.messages
            isIncomplete = isIncomplete || page.isIncomplete
            next = page.next
            if page.isAtEnd { break }
        }
        try expect(
            found.map(\.offset) == expected.map(\.offset) && found.map(\.message.body) == expected.map(\.body)
                && found.map(\.message.topic.text) == expected.map(\.topic),
            "\"\(pattern)\" after \(after) gave \(found.map(\.offset)), and \(expected.map(\.offset)) was expected")
        let missed = self.gone.contains { $0.offset > after && naively(pattern, fits: $0.topic) }
        if missed { try expect(isIncomplete, "\"\(pattern)\" after \(after) was not told what is gone") }
        if !self.gone.contains(where: { $0.offset > after }), after >= self.start {
            try expect(!isIncomplete, "\"\(pattern)\" after \(after) was told of nothing")
        }
    }
}
