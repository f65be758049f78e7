import ColonyCore
import DequeModule
import Synchronization

/// What waits for one subscriber: decisions under a mutex, without I/O.
///
/// A subscriber begins by *replaying*: it reads the log page by page, when it wants more and not before, so that nothing is dropped. When
/// a page has reached the end of the log it is *live*: the pump hands messages in, and the policy for the slow holds. The rest of the
/// last page comes before them.
final class TopicInbox: Sendable {
    struct Item: Sendable {
        let message: PublishedTopicMessage
        /// What is missing before it.
        var gap = TopicGap()
    }

    /// What a subscriber does next.
    enum Step {
        case take(Item)
        case read(after: TopicOffset)
        case wait(OneShotSignal)
        case end(SubscriptionEnd)
    }

    private enum Phase {
        case replaying(TopicOffset)
        case live
        case ended(SubscriptionEnd)
    }

    private struct State {
        var phase: Phase
        var page: Deque<Item> = []
        var buffer: Deque<Item> = []
        /// What is missing before the next that is taken, and before the next that comes.
        var headGap = TopicGap()
        var tailGap = TopicGap()
        var isReading = false
        /// Whether what is not kept any more was not asked for.
        var ignoresMissing: Bool
        var waiters: [OneShotSignal] = []
        var delivered = 0
        var dropped = 0
        var undecodable = 0
    }

    let pattern: TopicPattern
    private let settings: SubscriptionSettings
    private let state: Mutex<State>

    /// - Parameter start: Where to begin to read; `nil` for one that is live from the beginning.
    init(
        _ pattern: TopicPattern, _ settings: SubscriptionSettings, replayingAfter start: TopicOffset?,
        ignoresMissing: Bool
    ) {
        self.pattern = pattern
        self.settings = settings
        self.state = Mutex(
            State(phase: start.map { .replaying($0) } ?? .live, ignoresMissing: ignoresMissing))
    }

    var statistics: SubscriptionStatistics {
        self.state.withLock { state in
            var statistics = SubscriptionStatistics()
            statistics.delivered = state.delivered
            statistics.dropped = state.dropped
            statistics.undecodable = state.undecodable
            statistics.buffered = state.page.count + state.buffer.count
            if case .replaying = state.phase { statistics.isReplaying = true }
            return statistics
        }
    }

    var ending: SubscriptionEnd? {
        self.state.withLock { if case .ended(let end) = $0.phase { end } else { nil } }
    }

    // MARK: The subscriber

    func next() -> Step {
        self.state.withLock { state in
            if var item = state.page.popFirst() ?? state.buffer.popFirst() {
                var gap = state.headGap
                gap.add(item.gap)
                item.gap = gap
                state.headGap = TopicGap()
                return .take(item)
            }
            switch state.phase {
            case .ended(let end): return .end(end)
            case .replaying(let offset) where !state.isReading:
                state.isReading = true
                return .read(after: offset)
            case .replaying, .live:
                let signal = OneShotSignal()
                state.waiters.append(signal)
                return .wait(signal)
            }
        }
    }

    func forget(_ signal: OneShotSignal) {
        self.state.withLock { $0.waiters.removeAll { $0 === signal } }
    }

    func delivered() { self.state.withLock { $0.delivered += 1 } }

    /// A message that was taken cannot be decoded; that is told with the next.
    func skip(_ item: Item) {
        self.state.withLock { state in
            state.undecodable += 1
            state.headGap.add(item.gap)
            state.headGap.undecodable += 1
        }
    }

    // MARK: Replaying

    /// Takes a page of the log in.
    ///
    /// - Returns: Whether the subscriber is live now, and has to be handed what comes after the page.
    func take(_ page: TopicPage) -> Bool {
        let (isLive, waiters) = self.state.withLock { state -> (Bool, [OneShotSignal]) in
            state.isReading = false
            defer { state.waiters = [] }
            guard case .replaying = state.phase else { return (false, state.waiters) }
            if page.isIncomplete, !state.ignoresMissing { state.tailGap.isIncomplete = true }
            state.ignoresMissing = false
            for message in page.messages {
                state.page.append(Item(message: message, gap: state.tailGap))
                state.tailGap = TopicGap()
            }
            state.phase = page.isAtEnd ? .live : .replaying(page.next)
            return (page.isAtEnd, state.waiters)
        }
        for waiter in waiters { waiter.fire() }
        return isLive
    }

    /// A page could not be read; somebody else may try.
    func readingFailed() {
        let waiters = self.state.withLock { state in
            state.isReading = false
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fire() }
    }

    // MARK: Live

    /// Takes what the pump hands in.
    ///
    /// - Returns: Whether the subscriber is still there.
    func offer(_ message: PublishedTopicMessage) -> Bool {
        let (isThere, waiter) = self.state.withLock { state -> (Bool, [OneShotSignal]) in
            guard case .live = state.phase else { return (false, []) }
            if state.buffer.count >= self.settings.buffer {
                switch self.settings.whenFull {
                case .dropNewest:
                    state.dropped += 1
                    state.tailGap.dropped += 1
                    return (true, [])
                case .disconnect:
                    state.phase = .ended(.tooSlow)
                    return (false, [])
                case .dropOldest:
                    state.dropped += 1
                    var gap = state.buffer.removeFirst().gap
                    gap.dropped += 1
                    if state.buffer.isEmpty {
                        gap.add(state.tailGap)
                        state.tailGap = gap
                    } else {
                        gap.add(state.buffer[0].gap)
                        state.buffer[0].gap = gap
                    }
                }
            }
            state.buffer.append(Item(message: message, gap: state.tailGap))
            state.tailGap = TopicGap()
            defer { state.waiters = [] }
            return (true, state.waiters)
        }
        for waiter in waiter { waiter.fire() }
        return isThere
    }

    /// The pump has found that messages are not kept any more that may have been for the subscriber.
    func noteMissing() { self.state.withLock { $0.tailGap.isIncomplete = true } }

    /// Ends the subscription; what waits is still given, unless the subscriber itself wants no more.
    func end(_ end: SubscriptionEnd) {
        let waiters = self.state.withLock { state -> [OneShotSignal] in
            if case .ended = state.phase { return [] }
            state.phase = .ended(end)
            if case .unsubscribed = end {
                state.page = []
                state.buffer = []
            }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fire() }
    }
}
