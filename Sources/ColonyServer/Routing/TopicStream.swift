import ColonyCore
import ColonyQueues
import HTTPTypes
import HummingbirdCore
import NIOCore

/// Writes what is published to topics to one client as server-sent events.
///
/// All clients share one reader of the log. Each has a buffer of its own, and what happens when it is full is the client's
/// choice; what a client was not given is told by an event `gap` before the next message.
///
/// - SeeAlso: WHATWG, *HTML Living Standard*, section 9.2.
struct TopicStream: Sendable {
    let subscription: TopicSubscription<[UInt8]>
    let clock: any MonotonicClock
    /// Where the stream begins.
    let start: TopicOffset
    fileprivate let wait: WaitRegister<TopicPattern>.Wait
    fileprivate let register: WaitRegister<TopicPattern>

    /// Ends the stream.
    func finish() { self.wait.end(.clientGone) }

    /// Gives the place among the streams back.
    func leave() {
        self.subscription.unsubscribe()
        self.register.leave(self.wait)
    }

    /// Writes until the client goes away, the server drains, or the subscription ends.
    @concurrent
    func write(to writer: inout some ResponseBodyWriter) async throws {
        let subscription = self.subscription
        self.wait.onEnd { subscription.unsubscribe() }
        // The place is told at once, so that a client that comes back misses nothing that came in between.
        try await writer.write(ByteBuffer(string: "retry: 2000\nevent: open\nid: \(self.start)\ndata: {}\n\n"))
        while true {
            let came = OneShotSignal()
            // It outlives signs of life, so that no message is taken that nobody writes.
            let next = Task { () async -> Result<ReceivedTopicMessage<[UInt8]>?, QueueError> in
                defer { came.fire() }
                return await QueueService.outcome { () async throws(QueueError) in try await subscription.next() }
            }
            while try await !came.wait(until: self.clock.now.advanced(by: EventStream.heartbeat), on: self.clock) {
                try await writer.write(ByteBuffer(string: ": alive\n\n"))
            }
            switch await next.value {
            case .success(nil): return
            case .success(let message?): try await writer.write(Self.text(of: message))
            case .failure(let error):
                // Whoever was too slow begins again where it was.
                try await writer.write(
                    ByteBuffer(string: "event: end\ndata: {\"code\":\"\(Self.code(of: error))\"}\n\n"))
                return
            }
        }
    }

    private static func code(of error: QueueError) -> String {
        error.code == .tooSlow ? "too_slow" : Problem(exchange: error).code.rawValue
    }

    private static func text(of received: ReceivedTopicMessage<[UInt8]>) -> ByteBuffer {
        var text = ByteBufferAllocator().buffer(capacity: 256 + received.payload.count)
        if let gap = received.gap {
            text.writeString("event: gap\ndata: {\"dropped\":\(gap.dropped),\"is_incomplete\":\(gap.isIncomplete)}\n\n")
        }
        text.writeString("event: message\nid: \(received.offset)\ndata: {\"offset\":\(received.offset),\"topic\":")
        text.writeJSON(string: received.topic.text)
        QueueAnswers.writeBody(received.payload, to: &text)
        if let key = received.published.message.key {
            text.writeJSON(#","key":"#)
            text.writeJSON(string: key)
        }
        text.writeJSON(#","headers":"#)
        QueueAnswers.write(received.headers, to: &text)
        text.writeJSON(#","published_at":"#)
        text.writeJSON(time: received.publishedAt)
        text.writeString("}\n\n")
        return text
    }
}

extension TopicService {
    /// The largest buffer of a client, in messages.
    static let buffers = 1...10_000

    /// Opens a stream of what is published to topics of a pattern.
    func open(
        _ pattern: TopicPattern, query: Substring.UTF8View, fields: HTTPFields
    ) async throws(Problem) -> TopicStream {
        let parameters = try QueryParameters(query, known: ["from", "policy", "buffer"])
        let buffer = try parameters.integer("buffer", in: Self.buffers) ?? 1_000
        var policy = SubscriptionSettings.WhenFull.dropOldest
        if let text = parameters["policy"] {
            guard let known = SubscriptionSettings.WhenFull(rawValue: text) else {
                let words = SubscriptionSettings.WhenFull.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(.invalidRequest, "policy must be one of \(words), not \(NameRules.quoted(text))")
            }
            policy = known
        }
        var position = TopicPosition.end
        if let asked = try Self.position(parameters["from"], of: "from") { position = asked }
        // A client that comes back goes on where it was.
        if let seen = try Self.position(fields[Self.lastEventID], of: "Last-Event-ID") { position = seen }
        guard let topics = self.topics else { throw .unsupported("keep topics") }
        let wait: WaitRegister<TopicPattern>.Wait
        do {
            wait = try self.streams.enter(pattern)
        } catch {
            if error.code == .draining { throw error }
            throw Problem(
                .tooManyStreams,
                "\(self.queues.limits.streams) streams of topics are open already; that is all this server allows")
        }
        do throws(QueueError) {
            // Before the subscription begins, so that no message is before the place that the client is told.
            let start = try await topics.engine.offset(of: position)
            let subscription = try await topics.subscribe(
                to: pattern, as: [UInt8].self, from: position == .beginning ? .beginning : .after(start),
                buffer: buffer,
                whenFull: policy, codec: .bytes)
            return TopicStream(
                subscription: subscription, clock: self.queues.clock, start: start, wait: wait, register: self.streams)
        } catch {
            self.streams.leave(wait)
            throw Problem(exchange: error)
        }
    }

    private static let lastEventID = HTTPField.Name("Last-Event-ID")!

    private static func position(_ text: String?, of role: String) throws(Problem) -> TopicPosition? {
        guard let text else { return nil }
        switch text {
        case "end": return .end
        case "beginning": return .beginning
        default:
            if let offset = Int64(text), offset >= 0, String(offset) == text {
                return .after(TopicOffset(rawValue: offset))
            }
            if let time = WallTime(rfc3339: text) { return .time(time) }
            throw Problem(
                .invalidRequest,
                "\(role) must be end, beginning, an offset, or a time such as 2030-01-31T08:00:00Z, not "
                    + NameRules.quoted(text))
        }
    }
}
