import ColonyCoordination
import ColonyCore
import Synchronization

/// Candidates of one election in this process, each with an engine of its own, and who led when.
final class PitfallContest: Sendable {
    /// A leadership as its leader saw it: its work had not been cancelled at either end.
    struct Tenure: Hashable, Sendable {
        let term: FencingToken
        let from: MonotonicInstant
        let to: MonotonicInstant
    }

    private struct State {
        var tenures: [Tenure] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let clock = HostClock()
    private let lease: Duration
    private let stay: Duration

    /// - Parameter stay: How long a leader leads before it lets others have a turn.
    init(lease: Duration, stay: Duration) {
        self.lease = lease
        self.stay = stay
    }

    var tenures: [Tenure] { self.state.withLock(\.tenures) }

    func stop() { self.state.withLock { $0.isOver = true } }

    /// Campaigns and leads in turn until the contest is over.
    func takePart(on engine: any LeaseEngine) async {
        await self.campaign(engine)
    }

    private func campaign(_ engine: some LeaseEngine) async {
        let election = Election("leader", on: engine, configuration: LockConfiguration(duration: self.lease))
        while !self.state.withLock({ $0.isOver }) {
            guard let leadership = try? await election.campaign(upTo: .seconds(5)) else { continue }
            let start = self.clock.now
            let latest = Mutex<MonotonicInstant?>(nil)
            // The work of a leader, which only looks whether it was cancelled: that has to come before another leads.
            _ = try? await leadership.whileLeader { [clock = self.clock, stay = self.stay] _ in
                while true {
                    // Read before the look, so that it was at work at this time if it is at the look.
                    let now = clock.now
                    if Task.isCancelled { return }
                    latest.withLock { $0 = now }
                    if start.duration(to: now) >= stay { return }
                    try? await clock.sleep(for: .milliseconds(5))
                }
            }
            if let last = latest.withLock({ $0 }) {
                let tenure = Tenure(term: leadership.term, from: start, to: last)
                self.state.withLock { $0.tenures.append(tenure) }
            }
            _ = try? await leadership.resign()
        }
    }

    /// What is wrong: two leaders of a term, or at a time, or terms that do not rise.
    var breaches: [String] {
        let tenures = self.tenures.sorted { $0.from < $1.from }
        return zip(tenures, tenures.dropFirst()).compactMap { earlier, later in
            if later.term <= earlier.term { return "term \(later.term) after \(earlier.term)" }
            if later.from < earlier.to { return "term \(later.term) began while \(earlier.term) was led" }
            return nil
        }
    }
}
