import ColonyQueues
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    /// Answers a request to one of the routes of queues.
    func answerQueue(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?, _ client: Client
    ) async throws(Problem) -> Answer {
        // What only looks changes nothing that anybody else sees.
        defer { if match.route.method != .get { self.hub.poke(.queues) } }
        if match.route == .listQueues { return try await self.queues.list(match.query, token: token) }
        let name = try PercentDecoding.queueName(match.name, atMost: self.limits.nameBytes)
        try token?.check(name.rawValue)
        switch match.route {
        case .declareQueue:
            return try await self.queues.declare(name, body: try await self.body(of: request), token: token)
        case .inspectQueue:
            return try await self.queues.inspect(name, query: match.query)
        case .deleteQueue:
            return try await self.queues.delete(name)
        case .pauseQueue, .resumeQueue:
            return try await self.queues.pause(name, match.route == .pauseQueue)
        case .queueChanges:
            return try await self.queues.changes(of: name, query: match.query, client: client)
        case .publishMessages:
            if let type = request.headers[.contentType] { try Self.check(contentType: type) }
            let most = self.queues.settings.requestBytes
            let body = try await self.bytes(of: request, atMost: most) { _ in Self.tooLarge(most) }
            return try await self.queues.publish(name, body: body, client: client)
        case .peekMessages:
            return try await self.queues.peek(name, query: match.query)
        case .purgeQueue:
            return try await self.queues.purge(name, client: client)
        case .cancelMessage:
            return try await self.queues.cancel(name, match.item)
        case .cancelMessages:
            return try await self.queues.cancelMany(name, body: try await self.body(of: request))
        case .receiveMessages:
            return try await self.queues.receive(name, body: try await self.body(of: request), client: client)
        case .settleMessages:
            return try await self.queues.settle(name, body: try await self.body(of: request))
        case .deadLetters:
            return try await self.queues.deadLetters(name, query: match.query)
        case .redriveDeadLetters:
            return try await self.queues.redrive(
                name, body: try await self.body(of: request), token: token, client: client)
        case .dropDeadLetters:
            return try await self.queues.drop(name, body: try await self.body(of: request), client: client)
        default:
            preconditionFailure("\(match.route) is no route of queues")
        }
    }
}
