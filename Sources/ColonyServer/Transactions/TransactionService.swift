import ColonyCore
import ColonyResilience
import ColonyTransactions
import Logging
import NIOCore

/// What the routes of transactions do, apart from HTTP: bodies in, answers out.
///
/// The journal decides what is, and the coordinator brings it to its end. This service puts sagas and TCCs that are told in JSON into the
/// form in which the journal keeps them, shows what is there, whoever began it, and writes down what a person decides.
final class TransactionService: Sendable {
    /// The journal of the store; `nil` if it has none.
    private let coordinator: TransactionCoordinator?
    let rules: AddressRules
    let register: WaitRegister<TransactionID>
    let limits: DaemonConfiguration.Limits
    let hub: EventHub
    let metrics: TransactionMetrics
    let gauges: TransactionGauges
    let clock: any MonotonicClock
    let wallClock: any WallClock
    let logger: Logger

    init(
        coordinator: TransactionCoordinator?, rules: AddressRules, limits: DaemonConfiguration.Limits, hub: EventHub,
        metrics: TransactionMetrics, clock: any MonotonicClock, wallClock: any WallClock, logger: Logger
    ) {
        self.coordinator = coordinator
        self.rules = rules
        self.register = WaitRegister(limit: limits.waiters, limitPerName: limits.waitersPerName)
        self.limits = limits
        self.hub = hub
        self.metrics = metrics
        self.gauges = TransactionGauges(clock: clock)
        self.clock = clock
        self.wallClock = wallClock
        self.logger = logger
    }

    /// The coordinator, if the store keeps transactions.
    func offered() throws(Problem) -> TransactionCoordinator {
        guard let coordinator else { throw .unsupported("keep transactions") }
        return coordinator
    }

    /// The same for who does without.
    var running: TransactionCoordinator? { self.coordinator }

    // MARK: Beginning

    func startSaga(body: ByteBuffer, token: AccessToken?, client: Client) async throws(Problem) -> Answer {
        let request = try SagaRequest(body, limits: self.limits, rules: self.rules)
        return try await self.start(request.start, HTTPSaga.key, request.saga, token, client)
    }

    func startTransfer(body: ByteBuffer, token: AccessToken?, client: Client) async throws(Problem) -> Answer {
        let request = try TransferRequest(body, limits: self.limits, rules: self.rules)
        return try await self.start(request.start, HTTPTransfer.key, request.transfer, token, client)
    }

    private func start(
        _ start: StartRequest, _ key: DefinitionKey, _ body: some Codable & Hashable & Sendable, _ token: AccessToken?,
        _ client: Client
    ) async throws(Problem) -> Answer {
        try token?.check(start.name.rawValue)
        let coordinator = try self.offered()
        let id = start.id ?? .unique()
        let input: [UInt8]
        do {
            input = try HTTPDocument(body, payload: start.payload).encoded()
        } catch {
            throw Problem(.invalidRequest, "the transaction cannot be written down: \(error)")
        }
        do throws(TransactionError) {
            try await coordinator.begin(id, of: key, label: start.name, input: input)
        } catch {
            throw Problem(error)
        }
        let state = try await self.stateAfterWaiting(for: id, upTo: start.wait, client)
        let isOver = start.wait != nil && state.isFinal
        return Answer(status: isOver ? 200 : 202, capacity: 128) { body in
            body.writeJSON(#"{"id":"#)
            body.writeJSON(string: id.rawValue)
            body.writeJSON(#","state":""#)
            body.writeString(state.rawValue)
            body.writeJSON("\"}")
        }
    }

    /// Where a transaction stands that was begun just now.
    ///
    /// It is begun, whatever comes of waiting: an error would have its client begin another one.
    private func stateAfterWaiting(
        for id: TransactionID, upTo limit: Duration?, _ client: Client
    ) async throws(Problem) -> TransactionState {
        do throws(Problem) {
            return try await self.waitForEnd(of: id, upTo: limit, client).summary.state
        } catch {
            if error.code == .clientGone { throw error }
            return (try? await self.record(of: id))?.summary.state ?? .running
        }
    }

    /// Waits until a transaction has ended or needs a person.
    private func waitForEnd(
        of id: TransactionID, upTo limit: Duration?, _ client: Client
    ) async throws(Problem) -> TransactionRecord {
        try await self.wait(for: id, upTo: limit ?? .zero, client) { record in
            record.summary.state.isFinal || record.summary.state == .stuck
        }
    }

    /// Waits until a transaction is as it is wanted, and gives it as it is then, or when the time is over.
    func wait(
        for id: TransactionID, upTo limit: Duration, _ client: Client,
        until isDone: @escaping @Sendable (TransactionRecord) -> Bool
    ) async throws(Problem) -> TransactionRecord {
        let first = try await self.record(of: id)
        if limit <= .zero || isDone(first) { return first }
        let journal = try self.offered().journal
        let clock = self.clock
        let deadline = clock.now.advanced(by: limit)
        let (outcome, end) = try await self.register.run(for: id, client: client) {
            () async -> Result<TransactionRecord?, TransactionError> in
            do throws(TransactionError) {
                var latest = first
                while !isDone(latest) {
                    let rest = clock.now.duration(to: deadline)
                    if rest <= .zero { break }
                    try await journal.waitForChange(of: id, since: latest.entries.count, upTo: rest)
                    guard let record = try await journal.read(id) else { return .success(nil) }
                    latest = record
                }
                return .success(latest)
            } catch {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let record?): return record
        case .success(nil): throw .unknown(id)
        case .failure(let error):
            if error.code == .cancelled {
                switch end {
                case .clientGone: throw .clientGone
                // It was begun, and goes on: whoever waits for it learns that much.
                case .draining: return first
                case nil: break
                }
            }
            throw Problem(error)
        }
    }

    /// A transaction as it stands.
    func record(of id: TransactionID) async throws(Problem) -> TransactionRecord {
        let journal = try self.offered().journal
        let record: TransactionRecord?
        do {
            record = try await journal.read(id)
        } catch {
            throw Problem(error)
        }
        guard let record else { throw .unknown(id) }
        return record
    }
}
