import ColonyCore
import ColonyQueues
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    /// Answers a request to one of the routes of exchanges, topics, and schedules.
    func answerRouting(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?, _ client: Client
    ) async throws(Problem) -> Answer {
        defer { if match.route.method != .get { self.hub.poke(.queues) } }
        switch match.route {
        case .listExchanges: return try await self.exchanges.list(match.query, token: token)
        case .declareExchange, .inspectExchange, .deleteExchange, .bindExchange, .unbindExchange, .publishThrough:
            return try await self.answerExchange(match, request, token, client)
        case .listTopics: return try await self.topics.list(query: match.query, token: token)
        case .publishTopic, .retainTopic, .forgetTopic, .subscribeQueue, .unsubscribeQueue:
            return try await self.answerTopic(match, request, token)
        case .listSchedules: return try await self.schedules.list(match.query, token: token)
        case .putSchedule, .inspectSchedule, .removeSchedule:
            return try await self.answerSchedule(match, request, token)
        default: preconditionFailure("\(match.route) is no route of exchanges, topics, or schedules")
        }
    }

    private func answerExchange(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?, _ client: Client
    ) async throws(Problem) -> Answer {
        let text = try PercentDecoding.name(match.name, of: "exchange name", atMost: self.limits.nameBytes)
        try token?.check(text)
        // The default exchange, whose name is empty, is there to publish through and for nothing else.
        guard !text.isEmpty || match.route == .publishThrough else {
            throw Problem(.invalidName, "the name of the exchange is missing")
        }
        let name: ExchangeName
        do throws(InvalidName) {
            name = try ExchangeName(text)
        } catch {
            throw Problem(error)
        }
        switch match.route {
        case .declareExchange:
            return try await self.exchanges.declare(name, body: try await self.body(of: request), token: token)
        case .deleteExchange: return try await self.exchanges.delete(name)
        case .bindExchange, .unbindExchange:
            return try await self.exchanges.bind(
                name, match.route == .bindExchange, body: try await self.body(of: request), token: token)
        case .publishThrough:
            return try await self.exchanges.publish(name, body: try await self.messages(of: request), client: client)
        default: return try await self.exchanges.inspect(name, query: match.query)
        }
    }

    private func answerTopic(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?
    ) async throws(Problem) -> Answer {
        let text = try PercentDecoding.name(match.name, of: "topic", atMost: self.limits.nameBytes)
        try token?.check(text)
        if match.route == .publishTopic {
            return try await self.topics.publish(
                try Self.topic { () throws(QueueError) in try TopicName(text) },
                body: try await self.messages(of: request))
        }
        let pattern = try Self.topic { () throws(QueueError) in try TopicPattern(text) }
        switch match.route {
        case .retainTopic: return try await self.topics.retain(pattern, body: try await self.body(of: request))
        case .forgetTopic: return try await self.topics.forget(pattern)
        default:
            let queue = try PercentDecoding.queueName(match.item, atMost: self.limits.nameBytes)
            try token?.check(queue.rawValue)
            return try await self.topics.subscribe(queue, to: pattern, match.route == .subscribeQueue)
        }
    }

    private func answerSchedule(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?
    ) async throws(Problem) -> Answer {
        let text = try PercentDecoding.name(match.name, of: "schedule name", atMost: self.limits.nameBytes)
        try token?.check(text)
        let name: ScheduleName
        do throws(InvalidName) {
            name = try ScheduleName(text)
        } catch {
            throw Problem(error)
        }
        switch match.route {
        case .putSchedule:
            return try await self.schedules.put(name, body: try await self.body(of: request), token: token)
        case .removeSchedule: return try await self.schedules.remove(name)
        default: return try await self.schedules.inspect(name, query: match.query)
        }
    }

    /// A topic or a pattern in a path; what is none is a name that is not valid.
    static func topic<Value>(_ make: () throws(QueueError) -> Value) throws(Problem) -> Value {
        do throws(QueueError) {
            return try make()
        } catch {
            throw Problem(.invalidName, error.message)
        }
    }

    /// The body of a request that publishes, which may be longer than others.
    func messages(of request: Request) async throws(Problem) -> ByteBuffer {
        if let type = request.headers[.contentType] { try Self.check(contentType: type) }
        let most = self.queues.settings.requestBytes
        return try await self.bytes(of: request, atMost: most) { _ in Self.tooLarge(most) }
    }
}
