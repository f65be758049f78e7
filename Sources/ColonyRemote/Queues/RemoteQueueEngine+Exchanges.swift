import ColonyCore
public import ColonyQueues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension RemoteQueueEngine: ExchangeEngine {
    /// Makes an exchange in the daemon's store, or finds that it is there and the same.
    @discardableResult
    public func declareExchange(
        _ exchange: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName?
    ) async throws(QueueError) -> Bool {
        var body = JSONText()
        body.write(#"{"kind":"#)
        body.write(string: kind.rawValue)
        if let alternate {
            body.write(#","alternate":"#)
            body.write(string: alternate.rawValue)
        }
        body.write("}")
        let answer = try await self.connection.askQueues(.put, try Self.path(of: exchange), body)
        guard answer.status == 200 || answer.status == 201 else { throw answer.queueError }
        return answer.status == 201
    }

    /// Deletes an exchange with its bindings.
    @discardableResult
    public func deleteExchange(_ exchange: ExchangeName) async throws(QueueError) -> Bool {
        let answer = try await self.connection.askQueues(.delete, try Self.path(of: exchange))
        if answer.status == 404, answer.code == "unknown_exchange" { return false }
        guard answer.status == 200 else { throw answer.queueError }
        return true
    }

    /// Adds a binding.
    @discardableResult
    public func bind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        let answer = try await self.connection.askQueues(
            .post, "\(try Self.path(of: exchange))/bindings", binding.json)
        return try answer.queueDocument(as: ChangedDocument.self).changed
    }

    /// Takes a binding away.
    @discardableResult
    public func unbind(_ exchange: ExchangeName, _ binding: Binding) async throws(QueueError) -> Bool {
        let answer = try await self.connection.askQueues(
            .post, "\(try Self.path(of: exchange))/unbind", binding.json)
        return try answer.queueDocument(as: ChangedDocument.self).changed
    }

    /// All exchanges that the token may see; of very many in several requests, between which others may act.
    public func exchanges() async throws(QueueError) -> [ExchangeRecord] {
        var records: [ExchangeRecord] = []
        var next: String?
        repeat {
            let query = "?limit=100" + (next.map { "&after=\(PercentEncoding.encoded($0))" } ?? "")
            let answer = try await self.connection.askQueues(.get, "/v1/exchanges\(query)")
            let page = try answer.queueDocument(as: ExchangePageDocument.self)
            for document in page.exchanges {
                guard let record = document.record else {
                    throw QueueError(answer.nonsense("it described an exchange that cannot be: \(document.name)"))
                }
                records.append(record)
            }
            next = page.next
        } while next != nil
        return records
    }

    /// Stores each message in all queues that it is routed to, in one atomic step for all.
    ///
    /// - Complexity: One request.
    public func publish(
        _ messages: [RoutedMessage], through exchange: ExchangeName
    ) async throws(QueueError) -> [RoutingOutcome] {
        try QueueRequests.check(messages.map(\.message))
        for message in messages { _ = try TopicName(message.routingKey) }
        var body = JSONText(capacity: 64 + messages.reduce(0) { $0 + $1.message.body.count + 128 })
        body.write(#"{"messages":["#)
        for (index, message) in messages.enumerated() {
            body.write(index == 0 ? #"{"routing_key":"# : #",{"routing_key":"#)
            body.write(string: message.routingKey)
            body.write(",")
            try body.write(message.message)
            body.write("}")
        }
        body.write("]}")
        let answer = try await self.connection.askQueues(
            .post, "/v1/exchanges/\(PercentEncoding.encoded(exchange.rawValue))/publish", body)
        if answer.status == 422, answer.code == "unroutable" { return messages.map { _ in .unroutable } }
        if answer.status == 409, answer.code == "queue_full", let full = answer.problem?.full {
            return messages.map { _ in full }
        }
        let outcomes = try answer.queueDocument(as: [RoutedDocument].self).compactMap(\.outcome)
        guard outcomes.count == messages.count else {
            throw QueueError(
                answer.nonsense("it answered \(outcomes.count) of \(messages.count) messages that were published"))
        }
        return outcomes
    }

    /// - Throws: ``QueueError`` with `invalidRequest` for the default exchange, through which can only be published.
    static func path(of exchange: ExchangeName) throws(QueueError) -> String {
        if exchange == .default {
            throw QueueError(
                .invalidRequest,
                "the default exchange, whose name is empty, cannot be declared, bound, or deleted")
        }
        return "/v1/exchanges/\(PercentEncoding.encoded(exchange.rawValue))"
    }
}

extension Binding {
    /// The binding as a daemon takes it.
    var json: JSONText {
        var body = JSONText()
        switch self.destination {
        case .queue(let queue):
            body.write(#"{"queue":"#)
            body.write(string: queue.rawValue)
        case .exchange(let exchange):
            body.write(#"{"exchange":"#)
            body.write(string: exchange.rawValue)
        }
        switch self.condition {
        case .always: break
        case .key(let key):
            body.write(#","key":"#)
            body.write(string: key)
        case .pattern(let pattern):
            body.write(#","pattern":"#)
            body.write(string: pattern.text)
        case .allHeaders(let headers):
            body.write(#","match":"all","headers":"#)
            body.write(headers)
        case .anyHeader(let headers):
            body.write(#","match":"any","headers":"#)
            body.write(headers)
        }
        body.write("}")
        return body
    }
}
