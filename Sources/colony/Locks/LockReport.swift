import ColonyCoordination
import ColonyCore

/// What `colony lock run`, `colony semaphore run`, and `colony elect run` say on standard error; standard output belongs to the command.
///
/// With `--json` each event is one JSON object a line.
struct LockReport: Sendable {
    let name: LeaseName
    let isJSON: Bool
    private let purpose: LockSession.Purpose
    private let clock: any MonotonicClock

    init(
        _ purpose: LockSession.Purpose = .lock, name: LeaseName, isJSON: Bool,
        clock: any MonotonicClock = HostClock()
    ) {
        self.purpose = purpose
        self.name = name
        self.isJSON = isJSON
        self.clock = clock
    }

    private struct Line: Encodable {
        var event: String
        var name: String
        var owner: String?
        var token: UInt64?
        var waited_ms: Int64?
        var detail: String?
    }

    /// Tells programs what happened. People see only what they must act on.
    func note(_ event: LockEvent) {
        guard self.isJSON else { return }
        var line = Line(event: "", name: self.name.rawValue)
        switch event {
        case .acquired(let lease, let waited):
            line.event = "acquired"
            line.owner = lease.owner.rawValue
            line.token = lease.token.rawValue
            line.waited_ms = waited.clampedMilliseconds
        case .lost(let lease, let reason):
            line.event = "lost"
            line.token = lease.token.rawValue
            line.detail = reason.description
        case .released(let lease):
            line.event = "released"
            line.token = lease.token.rawValue
        case .renewalFailed(let lease, let error):
            line.event = "renewal_failed"
            line.token = lease.token.rawValue
            line.detail = error.message
        case .refused, .renewed:
            return
        }
        if let text = try? JSONText.of(line) { StandardError.write(text) }
    }

    /// Shows who is in the way, from two seconds on, until the task is cancelled.
    func showWait(on engine: any LeaseEngine) async {
        guard StandardError.isTerminal, !self.isJSON else { return }
        let start = self.clock.now
        guard (try? await self.clock.sleep(for: .seconds(2))) != nil else { return }
        while !Task.isCancelled {
            let obstacle = await self.obstacle(on: engine)
            if Task.isCancelled { break }
            let waited = start.duration(to: self.clock.now).wholeSeconds
            StandardError.write("\r\u{1B}[Kwaiting for \(self.name), \(obstacle) (\(waited))", terminator: "")
            try? await self.clock.sleep(for: .seconds(1))
        }
        StandardError.write("\r\u{1B}[K", terminator: "")
    }

    private func obstacle(on engine: any LeaseEngine) async -> String {
        do throws(LeaseError) {
            guard let holder = try await self.holder(on: engine) else { return "free at this moment" }
            return "held by \(holder.owner) for \(holder.age.wholeSeconds)"
        } catch {
            return error.message
        }
    }

    /// Whoever is in the way; of several who hold permits, the one who has held them longest.
    private func holder(on engine: any LeaseEngine) async throws(LeaseError) -> (owner: OwnerID, age: Duration)? {
        if case .permits(_, _, let engine) = self.purpose {
            return try await engine.inspectPermits(self.name).holders.first.map { ($0.owner, $0.age) }
        }
        return try await engine.inspect(self.name).map { ($0.owner, $0.age) }
    }

    func busySentence(on engine: any LeaseEngine, wait: Duration?) async -> String {
        let limit = wait ?? .zero
        let holder =
            (try? await self.holder(on: engine)).flatMap { $0 }
            .map { ", held by \($0.owner) for \($0.age.wholeSeconds)" } ?? ""
        return limit > .zero
            ? "the \(self.purpose.noun) \(self.name) was not free within \(limit.text)\(holder). Try again later."
            : "the \(self.purpose.noun) \(self.name) is busy\(holder). Try again later."
    }

    func lossSentence(_ error: CoordinationError, end: CommandEnd?) -> String {
        let outcome =
            switch end {
            case nil: "The command was not run."
            case .exited(let code): "The command was told to end and exited with \(code)."
            case .killed(let signal): "The command was ended by signal \(signal)."
            }
        return "\(error.message). \(outcome) Another holder may have started."
    }
}

extension Duration {
    /// The duration as text, without fractions of a second.
    var wholeSeconds: String { Duration.seconds(self.components.seconds).text }
}
