import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Synchronization

/// A server in simulated time, and what is wrong with it.
final class SimulatedServer: Sendable {
    /// What becomes of a request.
    enum Mood: Hashable, Sendable {
        case well
        /// Refuses connections: nothing is done.
        case down
        /// Takes requests and never answers; what it was asked is done or not, as chance has it.
        case hanging
        /// Does what it is asked, and loses some answers on their way.
        case losingAnswers
    }

    private struct State {
        var tier: MemoryCacheTier
        var mood = Mood.well
        var cutOff: Set<NodeID> = []
        var generator: SeededGenerator
        var ways = Duration.zero ... .milliseconds(4)
        var waysBack = Duration.zero ... .milliseconds(4)
        var questions = 0
        var raises: [Int] = []
    }

    let name: NodeID
    private let clock: ManualClock
    private let state: Mutex<State>

    init(_ name: NodeID, _ simulation: Simulation) {
        self.name = name
        self.clock = simulation.clock
        self.state = Mutex(
            State(
                tier: MemoryCacheTier(clock: simulation.clock),
                generator: simulation.generator(for: "server \(name)")))
    }

    /// What it holds, past all that is wrong with it.
    var tier: MemoryCacheTier { self.state.withLock(\.tier) }

    /// What was written to it, past all that is wrong with it.
    func keys() async throws(CacheError) -> [CacheKey] {
        try await self.tier.keys(from: nil, limit: 1_000).keys.filter { $0 != QuorumStore.markKey }
    }

    func set(_ mood: Mood) { self.state.withLock { $0.mood = mood } }
    func cutOff(_ client: NodeID) { self.state.withLock { _ = $0.cutOff.insert(client) } }
    func heal() {
        self.state.withLock { state in
            state.mood = .well
            state.cutOff = []
        }
    }
    func answerWithin(_ slowest: Duration) {
        self.state.withLock { state in
            state.ways = .zero...slowest
            state.waysBack = .zero...slowest
        }
    }

    /// Lets every way take exactly so long, and that of an answer as long as that of a request, unless said otherwise.
    func answerIn(_ time: Duration, andBack back: Duration? = nil) {
        self.state.withLock { state in
            state.ways = time...time
            state.waysBack = (back ?? time)...(back ?? time)
        }
    }

    /// How often it was asked for ranks.
    var questions: Int { self.state.withLock(\.questions) }
    func countQuestion() { self.state.withLock { $0.questions += 1 } }

    /// How many entries came in each call that raises some.
    var raises: [Int] { self.state.withLock(\.raises) }
    func countRaise(of entries: Int) { self.state.withLock { $0.raises.append(entries) } }

    /// Comes back with nothing.
    func loseEverything() { self.state.withLock { $0.tier = MemoryCacheTier(clock: self.clock) } }

    /// A connection of a client.
    func connection(of client: NodeID) -> SimulatedConnection { SimulatedConnection(self, client) }

    func carryOut<Answer: Sendable>(
        for client: NodeID, _ request: (MemoryCacheTier) async throws(CacheError) -> Answer
    ) async throws(CacheError) -> Answer {
        let unavailable = CacheError(.unavailable, "\(self.name) does not answer")
        let (way, back) = self.state.withLock { state in
            func time(_ range: ClosedRange<Duration>) -> Int64 {
                .random(
                    in: range.lowerBound.clampedNanoseconds...range.upperBound.clampedNanoseconds,
                    using: &state.generator)
            }
            return (time(state.ways), time(state.waysBack))
        }
        try await self.pause(.nanoseconds(way))
        let (mood, isCutOff, tier, isLucky) = self.state.withLock { state in
            (state.mood, state.cutOff.contains(client), state.tier, state.generator.happens(withProbability: 0.5))
        }
        if mood == .down { throw unavailable }
        if isCutOff {
            try await self.pause(.seconds(3_600))
            throw unavailable
        }
        if mood == .hanging, !isLucky {
            try await self.pause(.seconds(3_600))
            throw unavailable
        }
        let answer = try await request(tier)
        try await self.pause(.nanoseconds(back))
        if mood == .hanging { try await self.pause(.seconds(3_600)) }
        if mood == .losingAnswers, !isLucky { throw unavailable }
        return answer
    }

    private func pause(_ duration: Duration) async throws(CacheError) {
        do {
            try await self.clock.sleep(for: duration)
        } catch {
            throw CacheError(.cancelled, "the call was given up")
        }
    }
}
