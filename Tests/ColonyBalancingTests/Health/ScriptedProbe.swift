import ColonyBalancing
import ColonyCore
import ColonySimulation
import Synchronization

/// A probe whose answers and times a test decides, and that notes what it is asked.
final class ScriptedProbe: HealthProbe {
    /// What one call does.
    struct Answer: Sendable {
        var isSuccess = true
        var delay: Duration = .zero
        /// Whether it goes on to the end of the delay after it was cancelled.
        var isDeafToCancellation = false

        static let good = Answer()
        static let bad = Answer(isSuccess: false)
    }

    struct Call: Sendable, Hashable {
        let check: String
        let endpoint: EndpointName
        let address: String
        let at: MonotonicInstant
    }

    private struct State {
        var calls: [Call] = []
        var counts: [String: Int] = [:]
        var underWay: [String: Int] = [:]
        var total = 0
        var mostUnderWay = 0
        var mostOfOnePair = 0
        var cancelled: [MonotonicInstant] = []
    }

    private let state = Mutex(State())
    private let clock: any MonotonicClock
    private let shield: @Sendable (Duration) async -> Void
    private let script: @Sendable (_ call: Call, _ number: Int) -> Answer

    /// - Parameters:
    ///   - shield: Waits without regard to cancellation.
    ///   - script: Is given the number of the call among those of its pair, from 0.
    init(
        clock: any MonotonicClock, shield: @escaping @Sendable (Duration) async -> Void = { _ in },
        script: @escaping @Sendable (_ call: Call, _ number: Int) -> Answer
    ) {
        self.clock = clock
        self.shield = shield
        self.script = script
    }

    convenience init(
        _ simulation: Simulation, script: @escaping @Sendable (_ call: Call, _ number: Int) -> Answer
    ) {
        self.init(
            clock: simulation.clock,
            shield: { delay in _ = try? await simulation.spawn { try await simulation.clock.sleep(for: delay) }.value },
            script: script)
    }

    var calls: [Call] { self.state.withLock(\.calls) }
    var mostUnderWay: Int { self.state.withLock(\.mostUnderWay) }
    var mostOfOnePair: Int { self.state.withLock(\.mostOfOnePair) }
    var cancelled: [MonotonicInstant] { self.state.withLock(\.cancelled) }
    var underWay: Int { self.state.withLock(\.total) }

    func calls(of endpoint: EndpointName, by check: String? = nil) -> [Call] {
        self.calls.filter { $0.endpoint == endpoint && (check == nil || $0.check == check) }
    }

    func probe(
        _ endpoint: Endpoint, with check: HealthCheck, deadline: MonotonicInstant
    ) async -> HealthProbeResult {
        let call = Call(
            check: check.name, endpoint: endpoint.name, address: endpoint.address.description, at: self.clock.now)
        let pair = "\(check.name)/\(endpoint.name)"
        let number = self.state.withLock { state in
            let number = state.counts[pair, default: 0]
            state.counts[pair] = number + 1
            state.calls.append(call)
            state.underWay[pair, default: 0] += 1
            state.mostOfOnePair = max(state.mostOfOnePair, state.underWay[pair] ?? 0)
            state.total += 1
            state.mostUnderWay = max(state.mostUnderWay, state.total)
            return number
        }
        defer {
            self.state.withLock { state in
                state.underWay[pair, default: 0] -= 1
                state.total -= 1
            }
        }
        let answer = self.script(call, number)
        if answer.isDeafToCancellation {
            await self.shield(answer.delay)
        } else if answer.delay > .zero {
            do {
                try await self.clock.sleep(for: answer.delay)
            } catch {
                let now = self.clock.now
                self.state.withLock { $0.cancelled.append(now) }
                return .failure("cancelled", latency: call.at.duration(to: now))
            }
        }
        let latency = call.at.duration(to: self.clock.now)
        return answer.isSuccess ? .success("200", latency: latency) : .failure("503", latency: latency)
    }
}

/// What was told, in order.
final class ToldTransitions: Sendable {
    private let all = Mutex<[HealthTransition]>([])

    var list: [HealthTransition] { self.all.withLock { $0 } }

    func append(_ transition: HealthTransition) { self.all.withLock { $0.append(transition) } }
}
