import ColonyCore
import Synchronization

/// Those who wait for their turn, in the order in which they came.
///
/// Only the first sleeps on the clock; the others sleep until they are the first. So a turn that is given back moves those behind it
/// without waking them.
final class TurnQueue: Sendable {
    /// One who waits. What changes is guarded by the queue.
    private struct Waiter {
        let number: UInt64
        var turn: MeterTurn
        /// The latest moment at which the turn is still wanted.
        let latest: Int64
        /// Wakes the waiter to look at its turn again.
        var signal: OneShotSignal
    }

    private struct State {
        var waiters: [Waiter] = []
        var lastNumber: UInt64 = 0
        /// Those whose turn has come after a change of the rule too late, with the moment at which it would come.
        var dismissed: [UInt64: Int64] = [:]
        /// Those whose turn has come before they saw it.
        var called: Set<UInt64> = []
    }

    /// How a wait ended.
    enum Outcome {
        case turn
        case cancelled(any Error)
        /// The rule was changed, and the turn would come at this moment.
        case dismissed(Int64)
    }

    private let meter: any Meter
    private let clock: any MonotonicClock
    private let capacity: Int
    private let state = Mutex(State())

    init(_ meter: any Meter, capacity: Int, clock: any MonotonicClock) {
        self.meter = meter
        self.capacity = capacity
        self.clock = clock
    }

    /// How many wait.
    var count: Int { self.state.withLock { $0.waiters.count } }

    // MARK: Turns

    /// Reserves a turn within `limit`, if there is a place to wait for it.
    ///
    /// - Returns: The answer of the meter, and the number of the waiter if the turn has not come.
    func reserve(_ permits: Int64, at now: Int64, within limit: Int64) -> (answer: MeterAnswer, number: UInt64?) {
        self.state.withLock { state in
            let hasPlace = state.waiters.count < self.capacity
            let answer = self.meter.take(permits, at: now, within: hasPlace ? limit : 0)
            guard answer.isGranted, answer.slot > now else { return (answer, nil) }
            state.lastNumber += 1
            state.waiters.append(
                Waiter(
                    number: state.lastNumber, turn: MeterTurn(permits: permits, slot: answer.slot),
                    latest: now + limit, signal: OneShotSignal()))
            return (answer, state.lastNumber)
        }
    }

    /// Gives back a turn that has not come, and moves those behind it.
    ///
    /// - Returns: Whether it was given back. What has its turn now may not be given back: somebody may have been refused because of it.
    func giveBack(_ number: UInt64, at now: Int64) -> Bool {
        let (isGivenBack, signals) = self.state.withLock { state -> (Bool, [OneShotSignal]) in
            guard let index = state.waiters.firstIndex(where: { $0.number == number }) else {
                return (state.dismissed.removeValue(forKey: number) != nil, [])
            }
            guard state.waiters[index].turn.slot > now else {
                return (false, self.call(upTo: now, in: &state))
            }
            let moved = self.meter.withdraw(
                state.waiters[index].turn, after: index > 0 ? state.waiters[index - 1].turn : nil,
                before: state.waiters[(index + 1)...].map(\.turn), at: now)
            state.waiters.remove(at: index)
            for (offset, turn) in moved.enumerated() { state.waiters[index + offset].turn = turn }
            return (true, index == 0 ? self.call(upTo: now, in: &state) : [])
        }
        for signal in signals { signal.fire() }
        return isGivenBack
    }

    /// Applies another rule, and moves all who wait. Who would have to wait for too long is dismissed.
    ///
    /// - Returns: Nothing; or, if the last turn would be too far away to be counted in nanoseconds, for how many permits all wait who
    ///   do. Then nothing has changed.
    func change(to rule: RateLimitRule, at now: Int64) -> Int64? {
        let (excess, signals) = self.state.withLock { state -> (Int64?, [OneShotSignal]) in
            let permits = state.waiters.reduce(0) { $0 + $1.turn.permits }
            // A window takes up to eight times as long as a bucket, if each request is for a little more than fits in with another.
            let (cost, isTooMuch) = permits.multipliedReportingOverflow(by: rule.interval)
            if isTooMuch || cost > .max / 8 { return (permits, []) }
            var moved = self.meter.change(to: rule, with: state.waiters.map(\.turn), at: now)
            var signals: [OneShotSignal] = []
            for index in state.waiters.indices { state.waiters[index].turn = moved[index] }
            // From the end, so that a dismissal moves only those that are known to stay.
            for index in state.waiters.indices.reversed() {
                let waiter = state.waiters[index]
                guard waiter.turn.slot > max(now, waiter.latest) else { continue }
                moved = self.meter.withdraw(
                    waiter.turn, after: index > 0 ? state.waiters[index - 1].turn : nil,
                    before: state.waiters[(index + 1)...].map(\.turn), at: now)
                state.waiters.remove(at: index)
                for (offset, turn) in moved.enumerated() { state.waiters[index + offset].turn = turn }
                state.dismissed[waiter.number] = waiter.turn.slot
                signals.append(waiter.signal)
            }
            return (nil, signals + self.call(upTo: now, in: &state))
        }
        for signal in signals { signal.fire() }
        return excess
    }

    /// Takes out those whose turn has come, and tells the first of the others to look at its turn.
    private func call(upTo now: Int64, in state: inout State) -> [OneShotSignal] {
        let due = state.waiters.prefix { $0.turn.slot <= now }
        for waiter in due { state.called.insert(waiter.number) }
        var signals = due.map(\.signal)
        state.waiters.removeFirst(due.count)
        if let first = state.waiters.first { signals.append(first.signal) }
        return signals
    }

    /// The turns of those who wait, in their order.
    var turns: [(number: UInt64, turn: MeterTurn)] { self.state.withLock { $0.waiters.map { ($0.number, $0.turn) } } }

    /// Calls those whose turn has come, as the first of them does when it wakes up.
    func callDue(at now: Int64) {
        let signals = self.state.withLock { self.call(upTo: now, in: &$0) }
        for signal in signals { signal.fire() }
    }

    // MARK: Waiting

    private enum Look {
        case ended(Outcome)
        case sleep(OneShotSignal, until: Int64?)
    }

    /// Waits for a turn that was reserved.
    func wait(for number: UInt64) async -> Outcome {
        while true {
            let now = self.clock.now.nanoseconds
            let (look, signals) = self.look(at: number, now)
            for signal in signals { signal.fire() }
            switch look {
            case .ended(let outcome):
                return outcome
            case .sleep(let signal, let slot):
                do {
                    if let slot {
                        _ = try await signal.wait(until: MonotonicInstant(nanoseconds: slot), on: self.clock)
                    } else {
                        try await signal.wait()
                    }
                } catch {
                    if self.giveBack(number, at: self.clock.now.nanoseconds) { return .cancelled(error) }
                    _ = self.state.withLock { $0.called.remove(number) }
                    return .turn
                }
            }
        }
    }

    private func look(at number: UInt64, _ now: Int64) -> (Look, [OneShotSignal]) {
        self.state.withLock { state in
            if state.called.remove(number) != nil { return (.ended(.turn), []) }
            if let slot = state.dismissed.removeValue(forKey: number) { return (.ended(.dismissed(slot)), []) }
            guard let index = state.waiters.firstIndex(where: { $0.number == number }) else {
                preconditionFailure("a waiter is in the queue, was called, or was dismissed")
            }
            if index == 0, state.waiters[0].turn.slot <= now {
                let signals = self.call(upTo: now, in: &state)
                state.called.remove(number)
                return (.ended(.turn), signals)
            }
            let signal = OneShotSignal()
            state.waiters[index].signal = signal
            return (.sleep(signal, until: index == 0 ? state.waiters[0].turn.slot : nil), [])
        }
    }
}
