import ColonyCore
import ColonyQueues
import HTTPTypes
import HummingbirdCore
import NIOCore

/// Writes what is published to topics to one client as server-sent events.
///
/// The client reads the log at its own pace: what it has not taken yet stays in the log, and here there is one page of
/// messages at the most. Whoever is slower than the retention of the topic misses messages, and is told so by an event `gap`.
///
/// - SeeAlso: WHATWG, *HTML Living Standard*, section 9.2.
struct TopicStream: Sendable {
    /// What happens when messages are gone before the client has read them.
    enum Policy: String, CaseIterable, Sendable {
        /// The stream goes on behind the gap.
        case skip
        /// The stream ends after the event `gap`, so that the client begins anew where it wants to.
        case disconnect
    }

    /// How many messages are read at once.
    static let page = 100

    let pattern: TopicPattern
    let engine: any TopicEngine
    let policy: Policy
    /// After which offset the stream begins.
    let start: TopicOffset
    fileprivate let wait: WaitRegister<TopicPattern>.Wait
    fileprivate let register: WaitRegister<TopicPattern>

    /// Ends the stream.
    func finish() { self.wait.end(.clientGone) }

    /// Gives the place among the streams back.
    func leave() { self.register.leave(self.wait) }

    /// Writes until the client goes away, the server drains, or the store fails.
    @concurrent
    func write(to writer: inout some ResponseBodyWriter) async throws {
        var place = self.start
        // The place is told at once, so that a client that comes back misses nothing that came in between.
        try await writer.write(ByteBuffer(string: "retry: 2000\nevent: open\nid: \(place)\ndata: {}\n\n"))
        while self.wait.reason == nil {
            let page = try await self.engine.read(self.pattern, after: place, limit: Self.page)
            var text = ByteBufferAllocator().buffer(capacity: 256 + page.messages.count * 512)
            if page.isIncomplete { text.writeString("event: gap\ndata: {\"after\":\(place)}\n\n") }
            for message in page.messages { Self.write(message, to: &text) }
            place = page.next
            if text.readableBytes > 0 { try await writer.write(text) }
            if page.isIncomplete, self.policy == .disconnect { return }
            if page.isAtEnd, try await !self.waitForMore(after: place) {
                // The place moves on with what other topics have, and an event without data tells only that.
                try await writer.write(ByteBuffer(string: ": alive\nid: \(place)\n\n"))
            }
        }
    }

    /// - Returns: Whether something may have come before it was time for a sign of life.
    private func waitForMore(after place: TopicOffset) async throws -> Bool {
        let engine = self.engine
        let waiting = Task { () async -> Result<Bool, QueueError> in
            await QueueService.outcome { () async throws(QueueError) in
                try await engine.waitForTopics(after: place, upTo: EventStream.heartbeat)
                return try await engine.offset(of: .end) > place
            }
        }
        self.wait.onEnd { waiting.cancel() }
        switch await waiting.value {
        case .success(let isMore): return isMore
        case .failure where self.wait.reason != nil: return true
        case .failure(let error): throw error
        }
    }

    private static func write(_ published: PublishedTopicMessage, to text: inout ByteBuffer) {
        text.writeString("event: message\nid: \(published.offset)\ndata: {\"offset\":\(published.offset),\"topic\":")
        text.writeJSON(string: published.message.topic.text)
        QueueAnswers.writeBody(published.message.body, to: &text)
        if let key = published.message.key {
            text.writeJSON(#","key":"#)
            text.writeJSON(string: key)
        }
        text.writeJSON(#","headers":"#)
        QueueAnswers.write(published.message.headers, to: &text)
        text.writeJSON(#","published_at":"#)
        text.writeJSON(time: published.publishedAt)
        text.writeString("}\n\n")
    }
}

extension TopicService {
    /// Opens a stream of what is published to topics of a pattern.
    func open(
        _ pattern: TopicPattern, query: Substring.UTF8View, fields: HTTPFields
    ) async throws(Problem) -> TopicStream {
        let parameters = try QueryParameters(query, known: ["from", "policy"])
        var policy = TopicStream.Policy.skip
        if let text = parameters["policy"] {
            guard let known = TopicStream.Policy(rawValue: text) else {
                let words = TopicStream.Policy.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(.invalidRequest, "policy must be one of \(words), not \(NameRules.quoted(text))")
            }
            policy = known
        }
        var position = TopicPosition.end
        if let asked = try Self.position(parameters["from"], of: "from") { position = asked }
        // A client that comes back goes on where it was.
        if let seen = try Self.position(fields[Self.lastEventID], of: "Last-Event-ID") { position = seen }
        let engine = try self.offered()
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
            let start = try await engine.offset(of: position)
            return TopicStream(
                pattern: pattern, engine: engine, policy: policy, start: start, wait: wait, register: self.streams)
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
