import ColonyCore
import ColonyResilience
import HTTPTypes
import NIOCore

/// What the routes of limits do, apart from HTTP: bodies in, answers out.
///
/// The engine decides, by its own clock. Nobody waits here: a refusal is an answer, which says after how long to ask again.
final class LimitService: Sendable {
    private let engine: (any RateLimitEngine)?
    private let limits: DaemonConfiguration.Limits
    private let metrics: LimitMetrics
    /// Which limits operators have switched.
    let switches: LimitSwitches

    init(
        engine: (any RateLimitEngine)?, limits: DaemonConfiguration.Limits, metrics: LimitMetrics,
        switches: LimitSwitches
    ) {
        self.engine = engine
        self.limits = limits
        self.metrics = metrics
        self.switches = switches
    }

    private func offered() throws(Problem) -> any RateLimitEngine {
        guard let engine else { throw Problem(.notOffered, "this server counts no limits") }
        return engine
    }

    // MARK: Take

    func take(_ name: RateLimitName, body: ByteBuffer) async throws(Problem) -> Answer {
        let asked = try TakeLimitRequest(body)
        let decisions = try await self.decide([RateLimitRequest(name, permits: asked.permits, rule: asked.rule)])
        var answer = Answer { Self.write(decisions[0], to: &$0) }
        if !decisions[0].isAllowed {
            // In whole seconds, rounded up, since asking too early is asking twice.
            let seconds = decisions[0].retryAfter.wholeSeconds
            answer.fields.append(HTTPField(name: .retryAfter, value: String(max(1, seconds))))
        }
        return answer
    }

    func takeMany(body: ByteBuffer, token: AccessToken?) async throws(Problem) -> Answer {
        let asked = try TakeLimitsRequest(body, limits: self.limits)
        if let token {
            for request in asked.requests { try token.check(request.name.rawValue) }
        }
        let decisions = try await self.decide(asked.requests)
        return Answer(capacity: 32 + decisions.count * 96) { body in
            body.writeJSON(#"{"decisions":["#)
            for (index, decision) in decisions.enumerated() {
                if index > 0 { body.writeJSON(",") }
                Self.write(decision, to: &body)
            }
            body.writeJSON("]}")
        }
    }

    private func decide(_ requests: [RateLimitRequest]) async throws(Problem) -> [RateLimitDecision] {
        let engine = try self.offered()
        guard self.switches.count > 0 else { return try await self.count(requests, engine) }
        let positions = requests.map { self.switches.position(of: $0.name) }
        let counted = zip(requests, positions).filter { $1 == .automatic }.map(\.0)
        let answers = counted.isEmpty ? [] : try await self.count(counted, engine)
        var decisions: [RateLimitDecision] = []
        decisions.reserveCapacity(requests.count)
        var next = answers.makeIterator()
        for (request, position) in zip(requests, positions) {
            if let decision = LimitSwitches.decision(at: position, of: request.rule) {
                self.metrics.wasSwitched(position)
                decisions.append(decision)
            } else if let decision = next.next() {
                decisions.append(decision)
            }
        }
        return decisions
    }

    /// Lets the engine decide.
    private func count(
        _ requests: [RateLimitRequest], _ engine: any RateLimitEngine
    ) async throws(Problem) -> [RateLimitDecision] {
        let decisions: [RateLimitDecision]
        do throws(ResilienceError) {
            decisions = try await engine.take(requests)
        } catch {
            self.metrics.took(.failed, count: requests.count)
            throw Problem(error)
        }
        guard decisions.count == requests.count else {
            throw Problem(.storeFailed, "the store gave \(decisions.count) answers to \(requests.count) requests")
        }
        var (allowed, permits) = (0, 0)
        for (request, decision) in zip(requests, decisions) where decision.isAllowed {
            allowed += 1
            permits += request.permits
        }
        self.metrics.took(.allowed, count: allowed)
        self.metrics.took(.refused, count: requests.count - allowed)
        self.metrics.permits.increment(by: Int64(permits))
        return decisions
    }

    // MARK: Looking

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let page = try PageQuery(query, limits: self.limits)
        let engine = try self.administration("list limits")
        var records: [RateLimitRecord] = []
        do {
            let after = try page.after.map { try RateLimitName($0.rawValue) }
            for visible in token?.visiblePrefixes(of: page.prefix) ?? [page.prefix] where records.count < page.limit {
                records += try await engine.limits(
                    withPrefix: visible, after: after, limit: page.limit - records.count)
            }
        } catch let error as ResilienceError {
            throw Problem(error)
        } catch let error as InvalidName {
            throw Problem(error)
        } catch {
            throw Problem(.storeFailed, "\(error)")
        }
        return Answer(capacity: 64 + records.count * 192) { body in
            body.writeJSON(#"{"limits":["#)
            for (index, record) in records.enumerated() {
                if index > 0 { body.writeJSON(",") }
                self.write(record, to: &body)
            }
            body.writeJSON("]")
            if records.count == page.limit, let last = records.last {
                body.writeJSON(#","next":"#)
                body.writeJSON(string: last.name.rawValue)
            }
            body.writeJSON("}")
        }
    }

    func inspect(_ name: RateLimitName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let engine = try self.administration("show limits")
        let record: RateLimitRecord?
        do throws(ResilienceError) {
            record = try await engine.limit(name)
        } catch {
            throw Problem(error)
        }
        guard let record else { throw self.nothingOwed(name) }
        return Answer { self.write(record, to: &$0) }
    }

    private func administration(_ action: String) throws(Problem) -> any RateLimitAdministration {
        guard let engine = try self.offered() as? any RateLimitAdministration else { throw .unsupported(action) }
        return engine
    }

    // MARK: Reset

    func reset(_ name: RateLimitName) async throws(Problem) -> Answer {
        let engine = try self.offered()
        let owed: Bool
        do throws(ResilienceError) {
            owed = try await engine.reset(name)
        } catch {
            throw Problem(error)
        }
        guard owed else { throw self.nothingOwed(name) }
        self.metrics.resets.increment(by: 1)
        return Answer { $0.writeJSON(#"{"reset":true}"#) }
    }

    private func nothingOwed(_ name: RateLimitName) -> Problem {
        let position = self.switches.position(of: name)
        let note = position == .automatic ? "" : "; its switch is \(position.rawValue)"
        return Problem(
            .notFound,
            "the limit \(NameRules.quoted(name.rawValue)) is full: nothing has been taken that is not back\(note)")
    }

    // MARK: JSON

    private static func write(_ decision: RateLimitDecision, to body: inout ByteBuffer) {
        body.writeJSON(#"{"allowed":"#)
        body.writeJSON(decision.isAllowed)
        Self.writeRest(decision, to: &body)
        body.writeJSON("}")
    }

    private static func writeRest(_ decision: RateLimitDecision, to body: inout ByteBuffer) {
        body.writeJSON(#","remaining":"#)
        body.writeJSON(decision.remaining)
        body.writeJSON(#","retry_after_ms":"#)
        body.writeJSON(decision.retryAfter.wholeMilliseconds)
        body.writeJSON(#","reset_after_ms":"#)
        body.writeJSON(decision.resetAfter.wholeMilliseconds)
    }

    /// A limit with its rule, what one permit of it would be answered, and where its switch stands.
    private func write(_ record: RateLimitRecord, to body: inout ByteBuffer) {
        let position = self.switches.position(of: record.name)
        let decision = Self.decision(of: record, at: position)
        body.writeJSON(#"{"name":"#)
        body.writeJSON(string: record.name.rawValue)
        body.writeJSON(#","rate":"#)
        body.writeJSON(record.rule.permits)
        let nanoseconds = record.rule.period.clampedNanoseconds
        if nanoseconds.isMultiple(of: 1_000_000) {
            body.writeJSON(#","per_ms":"#)
            body.writeJSON(nanoseconds / 1_000_000)
        } else {
            body.writeJSON(#","per_ns":"#)
            body.writeJSON(nanoseconds)
        }
        body.writeJSON(#","burst":"#)
        body.writeJSON(record.rule.burst)
        body.writeJSON(#","allowed":"#)
        body.writeJSON(decision.isAllowed)
        Self.writeRest(decision, to: &body)
        body.writeJSON(#","position":"#)
        body.writeJSON(string: position.rawValue)
        body.writeJSON("}")
    }

    /// What one permit of a limit would be answered. A switch counts nothing, so what is left then is without that permit.
    private static func decision(of record: RateLimitRecord, at position: SwitchPosition) -> RateLimitDecision {
        let counted = record.decision
        guard let switched = LimitSwitches.decision(at: position, of: record.rule) else { return counted }
        let standing = record.standing
        return RateLimitDecision(
            isAllowed: switched.isAllowed, remaining: standing.remaining, retryAfter: switched.retryAfter,
            resetAfter: standing.resetAfter)
    }
}
