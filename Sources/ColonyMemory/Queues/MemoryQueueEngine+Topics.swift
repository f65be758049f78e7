import ColonyCore
public import ColonyQueues
import Synchronization

extension MemoryQueueEngine: TopicEngine {
    /// Says for how long messages to topics of a pattern are kept.
    public func retain(_ pattern: TopicPattern, _ retention: TopicRetention?) async throws(QueueError) {
        try self.changeAll { state, _ throws(QueueError) in try state.topics.retain(pattern, retention) }
    }

    /// What was declared, in the order of the patterns.
    public func retentions() async throws(QueueError) -> [RetentionRecord] {
        try self.changeAll { state, now throws(QueueError) in state.topics.records(at: now.monotonic) }
    }

    /// Stores messages in the log and in the queues that are bound to their topics.
    ///
    /// - Complexity: O(log *n*) per message and copy.
    public func publish(_ messages: [TopicMessage]) async throws(QueueError) -> [TopicOutcome] {
        try QueueRequests.check(messages)
        let (outcomes, signals) = try self.changeAll {
            state, now throws(QueueError) -> ([TopicOutcome], [OneShotSignal]) in
            var outcomes: [TopicOutcome] = []
            for message in messages {
                let queues = try state.exchanges.table.queues(.topics, key: message.topic, headers: message.headers)
                if !queues.isEmpty,
                    case .full(let queue, let overflow) = Self.store(message.routed, in: queues, &state, now)
                {
                    outcomes += Array(repeating: .full(queue, overflow), count: messages.count - outcomes.count)
                    break
                }
                state.lastID += 1
                state.topics.append(message, at: state.lastID, now)
                outcomes.append(.stored(TopicOffset(rawValue: state.lastID)))
            }
            state.topics.trim(at: now.monotonic)
            guard case .stored = outcomes.first else { return (outcomes, []) }
            defer { state.topicWaiters = [] }
            return (outcomes, state.topicWaiters)
        }
        for signal in signals { signal.fire() }
        return outcomes
    }

    /// What was published after an offset.
    ///
    /// - Complexity: O(log *n*) and what is looked at.
    public func read(
        _ pattern: TopicPattern, after offset: TopicOffset, limit: Int
    ) async throws(QueueError) -> TopicPage {
        try QueueRequests.check(page: limit)
        return try self.changeAll { state, now throws(QueueError) in
            state.topics.read(pattern, after: offset, limit: limit, at: now.monotonic)
        }
    }

    /// The offset after which a reader begins who wants what is published from a position on.
    ///
    /// - Complexity: O(1); O(*n*) for a time.
    public func offset(of position: TopicPosition) async throws(QueueError) -> TopicOffset {
        try self.changeAll { state, now throws(QueueError) in state.topics.offset(of: position, at: now.monotonic) }
    }

    /// Waits until something was published after an offset.
    public func waitForTopics(after offset: TopicOffset, upTo limit: Duration) async throws(QueueError) {
        let deadline = self.clock.now.advanced(by: limit)
        let signal = OneShotSignal()
        let isNews = self.state.withLock { state in
            if state.topics.last <= offset.rawValue, limit > .zero { state.topicWaiters.append(signal) }
            return state.topics.last > offset.rawValue
        }
        if isNews || limit <= .zero { return }
        defer { self.state.withLock { $0.topicWaiters.removeAll { $0 === signal } } }
        do {
            _ = try await signal.wait(until: deadline, on: self.clock)
        } catch {
            throw QueueError(.cancelled, "the wait for topics was cancelled", cause: error)
        }
    }
}
