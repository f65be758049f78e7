public import ColonyCore
import Synchronization

/// A stream of the messages that are published to topics of a pattern, in the order of publishing.
///
/// ```swift
/// for try await message in try await topics.subscribe(to: "orders.#", as: Order.self) {
///     if let gap = message.gap { print("missed \(gap.dropped)") }
///     show(message.payload)
/// }
/// ```
///
/// What is missing is told with the next message, as its ``ReceivedTopicMessage/gap``, and counted. The stream ends with `nil` after
/// ``unsubscribe()``, with a ``QueueError`` of the code `tooSlow` or of the engine otherwise, and of the code `cancelled` for a task that is
/// cancelled, which leaves the subscription as it was. It ends by itself when nobody refers to it any more.
///
/// Several tasks may read from one subscription; each message goes to one of them.
public final class TopicSubscription<Payload: Sendable>: AsyncSequence, Sendable {
    /// What it gives.
    public typealias Element = ReceivedTopicMessage<Payload>
    /// Why it may end.
    public typealias Failure = QueueError

    /// Which topics are meant.
    public let pattern: TopicPattern
    private let engine: any TopicEngine
    private let clock: any MonotonicClock
    private let codec: PayloadCodec<Payload>
    private let inbox: TopicInbox
    private let desk: TopicDesk
    private let place = Mutex<(number: Int?, hasLeft: Bool)>((nil, false))

    init(
        _ inbox: TopicInbox, _ desk: TopicDesk, engine: any TopicEngine, clock: any MonotonicClock,
        codec: PayloadCodec<Payload>
    ) {
        self.pattern = inbox.pattern
        self.inbox = inbox
        self.desk = desk
        self.engine = engine
        self.clock = clock
        self.codec = codec
    }

    deinit {
        self.unsubscribe()
    }

    /// How it stands.
    public var statistics: SubscriptionStatistics { self.inbox.statistics }

    /// Why it has ended; `nil` while it goes on. What is buffered then is still given, except after ``unsubscribe()``.
    public var ending: SubscriptionEnd? { self.inbox.ending }

    /// Ends the subscription; those who wait for a message get `nil`. Repeating it does nothing.
    public func unsubscribe() {
        self.inbox.end(.unsubscribed)
        let number = self.place.withLock { place in
            defer { place = (nil, true) }
            return place.number
        }
        if let number { self.desk.leave(number) }
    }

    func join(after offset: TopicOffset) {
        let number = self.desk.join(self.inbox, after: offset)
        let hasLeft = self.place.withLock { place in
            if !place.hasLeft { place.number = number }
            return place.hasLeft
        }
        if hasLeft { self.desk.leave(number) }
    }

    /// Waits for the next message.
    ///
    /// - Returns: `nil` after ``unsubscribe()``.
    /// - Throws: ``QueueError``: `tooSlow` if it was disconnected; `cancelled` if the task is; `closed` and others of the engine.
    public func next() async throws(QueueError) -> ReceivedTopicMessage<Payload>? {
        while true {
            if Task.isCancelled { throw self.cancelled(nil) }
            switch self.inbox.next() {
            case .take(let item):
                guard let payload = try? self.codec.decode(item.message.message.body) else {
                    self.inbox.skip(item)
                    continue
                }
                self.inbox.delivered()
                return ReceivedTopicMessage(
                    payload: payload, published: item.message, gap: item.gap.isEmpty ? nil : item.gap)
            case .read(let offset): try await self.readOn(after: offset)
            case .wait(let signal):
                do {
                    try await signal.wait()
                } catch {
                    self.inbox.forget(signal)
                    throw self.cancelled(error)
                }
            case .end(.unsubscribed): return nil
            case .end(.tooSlow):
                throw QueueError(
                    .tooSlow,
                    "a subscriber of \"\(self.pattern)\" did not keep up with what was published and was disconnected; "
                        + "it can go on after its last offset while that is kept")
            case .end(.failed(let error)): throw error
            }
        }
    }

    private func readOn(after offset: TopicOffset) async throws(QueueError) {
        var failures = 0
        var generator = SystemRandomNumberGenerator()
        while true {
            do throws(QueueError) {
                let page = try await self.engine.read(self.pattern, after: offset, limit: MessageLimits.batch)
                if self.inbox.take(page) { self.join(after: page.next) }
                return
            } catch {
                if Task.isCancelled {
                    self.inbox.readingFailed()
                    throw self.cancelled(error)
                }
                guard TopicDesk.isTransient(error) else {
                    self.inbox.end(.failed(error))
                    return
                }
                failures += 1
                let pause = Backoff(initial: .milliseconds(20), maximum: .seconds(5))
                    .delay(after: failures, using: &generator)
                try? await self.clock.sleep(for: pause)
                if self.inbox.ending != nil { return }
            }
        }
    }

    private func cancelled(_ cause: (any Error)?) -> QueueError {
        QueueError(.cancelled, "the wait for a message to \"\(self.pattern)\" was cancelled", cause: cause)
    }

    /// Reads from the subscription, from where it stands.
    public func makeAsyncIterator() -> Iterator { Iterator(subscription: self) }

    /// Reads from a subscription.
    public struct Iterator: AsyncIteratorProtocol {
        let subscription: TopicSubscription

        /// Waits for the next message; see ``TopicSubscription/next()``.
        public mutating func next() async throws(QueueError) -> ReceivedTopicMessage<Payload>? {
            try await self.subscription.next()
        }

        /// Waits for the next message; see ``TopicSubscription/next()``.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(QueueError) -> ReceivedTopicMessage<Payload>? {
            try await self.subscription.next()
        }
    }
}

/// A typed message as a subscriber gets it.
public struct ReceivedTopicMessage<Payload: Sendable>: Sendable {
    /// What was published.
    public let payload: Payload
    /// The rest of what is known of it.
    public let published: PublishedTopicMessage
    /// What the subscriber has not been given before it; `nil` if that is nothing.
    public let gap: TopicGap?

    /// Where it is in the log; a later subscription can go on after it.
    public var offset: TopicOffset { self.published.offset }
    /// The topic that it was published to.
    public var topic: TopicName { self.published.message.topic }
    /// What it was published with.
    public var headers: [String: String] { self.published.message.headers }
    /// When it was published.
    public var publishedAt: WallTime { self.published.publishedAt }
}
