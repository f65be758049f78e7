import ColonyCore
import Synchronization

/// What the parts of one consumer share: messages that wait for a handler, leases to extend, settlements to send.
///
/// It holds at most as many messages as it was made for, those that are handled and those that are not yet settled included, so that a
/// store that does not answer stops the consumer from taking more.
final class ConsumerDesk: Sendable {
    struct Held {
        let receipt: Receipt
        var leaseEnd: MonotonicInstant
        /// Its lease is over: the message may be with another consumer.
        var isLost = false
        /// Who handles it.
        var worker: ConsumerWorker?
    }

    private typealias Handler = (worker: ConsumerWorker, continuation: CheckedContinuation<Delivery?, Never>)

    private struct State {
        var buffer = FairBuffer()
        var held: [MessageID: Held] = [:]
        var settlements: [Settlement] = []
        var handlers: [Handler] = []
        var statistics = ConsumerStatistics()
        var isDraining = false
        var isPaused = false
        /// Who waits for something to do; fired and forgotten.
        var fetcher: OneShotSignal?
        var settler: OneShotSignal?
        var queueWait: Task<Void, Never>?
        /// All handlers are done and everything is settled.
        var isOver = false
        /// When the next message may be begun.
        var nextStart: MonotonicInstant?
        /// How many messages may still be begun.
        var leftToBegin: Int
        /// When the store said that it has nothing while nothing was held; `nil` while there is something.
        var idleSince: MonotonicInstant?
        /// How many settlements were answered, now and when the store was last asked for messages.
        var settled = 0
        var settledWhenAsked = 0
    }

    private let capacity: Int
    private let clock: any MonotonicClock
    private let state: Mutex<State>
    /// Fired when the consumer is to end.
    let drain = OneShotSignal()

    /// - Parameter limit: How many messages are begun at most; `nil` for any number.
    init(capacity: Int, limit: Int?, clock: any MonotonicClock) {
        self.capacity = capacity
        self.clock = clock
        self.state = Mutex(State(leftToBegin: limit ?? .max))
    }

    var statistics: ConsumerStatistics {
        self.state.withLock { state in
            var statistics = state.statistics
            statistics.waiting = state.buffer.count
            return statistics
        }
    }

    // MARK: Fetching

    /// Waits until there is room for messages.
    ///
    /// - Returns: For how many; `nil` when the consumer ends.
    func room() async -> Int? {
        while true {
            let signal = OneShotSignal()
            let answer = self.state.withLock { state -> Int?? in
                if state.isDraining { return .some(nil) }
                let room = min(self.capacity - state.held.count, state.leftToBegin - state.buffer.count)
                // Half of it at a time, so that a busy consumer asks for several.
                if !state.isPaused, room > 0, room * 2 >= self.capacity || state.buffer.count == 0 {
                    state.settledWhenAsked = state.settled
                    return .some(min(room, MessageLimits.batch))
                }
                state.fetcher = signal
                return nil
            }
            if let answer { return answer }
            try? await signal.wait()
        }
    }

    /// Takes deliveries in and gives them to handlers that wait; hands them back if the consumer ends or pauses.
    func take(_ deliveries: [Delivery]) {
        let (ready, dismissed) = self.state.withLock { state in
            var dismissed = Self.endLapsed(&state, at: self.clock.now)
            for delivery in deliveries {
                // Whoever handles an earlier delivery of the same message has lost it.
                if let worker = state.held[delivery.id]?.worker {
                    worker.dismiss()
                    dismissed.append(worker)
                }
                state.held[delivery.id] = Held(receipt: delivery.receipt, leaseEnd: delivery.leaseEnd)
                state.buffer.append(delivery)
            }
            if state.isDraining || state.isPaused { Self.handBack(&state) }
            var ready: [(Handler, Delivery)] = []
            while let handler = state.handlers.first, let delivery = self.begin(&state, by: handler.worker) {
                ready.append((handler, delivery))
                state.handlers.removeFirst()
            }
            // What stands behind a message of its key can be delivered only after the settlement, so nothing is sure before that.
            let isIdle = state.held.isEmpty && state.settled == state.settledWhenAsked
            state.idleSince = isIdle ? state.idleSince ?? self.clock.now : nil
            return (ready, dismissed)
        }
        for worker in dismissed { worker.cancel() }
        for (handler, delivery) in ready { handler.continuation.resume(returning: delivery) }
    }

    /// The next message to begin; those whose delivery is over are left to whom they were given since.
    private func begin(_ state: inout State, by worker: ConsumerWorker) -> Delivery? {
        while state.leftToBegin > 0, let delivery = state.buffer.popFirst() {
            let held = state.held[delivery.id]
            let isHeld = held?.receipt == delivery.receipt
            // A process that was stopped finds leases here that ended long ago.
            if let held, isHeld, !held.isLost, held.leaseEnd > self.clock.now {
                state.held[delivery.id]?.worker = worker
                state.statistics.running += 1
                state.leftToBegin -= 1
                state.idleSince = nil
                return delivery
            }
            state.statistics.stale += 1
            if isHeld { state.held[delivery.id] = nil }
        }
        return nil
    }

    private static func handBack(_ state: inout State) {
        for delivery in state.buffer.removeAll() {
            state.settlements.append(Settlement(delivery.receipt, .handBack))
        }
        state.settler?.fire()
        state.settler = nil
    }

    /// Remembers a wait for news of the queue, so that it ends when the consumer does.
    func waitsForQueue(_ task: Task<Void, Never>) {
        let isDraining = self.state.withLock { state in
            state.queueWait = task
            return state.isDraining
        }
        if isDraining { task.cancel() }
    }

    // MARK: Handling

    /// The next message to handle; `nil` when the consumer ends, when as many were begun as may be, or when the worker has been
    /// dismissed.
    func next(for worker: ConsumerWorker) async -> Delivery? {
        await withCheckedContinuation { continuation in
            var others: [Handler] = []
            let answer = self.state.withLock { state -> Delivery?? in
                if state.isDraining || worker.isDismissed { return .some(nil) }
                if let delivery = self.begin(&state, by: worker) {
                    state.fetcher?.fire()
                    state.fetcher = nil
                    return delivery
                }
                if state.leftToBegin == 0 {
                    swap(&others, &state.handlers)
                    return .some(nil)
                }
                // What was passed over has made room.
                state.fetcher?.fire()
                state.fetcher = nil
                state.handlers.append((worker, continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
            for other in others { other.continuation.resume(returning: nil) }
        }
    }

    /// Whether no more messages are begun.
    var isEnding: Bool { self.state.withLock { $0.isDraining || $0.leftToBegin == 0 } }

    /// When the store said that it has nothing while nothing was held; `nil` while there is something.
    var idleSince: MonotonicInstant? { self.state.withLock { $0.idleSince } }

    /// When a message may be begun at this rate.
    func start(interval: Duration, at now: MonotonicInstant) -> MonotonicInstant {
        self.state.withLock { state in
            let start = max(now, state.nextStart ?? now)
            state.nextStart = start.advanced(by: interval)
            return start
        }
    }

    /// A handler has ended.
    func finish(_ delivery: Delivery, _ kind: Settlement.Kind) {
        self.state.withLock { state in
            state.statistics.running -= 1
            if state.held[delivery.id]?.receipt == delivery.receipt { state.held[delivery.id]?.worker = nil }
            switch kind {
            case .acknowledge: state.statistics.handled += 1
            case .retry: state.statistics.failed += 1
            case .deadLetter: state.statistics.rejected += 1
            case .handBack, .extend: break
            }
            state.settlements.append(Settlement(delivery.receipt, kind))
            state.settler?.fire()
            state.settler = nil
        }
    }

    // MARK: Leases

    /// What has to be extended by now: what is held and ends before `horizon`.
    func leases(endingBefore horizon: MonotonicInstant) -> [Receipt] {
        self.state.withLock { state in
            state.held.values.filter { $0.leaseEnd < horizon && !$0.isLost }.map(\.receipt)
        }
    }

    func extended(_ receipts: [Receipt], until end: MonotonicInstant) {
        self.state.withLock { state in
            for receipt in receipts where state.held[receipt.message]?.receipt == receipt {
                state.held[receipt.message]?.leaseEnd = end
            }
        }
    }

    /// These deliveries are over: those that were not begun are not begun any more, and the tasks of the others are cancelled.
    func lost(_ receipts: [Receipt]) {
        let dismissed = self.state.withLock { state in
            receipts.compactMap { receipt -> ConsumerWorker? in
                guard state.held[receipt.message]?.receipt == receipt else { return nil }
                return Self.end(&state, receipt.message)
            }
        }
        for worker in dismissed { worker.cancel() }
    }

    /// Ends the deliveries whose leases are over by the clock, whatever the store has been able to say.
    ///
    /// - Returns: When the next lease ends, if none is extended.
    func endLapsed() -> MonotonicInstant? {
        let now = self.clock.now
        let (dismissed, next) = self.state.withLock { state in
            (Self.endLapsed(&state, at: now), state.held.values.lazy.filter { !$0.isLost }.map(\.leaseEnd).min())
        }
        for worker in dismissed { worker.cancel() }
        return next
    }

    private static func endLapsed(_ state: inout State, at now: MonotonicInstant) -> [ConsumerWorker] {
        let lapsed = state.held.filter { !$0.value.isLost && $0.value.leaseEnd <= now }
        return lapsed.keys.compactMap { Self.end(&state, $0) }
    }

    /// - Returns: Who handles the message, and is to be cancelled.
    private static func end(_ state: inout State, _ id: MessageID) -> ConsumerWorker? {
        state.held[id]?.isLost = true
        let worker = state.held[id]?.worker
        worker?.dismiss()
        return worker
    }

    // MARK: Settling

    /// Waits until there is something to settle.
    ///
    /// - Returns: Up to so many settlements; `nil` when the consumer is over.
    func settlementsToSend(_ limit: Int) async -> [Settlement]? {
        while true {
            let signal = OneShotSignal()
            let answer = self.state.withLock { state -> [Settlement]?? in
                if !state.settlements.isEmpty {
                    let first = Array(state.settlements.prefix(limit))
                    state.settlements.removeFirst(first.count)
                    return first
                }
                if state.isOver { return .some(nil) }
                state.settler = signal
                return nil
            }
            if let answer { return answer }
            try? await signal.wait()
        }
    }

    /// Settlements were answered.
    func settled(_ settlements: [Settlement], _ outcomes: [SettlementOutcome]) {
        let wait = self.state.withLock { state in
            state.settled += settlements.count
            for (settlement, outcome) in zip(settlements, outcomes) {
                if outcome == .stale { state.statistics.stale += 1 }
                if state.held[settlement.receipt.message]?.receipt == settlement.receipt {
                    state.held[settlement.receipt.message] = nil
                }
            }
            state.fetcher?.fire()
            state.fetcher = nil
            // A stale one is no news of the queue, so nothing else would end the wait for some.
            return outcomes.contains(.stale) && state.held.isEmpty ? state.queueWait : nil
        }
        wait?.cancel()
    }

    /// Settlements could not be sent; they are tried again.
    func putBack(_ settlements: [Settlement]) {
        self.state.withLock { $0.settlements = settlements + $0.settlements }
    }

    // MARK: Pausing and ending

    func pause(_ isPaused: Bool) {
        self.state.withLock { state in
            state.isPaused = isPaused
            if isPaused { Self.handBack(&state) }
            state.fetcher?.fire()
            state.fetcher = nil
        }
    }

    /// Takes no more messages, and hands back those that were not begun.
    func beginDraining() {
        let (handlers, wait) = self.state.withLock { state in
            defer { state.handlers = [] }
            state.isDraining = true
            Self.handBack(&state)
            state.fetcher?.fire()
            state.fetcher = nil
            return (state.handlers, state.queueWait)
        }
        for handler in handlers { handler.continuation.resume(returning: nil) }
        wait?.cancel()
        self.drain.fire()
    }

    /// No handler is left that could settle anything.
    func end() {
        self.state.withLock { state in
            state.isOver = true
            state.settler?.fire()
            state.settler = nil
        }
    }
}
