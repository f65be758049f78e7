import ColonyCore
public import ColonyQueues
import Synchronization

extension QueueCaseContext {
    /// The engine as one with topics, for cases that are run only where it has them.
    public func topics(by engine: (any QueueEngine)? = nil) throws -> any TopicEngine {
        try require((engine ?? self.engine) as? any TopicEngine, "the engine has no power of topics")
    }

    /// A topic of this case: its prefix and these words.
    public func topic(_ words: String) throws -> TopicName { try TopicName(self.prefix + "." + words) }

    /// A pattern that fits topics of this case only.
    public func pattern(_ words: String) throws -> TopicPattern { try TopicPattern(self.prefix + "." + words) }

    /// Declares a retention, which is taken back when the case has ended.
    public func retain(_ words: String, _ duration: Duration, upTo bytes: Int = 1 << 20) async throws {
        let pattern = try self.pattern(words)
        self.usedRetentions.withLock { _ = $0.insert(pattern) }
        try await self.topics().retain(pattern, TopicRetention(duration, upTo: bytes))
    }

    /// Publishes a text and demands that it is stored.
    @discardableResult
    public func publish(
        _ text: String, toTopic words: String, by engine: (any QueueEngine)? = nil
    ) async throws -> TopicOffset {
        let outcomes = try await self.topics(by: engine).publish(
            [TopicMessage(try self.topic(words), Array(text.utf8))])
        guard outcomes.count == 1, case .stored(let offset) = outcomes[0] else {
            throw ConformanceFailure("\"\(text)\" was to be stored, and the answer was \(outcomes)")
        }
        return offset
    }

    /// Reads to the end of the log.
    public func read(
        _ words: String, after offset: TopicOffset, limit: Int = 100, by engine: (any QueueEngine)? = nil
    ) async throws -> (texts: [String], next: TopicOffset, isIncomplete: Bool) {
        var (texts, next, isIncomplete) = ([String](), offset, false)
        while true {
            let page = try await self.topics(by: engine).read(
                try self.pattern(words), after: next, limit: limit)
            try expect(page.messages.count <= limit, "a page of \(limit) has \(page.messages.count) messages")
            try expect(page.next >= next, "a page after \(next) goes on after \(page.next)")
            for message in page.messages {
                try expect(
                    message.offset > next && message.offset <= page.next, "\(message.offset) is out of order")
                next = message.offset
                texts.append(String(decoding: message.message.body, as: UTF8.self))
            }
            isIncomplete = isIncomplete || page.isIncomplete
            next = page.next
            if page.isAtEnd { return (texts, next, isIncomplete) }
        }
    }

    /// Reads to the end of the log and demands exactly this.
    public func expectTopics(
        _ texts: [String], _ words: String, after offset: TopicOffset, _ when: String,
        by engine: (any QueueEngine)? = nil
    ) async throws {
        let found = try await self.read(words, after: offset, by: engine)
        try expect(found.texts == texts, "\(when), \(texts) were to be read, and \(found.texts) were")
    }

    /// The place after what was published last.
    public func end() async throws -> TopicOffset { try await self.topics().offset(of: .end) }
}
