import ColonyResilience
import ColonySimulation

/// A server with so many workers, each of which takes a while for a call; more calls wait in its queue, and it refuses those beyond it.
///
/// A discrete simulation of calls: `clients` send one call after the other, each as soon as the limit lets it.
struct SimulatedServer {
    private struct Call {
        let end: Int64
        let start: Int64
        let isDropped: Bool
    }

    var workers: Int
    var service: ClosedRange<Int64> = 8_000_000...12_000_000
    var queue = Int.max
    let clients = 400

    private var random: SeededGenerator
    private(set) var now: Int64 = 1_000_000_000
    /// Calls under way, the next to end last.
    private var calls: [Call] = []
    /// When those the server has accepted end, the next last.
    private var accepted: [Int64] = []

    init(workers: Int, seed: Seed) {
        self.workers = workers
        self.random = SeededGenerator(seed: seed)
    }

    /// Runs for so long, and tells the mean limit of the last quarter of it.
    mutating func run(_ state: inout AdaptiveConcurrencyState, for nanoseconds: Int64) -> Double {
        let end = self.now + nanoseconds
        var sum = 0
        var count = 0
        while self.now < end {
            while self.calls.count < min(state.limit, self.clients) { self.send() }
            let inFlight = self.calls.count
            guard let call = self.calls.popLast() else { break }
            self.now = max(self.now, call.end)
            _ = state.record(self.now - call.start, inFlight: inFlight, isDropped: call.isDropped, at: self.now)
            guard self.now > end - nanoseconds / 4 else { continue }
            sum += state.limit
            count += 1
        }
        return Double(sum) / Double(max(1, count))
    }

    private mutating func send() {
        while let first = self.accepted.last, first <= self.now { self.accepted.removeLast() }
        guard self.accepted.count < self.workers || self.accepted.count - self.workers < self.queue else {
            self.begin(Call(end: self.now + 1_000_000, start: self.now, isDropped: true))
            return
        }
        // It starts when all but `workers - 1` of those before it have ended.
        let start = self.accepted.count < self.workers ? self.now : self.accepted[self.workers - 1]
        let end = start + Int64.random(in: self.service, using: &self.random)
        self.accepted.insert(end, at: self.accepted.firstIndex { $0 <= end } ?? self.accepted.count)
        self.begin(Call(end: end, start: self.now, isDropped: false))
    }

    private mutating func begin(_ call: Call) {
        self.calls.insert(call, at: self.calls.firstIndex { $0.end <= call.end } ?? self.calls.count)
    }
}
