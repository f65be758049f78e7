import ColonyCore
import ColonyResilience
import Synchronization

/// What the transactions of a coordinator share.
final class RunServices: Sendable {
    let journal: any TransactionAdministration
    let clock: any MonotonicClock
    let wall: any WallClock
    let hub = ListenerHub<TransactionEvent>()
    let statistics = Mutex(CoordinatorStatistics())
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    init(
        journal: any TransactionAdministration, clock: any MonotonicClock, wall: any WallClock,
        generator: any RandomNumberGenerator & Sendable
    ) {
        self.journal = journal
        self.clock = clock
        self.wall = wall
        self.generator = Mutex(generator)
    }

    func rest(after failures: Int, by policy: StepPolicy, previous: Duration) -> Duration {
        self.generator.withLock { policy.delays.delay(after: failures, previous: previous, using: &$0) }
    }

    func pause(after failures: Int) -> Duration {
        self.generator.withLock {
            Backoff(initial: .milliseconds(20), maximum: .seconds(2)).delay(after: failures, using: &$0)
        }
    }
}
