import ColonyCore
import ColonyQueues
import NIOCore

extension QueueService {
    // MARK: Receiving

    /// Hands messages out, and waits for a first one if the request says so.
    func receive(_ name: QueueName, body: ByteBuffer, client: Client) async throws(Problem) -> Answer {
        let arrival = self.clock.now
        let request = try ReceiveRequest(body, limits: self.limits)
        let engine = try self.offered()
        let lease: Duration
        if let asked = request.lease {
            lease = asked
        } else {
            lease = try await self.record(of: name).settings.lease
        }
        var deliveries: [Delivery]
        do {
            deliveries = try await Self.take(request.max, from: name, lease: lease, engine)
        } catch {
            throw Problem(error)
        }
        if deliveries.isEmpty, request.wait > .zero {
            deliveries = try await self.receiveWaiting(request, from: name, lease: lease, engine, client)
        }
        let fitting = Self.fitting(deliveries)
        if fitting < deliveries.count {
            await Self.handBack(deliveries[fitting...], to: name, engine)
            deliveries.removeSubrange(fitting...)
        }
        // A client knows when it asked, and the leases of one that waited began later.
        let begin = deliveries.first.map { $0.leaseEnd.advanced(by: .zero - lease) } ?? self.clock.now
        let waited = max(.zero, arrival.duration(to: begin))
        var answer = Answer(capacity: 64 + deliveries.reduce(0) { $0 + $1.body.count + 256 }) { body in
            body.writeJSON(#"{"messages":["#)
            for (index, delivery) in deliveries.enumerated() {
                if index > 0 { body.writeJSON(",") }
                QueueAnswers.write(delivery, to: &body)
            }
            body.writeJSON(#"],"lease_ms":"#)
            body.writeJSON(lease.clampedMilliseconds)
            body.writeJSON(#","waited_ms":"#)
            body.writeJSON(waited.clampedMilliseconds)
            body.writeJSON("}")
        }
        if !deliveries.isEmpty {
            answer.undo = { [deliveries] in await Self.handBack(deliveries[...], to: name, engine) }
        }
        return answer
    }

    private func receiveWaiting(
        _ request: ReceiveRequest, from name: QueueName, lease: Duration, _ engine: any QueueAdministration,
        _ client: Client
    ) async throws(Problem) -> [Delivery] {
        let clock = self.clock
        let deadline = clock.now.advanced(by: request.wait)
        let (result, end) = try await self.register.run(for: name, client: client) {
            await Self.outcome { () async throws(QueueError) -> [Delivery] in
                // Changes are counted before asking once more, so that a message that comes in between is not missed.
                var seen = try await engine.waitForChange(of: name, since: 0, upTo: .zero)
                while true {
                    let deliveries = try await Self.take(request.max, from: name, lease: lease, engine)
                    let left = clock.now.duration(to: deadline)
                    if !deliveries.isEmpty || left <= .zero { return deliveries }
                    seen = try await engine.waitForChange(of: name, since: seen, upTo: left)
                }
            }
        }
        switch result {
        case .success(let deliveries):
            if deliveries.isEmpty {
                if end == .clientGone { throw .clientGone }
                return []
            }
            var isGone = end == .clientGone
            if !isGone { isGone = await client.hasGone() }
            if isGone {
                await Self.handBack(deliveries[...], to: name, engine)
                throw .clientGone
            }
            return deliveries
        case .failure(let error):
            if error.code == .cancelled { try Self.refuse(end) }
            throw Problem(error)
        }
    }

    /// Takes messages in slices, so that no more large ones come into memory than an answer has room for.
    private static func take(
        _ limit: Int, from name: QueueName, lease: Duration, _ engine: any QueueAdministration
    ) async throws(QueueError) -> [Delivery] {
        var deliveries = try await engine.receive(min(limit, Self.slice), from: name, lease: lease)
        guard limit > Self.slice, deliveries.count == Self.slice else { return deliveries }
        let bytes = max(1, deliveries.reduce(0) { $0 + $1.body.count } / Self.slice)
        let rest = min(limit - Self.slice, Self.answerBytes / bytes - Self.slice)
        if rest > 0 {
            // Those that are here are worth more than the reason why there are no others.
            deliveries += (try? await engine.receive(rest, from: name, lease: lease)) ?? []
        }
        return deliveries
    }

    /// How many of some deliveries one answer has room for, at least one.
    private static func fitting(_ deliveries: [Delivery]) -> Int {
        var bytes = 0
        for (index, delivery) in deliveries.enumerated() {
            if index > 0, bytes >= Self.answerBytes { return index }
            bytes += 256 + delivery.body.count + delivery.headers.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        }
        return deliveries.count
    }

    /// Gives messages back for a client that will not. The new task does not inherit cancellation.
    private static func handBack(
        _ deliveries: ArraySlice<Delivery>, to name: QueueName, _ engine: any QueueAdministration
    ) async {
        let settlements = deliveries.map { Settlement($0.receipt, .handBack) }
        // If this fails, the leases run out by themselves.
        await Task { _ = try? await engine.settle(settlements, in: name) }.value
    }

    // MARK: Settling

    func settle(_ name: QueueName, body: ByteBuffer) async throws(Problem) -> Answer {
        var request = try SettleRequest(body, limits: self.limits)
        let engine = try self.offered()
        if !request.restless.isEmpty {
            let backoff = try await self.record(of: name).settings.backoff
            var generator = SystemRandomNumberGenerator()
            for index in request.restless {
                let receipt = request.settlements[index].receipt
                guard case .retry(_, let reason) = request.settlements[index].kind else { continue }
                let rest = backoff.delay(after: receipt.attempt, using: &generator)
                request.settlements[index].kind = .retry(after: rest, reason: reason)
            }
        }
        let outcomes: [SettlementOutcome]
        do {
            outcomes = try await engine.settle(request.settlements, in: name)
        } catch {
            throw Problem(error)
        }
        let stale = zip(request.settlements, outcomes).filter { $0.1 == .stale }.map(\.0.receipt)
        guard stale.isEmpty || stale.count < outcomes.count else {
            throw Problem(
                .staleReceipt,
                "none of the \(stale.count) receipts is of a delivery that goes on in \(NameRules.quoted(name.rawValue)): "
                    + "settled before, or its lease has run out")
        }
        return Answer(capacity: 48 + stale.count * 64) { body in
            body.writeJSON(#"{"settled":"#)
            body.writeJSON(outcomes.count - stale.count)
            body.writeJSON(#","refused":["#)
            for (index, receipt) in stale.enumerated() {
                body.writeJSON(index == 0 ? #"{"receipt":""# : #",{"receipt":""#)
                body.writeString(receipt.description)
                body.writeJSON(#"","code":"stale"}"#)
            }
            body.writeJSON("]}")
        }
    }
}
