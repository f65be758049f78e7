import ColonyCore
import ColonyQueues
import NIOCore
import Synchronization

extension QueueService {
    func deadLetters(_ name: QueueName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        let engine = try self.offered()
        return try await self.page(query, "dead_letters") { (after, limit) async throws(QueueError) in
            try await engine.deadLetters(of: name, after: after, limit: limit)
        } id: {
            $0.id
        } write: {
            QueueAnswers.write($0, to: &$1)
        }
    }

    func redrive(
        _ name: QueueName, body: ByteBuffer, token: AccessToken?, client: Client
    ) async throws(Problem) -> Answer {
        let request = try SelectionRequest(body, limits: self.limits, redrives: true)
        if let target = request.target { try token?.check(target.rawValue) }
        let engine = try self.offered()
        let selected = DeadLetterCursor(request.selection, of: name, engine)
        // Those that are named are one step, unless they are to take their time.
        let slice = min(request.selection.slice, request.rate ?? MessageLimits.batch)
        let pause = request.rate.map { Duration.seconds(1) * slice / $0 }
        return try await self.work(on: name, "moved", client, pausing: pause) { () async throws(QueueError) in
            guard let ids = try await selected.next(slice) else { return (0, true) }
            return (try await engine.redrive(ids, of: name, to: request.target), false)
        }
    }

    func drop(_ name: QueueName, body: ByteBuffer, client: Client) async throws(Problem) -> Answer {
        let request = try SelectionRequest(body, limits: self.limits, redrives: false)
        let engine = try self.offered()
        let selected = DeadLetterCursor(request.selection, of: name, engine, isParkedOnly: true)
        return try await self.work(on: name, "removed", client) { () async throws(QueueError) in
            guard let ids = try await selected.next(request.selection.slice) else { return (0, true) }
            return (try await engine.dropDeadLetters(ids, of: name), false)
        }
    }

    /// Repeats a step until it is done, for as long as a request may take, and tells how much it has done. With `more`, it is
    /// to be asked for again.
    ///
    /// - Parameters:
    ///   - pause: The time from one step to the next.
    ///   - step: How much was done, and whether nothing is left.
    func work(
        on name: QueueName, _ member: StaticString, _ client: Client, pausing pause: Duration? = nil,
        _ step: @escaping @Sendable () async throws(QueueError) -> (count: Int, isDone: Bool)
    ) async throws(Problem) -> Answer {
        let clock = self.clock
        let deadline = clock.now.advanced(by: self.limits.wait)
        let (value, end) = try await self.register.run(for: name, client: client) { () async -> WorkDone in
            var done = WorkDone()
            do throws(QueueError) {
                while !done.isDone {
                    let (count, isDone) = try await step()
                    done.total += count
                    done.isDone = isDone
                    if isDone || Task.isCancelled || clock.now >= deadline { break }
                    guard let pause else { continue }
                    guard clock.now.advanced(by: pause) < deadline, (try? await clock.sleep(for: pause)) != nil else {
                        break
                    }
                }
            } catch {
                done.error = error
            }
            return done
        }
        // What is done is told, whatever came afterwards.
        if value.total == 0, !value.isDone {
            try Self.refuse(end)
            if let error = value.error { throw Problem(error) }
        }
        return Answer { body in
            body.writeJSON("{\"")
            body.writeJSON(member)
            body.writeJSON("\":")
            body.writeJSON(value.total)
            if !value.isDone { body.writeJSON(#","more":true"#) }
            body.writeJSON("}")
        }
    }
}

/// How far some work has come.
private struct WorkDone: Sendable {
    var total = 0
    var isDone = false
    var error: QueueError?
}

extension SelectionRequest.Selection {
    /// How many are taken in one step: all that are named, and of unknown ones as many as their sizes allow.
    fileprivate var slice: Int {
        switch self {
        case .all: QueueService.slice
        case .these: MessageLimits.batch
        }
    }
}

/// Goes through the dead letters that a request means.
///
/// All of a queue are those that are parked in it, and those that were moved into it as a dead-letter queue. The latter are
/// messages like others, which are looked through from the first on for as long as there are dead letters among them, so that
/// a queue of living messages is not read to its end.
final class DeadLetterCursor: Sendable {
    private struct State {
        var given: [MessageID]?
        var after: MessageID?
        var isParked = true
    }

    private let name: QueueName
    private let engine: any QueueAdministration
    private let isParkedOnly: Bool
    private let state: Mutex<State>

    init(
        _ selection: SelectionRequest.Selection, of name: QueueName, _ engine: any QueueAdministration,
        isParkedOnly: Bool = false
    ) {
        self.name = name
        self.engine = engine
        self.isParkedOnly = isParkedOnly
        switch selection {
        case .all: self.state = Mutex(State())
        case .these(let ids): self.state = Mutex(State(given: ids))
        }
    }

    /// Some more of them; `nil` when there are no more. Called by one task.
    func next(_ limit: Int) async throws(QueueError) -> [MessageID]? {
        let given = self.state.withLock { state -> [MessageID]? in
            guard let given = state.given else { return nil }
            state.given = Array(given.dropFirst(limit))
            return Array(given.prefix(limit))
        }
        if let given { return given.isEmpty ? nil : given }
        if self.state.withLock({ $0.isParked }) {
            let letters = try await self.engine.deadLetters(
                of: self.name, after: self.state.withLock { $0.after }, limit: limit)
            if let last = letters.last {
                self.state.withLock { $0.after = last.id }
                return letters.map(\.id)
            }
            self.state.withLock { ($0.isParked, $0.after) = (false, nil) }
        }
        if self.isParkedOnly { return nil }
        let messages = try await self.engine.messages(
            of: self.name, after: self.state.withLock { $0.after }, limit: limit)
        self.state.withLock { $0.after = messages.last?.id ?? $0.after }
        let dead = messages.filter { $0.message.redriven != nil }
        return dead.isEmpty ? nil : dead.map(\.id)
    }
}
