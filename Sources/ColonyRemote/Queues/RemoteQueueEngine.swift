public import ColonyCore
public import ColonyQueues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The queues of a daemon, reached through its HTTP interface.
///
/// ```swift
/// let orders = MessageQueue<Order>("orders", on: try .colony("http://127.0.0.1:7400"))
/// ```
///
/// The daemon decides; this engine carries questions and answers and keeps no state but open connections, so any number of
/// engines may talk to one daemon. A broken connection, a time-out, and a daemon that is starting or shutting down are
/// ``QueueError/Code/unavailable``: it is unknown whether the daemon acted. A message with a deduplication identifier can be
/// published again then.
///
/// Times go over the wire in whole milliseconds: a delay is rounded up, so that nothing is early, and a lease down.
///
/// - Important: A batch is one request, and a daemon takes 16 MiB in one unless it is configured otherwise. More is refused
///   with `tooLarge`, because in two requests it would not be one atomic step.
public final class RemoteQueueEngine: QueueEngine {
    /// The longest wait that is asked for in one request.
    static let longestWait: Duration = .seconds(60)
    /// No daemon can be made to take more in one request.
    private static let requestBytes = 64 << 20

    /// How far a message has got when the daemon has confirmed it: in the memory of a process, unless the daemon has been asked
    /// what its store does; see ``connect(to:token:configuration:clock:)``.
    public let durability: Durability

    let clock: any MonotonicClock
    let connection: DaemonConnection

    /// Makes the engine. Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - url: `http` or `https`, with one host.
    ///   - token: The bearer token, if the daemon wants one.
    ///   - configuration: Time-outs and limits.
    ///   - clock: What the ends of leases are counted on.
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public convenience init(
        url: EngineURL, token: String? = nil,
        configuration: RemoteLeaseEngine.Configuration = RemoteLeaseEngine.Configuration(),
        clock: any MonotonicClock = HostClock()
    ) throws(InvalidName) {
        self.init(
            connection: try DaemonConnection(url: url, token: token, configuration: configuration), clock: clock,
            durability: .memory)
    }

    private init(connection: DaemonConnection, clock: any MonotonicClock, durability: Durability) {
        self.connection = connection
        self.clock = clock
        self.durability = durability
    }

    /// Makes the engine and asks the daemon how durable its queues are.
    ///
    /// - Throws: ``QueueError``: `invalidRequest` for a URL that is none and for a daemon that keeps no queues, `unavailable` if it
    ///   cannot be reached.
    /// - Complexity: One round trip.
    public static func connect(
        to url: EngineURL, token: String? = nil,
        configuration: RemoteLeaseEngine.Configuration = RemoteLeaseEngine.Configuration(),
        clock: any MonotonicClock = HostClock()
    ) async throws(QueueError) -> RemoteQueueEngine {
        let connection: DaemonConnection
        do {
            connection = try DaemonConnection(url: url, token: token, configuration: configuration)
        } catch {
            throw QueueError(.invalidRequest, "\(error)")
        }
        let answer = try await connection.askQueues(.get, "/v1/queues?limit=1")
        let durability = try answer.queueDocument(as: QueuePageDocument.self).durability
        // A word that this build does not know is taken for the least.
        return RemoteQueueEngine(
            connection: connection, clock: clock,
            durability: Durability.allCases.first { "\($0)" == durability } ?? .memory)
    }

    /// Ends all connections. Later calls are `unavailable`.
    public func close() async { await self.connection.close() }

    // MARK: QueueEngine

    /// Makes a queue in the daemon's store, or finds that it is there with equal settings.
    ///
    /// - Throws: ``QueueError``, as the port says; `invalidConfiguration` also for a back-off that does not double.
    @discardableResult
    public func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        try QueueRequests.check(settings, of: queue)
        guard settings.backoff.multiplier == 2 else {
            throw QueueError(
                .invalidConfiguration,
                "the back-off of a queue of a daemon doubles, and does not grow by \(settings.backoff.multiplier)")
        }
        let answer = try await self.connection.askQueues(.put, Self.path(of: queue), settings.json)
        guard answer.status == 200 || answer.status == 201 else { throw answer.queueError }
        return answer.status == 201
    }

    public func publish(
        _ messages: [OutgoingMessage], to queue: QueueName
    ) async throws(QueueError) -> [PublishOutcome] {
        try QueueRequests.check(messages)
        var body = JSONText(capacity: 64 + messages.reduce(0) { $0 + $1.body.count + 96 })
        body.write(#"{"messages":["#)
        for (index, message) in messages.enumerated() {
            if index > 0 { body.write(",") }
            body.write("{")
            try body.write(message)
            body.write("}")
        }
        body.write("]}")
        guard body.bytes.count <= Self.requestBytes else {
            throw QueueError(
                .tooLarge,
                "a batch has at most \(Self.requestBytes) bytes on its way to a daemon, and this one has "
                    + "\(body.bytes.count)")
        }
        let answer = try await self.connection.askQueues(.post, "\(Self.path(of: queue))/messages", body)
        if answer.status == 409, answer.code == "queue_full" {
            return Array(repeating: .full, count: messages.count)
        }
        let outcomes = try answer.queueDocument(as: [PublishedDocument].self).compactMap(\.outcome)
        guard outcomes.count == messages.count else {
            throw QueueError(
                answer.nonsense("it answered \(outcomes.count) of \(messages.count) messages that were published"))
        }
        return outcomes
    }

    /// Takes messages from the daemon. Fewer than `limit` may come although there are more, if they are large.
    public func receive(
        _ limit: Int, from queue: QueueName, lease: Duration
    ) async throws(QueueError) -> [Delivery] {
        try QueueRequests.check(batch: limit)
        try QueueRequests.check(lease: lease)
        if limit == 0 { return [] }
        let milliseconds = lease.clampedMilliseconds
        var body = JSONText()
        body.write(#"{"max":"#)
        body.write(limit)
        body.write(#","lease_ms":"#)
        body.write(milliseconds)
        body.write("}")
        let leaseEnd = self.clock.now.advanced(by: .milliseconds(milliseconds))
        let answer = try await self.connection.askQueues(.post, "\(Self.path(of: queue))/receive", body)
        let messages = try answer.queueDocument(as: DeliveriesDocument.self).messages
        let deliveries = messages.compactMap { $0.delivery(leaseEnd: leaseEnd) }
        guard deliveries.count == messages.count else {
            throw QueueError(answer.nonsense("it delivered a message that cannot be"))
        }
        return deliveries
    }

    /// Says how deliveries ended. A call that names one delivery twice is carried out in several steps.
    public func settle(
        _ settlements: [Settlement], in queue: QueueName
    ) async throws(QueueError) -> [SettlementOutcome] {
        try QueueRequests.check(settlements)
        var outcomes: [SettlementOutcome] = []
        repeat {
            // The answer names what was refused by its receipt, so that a receipt stands in a request once.
            var seen: Set<Receipt> = []
            let part = settlements[outcomes.count...].prefix { seen.insert($0.receipt).inserted }
            let answer = try await self.connection.askQueues(.post, "\(Self.path(of: queue))/settle", part.json)
            if answer.status == 409, answer.code == "stale_receipt" {
                outcomes += part.map { _ in .stale }
                continue
            }
            let document = try answer.queueDocument(as: SettledDocument.self)
            let refused = Set(document.refused.map(\.receipt))
            guard document.settled + refused.count == part.count else {
                throw QueueError(
                    answer.nonsense("it settled \(document.settled) and refused \(refused.count) of \(part.count)"))
            }
            outcomes += part.map { refused.contains($0.receipt.description) ? .stale : .settled }
        } while outcomes.count < settlements.count
        return outcomes
    }

    public func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try QueueRequests.check(batch: ids.count)
        let answer = try await self.connection.askQueues(
            .post, "\(Self.path(of: queue))/cancel", Self.json(ids: ids, end: "}"))
        let outcomes = try answer.queueDocument(as: CancelledDocument.self).cancelled
        guard outcomes.count == ids.count else {
            throw QueueError(answer.nonsense("it answered for \(outcomes.count) of \(ids.count) messages"))
        }
        return outcomes
    }

    /// Waits at the daemon. A wait of more than a minute ends early.
    public func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        let wait = min(max(.zero, limit), Self.longestWait)
        let milliseconds = wait == .zero ? 0 : max(1, wait.clampedMilliseconds)
        let answer = try await self.connection.askQueues(
            .get, "\(Self.path(of: queue))/changes?since=\(max(0, seen))&wait_ms=\(milliseconds)", waiting: wait)
        return try answer.queueDocument(as: ChangesDocument.self).changes
    }
}

extension RemoteQueueEngine {
    static func path(of queue: QueueName) -> String { "/v1/queues/\(PercentEncoding.encoded(queue.rawValue))" }

    /// - Parameter end: What closes the object, with the members that come behind.
    static func json(ids: [MessageID], end: StaticString) -> JSONText {
        var body = JSONText(capacity: 32 + ids.count * 12)
        body.write(#"{"ids":"#)
        body.write(list: ids) { $0.write($1.rawValue) }
        body.write(end)
        return body
    }
}

extension DaemonConnection {
    /// Asks something of queues.
    func askQueues(
        _ method: Method, _ path: String, _ body: JSONText? = nil, waiting wait: Duration = .zero
    ) async throws(QueueError) -> Answer {
        do {
            return try await self.send(method, path, body: body.map { Data($0.bytes) }, waiting: wait)
        } catch {
            throw QueueError(error)
        }
    }
}

extension QueueEngine where Self == RemoteQueueEngine {
    /// The queues of a daemon, such as `.colony("http://127.0.0.1:7400")`.
    ///
    /// - Throws: `InvalidName`, which quotes the URL without its password.
    public static func colony(_ url: String, token: String? = nil) throws(InvalidName) -> RemoteQueueEngine {
        try RemoteQueueEngine(url: EngineURL(url), token: token)
    }
}
