import ColonyCoordination
import ColonyCore
import ColonyResilience
import ServiceLifecycle
import Synchronization

/// Which limits operators have switched, as the store's records say.
///
/// It follows them by a watch, so that a request for permits asks nobody. While the store is away, the positions that were known last
/// stay.
final class LimitSwitches: Service {
    private let desk: SwitchOperator?
    private let clock: any MonotonicClock
    private let onChange: @Sendable () -> Void
    private let positions = Mutex<[RateLimitName: SwitchPosition]>([:])
    /// How many positions there are, so that a daemon without any takes no lock.
    private let known = Atomic(0)

    /// How long it rests after a watch that ended, such as one whose store could not be read.
    private static let pause: Duration = .seconds(5)
    /// After how long a client that is refused may ask again: a switch says nothing of when it is moved.
    private static let retryAfter: Duration = .seconds(1)

    /// - Parameter onChange: Called when a switch was moved, also that of a breaker.
    init(desk: SwitchOperator?, clock: any MonotonicClock, onChange: @escaping @Sendable () -> Void) {
        self.desk = desk
        self.clock = clock
        self.onChange = onChange
    }

    /// How many limits are not automatic.
    var count: Int { self.known.load(ordering: .relaxed) }

    /// Where the switch of a limit stands.
    func position(of name: RateLimitName) -> SwitchPosition {
        if self.count == 0 { return .automatic }
        return self.positions.withLock { $0[name] ?? .automatic }
    }

    /// What a switch answers in the place of a limit; `nil` where the limit decides.
    static func decision(at position: SwitchPosition, of rule: RateLimitRule) -> RateLimitDecision? {
        switch position {
        case .automatic: nil
        case .refusing:
            RateLimitDecision(
                isAllowed: false, remaining: 0, retryAfter: Self.retryAfter, resetAfter: Self.retryAfter)
        case .passing:
            RateLimitDecision(isAllowed: true, remaining: rule.burst, retryAfter: .zero, resetAfter: .zero)
        }
    }

    // MARK: Following

    /// Follows the positions until the daemon stops.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            if let desk = self.desk { await self.follow(desk) }
            // A service that ends would end the daemon.
            while (try? await self.clock.sleep(for: .seconds(3_600))) != nil {}
        }
    }

    private func follow(_ desk: SwitchOperator) async {
        let room = WaitingRoom(clock: self.clock)
        while !Task.isCancelled {
            let end = await desk.follow(room: room) { self.take($0) }
            // The store has no records at all.
            if end.code == .guaranteeNotMet { return }
            guard (try? await self.clock.sleep(for: Self.pause)) != nil else { return }
        }
    }

    private func take(_ switches: [SwitchID: SwitchPosition]) {
        var positions: [RateLimitName: SwitchPosition] = [:]
        for (id, position) in switches where id.kind == .limit {
            if let name = try? RateLimitName(id.name) { positions[name] = position }
        }
        self.positions.withLock {
            $0 = positions
            self.known.store(positions.count, ordering: .relaxed)
        }
        self.onChange()
    }
}
