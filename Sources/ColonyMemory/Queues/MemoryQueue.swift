package import ColonyCore
package import ColonyQueues
import DequeModule
import HeapModule

/// One queue in memory, as a value: the contract of ``QueueEngine`` in its plainest form.
///
/// Each message has one standing. Deliverable ones stand in a heap per priority, by number. Everything that a clock decides stands in
/// one heap of deadlines, so that due delays, rests, and leases are found without looking at the others. The messages of one key
/// stand in a line, and only its head may leave it; a delayed message joins the line when its time has come, so that it hides nobody.
package struct MemoryQueue {
    typealias Timers = DeadlineHeap<MessageID>

    /// Where a message stands.
    enum Standing {
        /// Its time has not come; it is in no line.
        case delayed(Timers.Entry)
        /// The same, by the civil clock.
        case scheduled
        /// Behind another of its key.
        case waiting
        /// With its turn; see ``ReadyMessages``.
        case ready(turn: Int64)
        case leased(nonce: UInt64, Timers.Entry)
        /// It has failed, and keeps its place in its line.
        case resting(Timers.Entry)
    }

    struct Entry {
        let message: OutgoingMessage
        let publishedAt: WallTime
        var attempts = 0
        var failures: [FailedAttempt] = []
        /// When it is too old, if the queue has a retention.
        var age: Timers.Entry?
        var standing: Standing
    }

    /// A civil time and who waits for it.
    private struct Appointment: Comparable {
        let time: WallTime
        let id: MessageID
        static func < (first: Self, second: Self) -> Bool { (first.time, first.id) < (second.time, second.id) }
    }

    let name: QueueName
    let settings: QueueSettings
    private(set) var entries: [MessageID: Entry] = [:]
    /// By priority.
    private var ready: [ReadyMessages]
    /// By the bytes of the key: `String` calls two spellings of `é` equal, and stores do not.
    private var lines: [[UInt8]: Deque<MessageID>] = [:]
    private var timers = Timers()
    private var appointments = Heap<Appointment>()
    /// When messages are too old. A message leaves with its place here, because it may come back as a redriven one.
    private var ages = Timers()
    private var known: [[UInt8]: MessageID] = [:]
    private var forgettings: Deque<(deduplicationID: [UInt8], end: MonotonicInstant)> = []
    private(set) var dead: [MessageID: DeadLetter] = [:]
    /// Dead letters on their way to another queue; whoever calls takes them within the same step.
    private(set) var leaving: [DeadLetter] = []
    private var bytes = 0
    private var totals = QueueTotals()
    private(set) var isPaused = false

    package init(_ name: QueueName, _ settings: QueueSettings) {
        self.name = name
        self.settings = settings
        self.ready = Array(repeating: ReadyMessages(), count: MessageLimits.priorities.count)
    }

    package struct Times {
        package let monotonic: MonotonicInstant
        package let wall: WallTime

        package init(monotonic: MonotonicInstant, wall: WallTime) {
            self.monotonic = monotonic
            self.wall = wall
        }
    }

    // MARK: Time

    /// Does what has become due.
    @discardableResult
    package mutating func advance(to now: Times) -> Bool {
        var isNews = false
        var due: [Timers.Entry] = []
        while let timer = self.timers.popDue(at: now.monotonic) { due.append(timer) }
        // Messages that were published together with one delay are due together, and keep their order.
        due.sort { ($0.deadline, $0.value) < ($1.deadline, $1.value) }
        for timer in due {
            guard let entry = self.entries[timer.value] else { continue }
            isNews = true
            switch entry.standing {
            case .delayed:
                self.totals.undelayed += 1
                self.totals.lateness += timer.deadline.duration(to: now.monotonic)
                self.join(timer.value)
            case .resting: self.makeReady(timer.value)
            case .leased:
                self.totals.leasesLost += 1
                let reason = "its lease ran out at delivery \(entry.attempts)"
                self.noteFailure(of: timer.value, reason, now)
                if entry.attempts >= self.settings.deliveryLimit {
                    self.bury(timer.value, reason, now)
                } else {
                    self.makeReady(timer.value)
                }
            case .scheduled, .waiting, .ready: preconditionFailure("\(timer.value) has a timer and waits for none")
            }
        }
        while let first = self.appointments.min, first.time <= now.wall {
            self.appointments.removeMin()
            guard let entry = self.entries[first.id], case .scheduled = entry.standing else { continue }
            isNews = true
            self.totals.undelayed += 1
            self.totals.lateness += .milliseconds(now.wall.millisecondsSince1970 - first.time.millisecondsSince1970)
            self.join(first.id)
        }
        var old: [Timers.Entry] = []
        while let age = self.ages.popDue(at: now.monotonic) { old.append(age) }
        old.sort { ($0.deadline, $0.value) < ($1.deadline, $1.value) }
        for age in old {
            guard let entry = self.entries[age.value] else { continue }
            // What is with a consumer is for the consumer to end; the end of its lease finds it too old.
            if case .leased = entry.standing {
                let end = now.monotonic.advanced(by: self.settings.lease)
                self.entries[age.value]?.age = self.ages.insert(age.value, at: end)
            } else {
                isNews = true
                self.entries[age.value]?.age = nil
                self.bury(age.value, "it was kept for \(self.settings.retention ?? .zero)", now)
            }
        }
        while let first = self.forgettings.first, first.end <= now.monotonic {
            self.forgettings.removeFirst()
            self.known[first.deduplicationID] = nil
        }
        return isNews
    }

    /// When something becomes due by itself.
    package func nextDue(from now: Times) -> MonotonicInstant? {
        let appointment = self.appointments.min.map { first in
            // The civil clock may step, so it is looked at every second.
            let milliseconds = max(0, first.time.millisecondsSince1970 - now.wall.millisecondsSince1970)
            return now.monotonic.advanced(by: .milliseconds(min(milliseconds, 1_000)))
        }
        return [appointment, self.timers.earliest, self.ages.earliest].compactMap { $0 }.min()
    }

    // MARK: Publishing

    /// Takes messages in, up to the first for which there is no room.
    package mutating func publish(
        _ messages: [OutgoingMessage], at now: Times, number: () -> MessageID
    ) -> [PublishOutcome] {
        var outcomes: [PublishOutcome] = []
        for message in messages {
            let text = message.deduplicationID.map { Array($0.utf8) }
            if let text, let earlier = self.known[text] {
                outcomes.append(.duplicate(earlier))
                continue
            }
            guard self.makeRoom(for: message.byteCount, now) else { break }
            let id = number()
            self.takeNew(id, message, at: now)
            outcomes.append(.stored(id))
        }
        outcomes += Array(repeating: .full, count: messages.count - outcomes.count)
        return outcomes
    }

    /// Takes a message in whose reception was `room`, and gives up the oldest for it if need be.
    mutating func takeCopy(_ id: MessageID, _ message: OutgoingMessage, at now: Times) {
        _ = self.makeRoom(for: message.byteCount, now)
        self.takeNew(id, message, at: now)
    }

    private mutating func takeNew(_ id: MessageID, _ message: OutgoingMessage, at now: Times) {
        if let text = message.deduplicationID.map({ Array($0.utf8) }), self.settings.deduplicationWindow > .zero {
            self.known[text] = id
            self.forgettings.append((text, now.monotonic.advanced(by: self.settings.deduplicationWindow)))
        }
        self.take(id, message, publishedAt: now.wall, now)
    }

    /// Takes a dead letter of another queue in, whether or not there is room, because it has nowhere else to go.
    package mutating func take(_ letter: DeadLetter, at now: Times) {
        self.take(letter.id, letter.forwarded, publishedAt: letter.publishedAt, now)
    }

    private mutating func take(_ id: MessageID, _ message: OutgoingMessage, publishedAt: WallTime, _ now: Times) {
        self.bytes += message.byteCount
        self.totals.published += 1
        let age = self.settings.retention.map { self.ages.insert(id, at: now.monotonic.advanced(by: $0)) }
        switch message.availability {
        case .after(let delay) where delay > .zero:
            let timer = self.timers.insert(id, at: now.monotonic.advanced(by: delay))
            self.entries[id] = Entry(message: message, publishedAt: publishedAt, age: age, standing: .delayed(timer))
        case .at(let time) where time > now.wall:
            self.appointments.insert(Appointment(time: time, id: id))
            self.entries[id] = Entry(message: message, publishedAt: publishedAt, age: age, standing: .scheduled)
        case .now, .after, .at:
            self.entries[id] = Entry(message: message, publishedAt: publishedAt, age: age, standing: .waiting)
            self.join(id)
        }
    }

    /// What a message that goes to several queues at once can expect here.
    enum Reception {
        case duplicate(MessageID)
        case room
        case full
    }

    /// Looks without changing anything.
    func reception(of message: OutgoingMessage) -> Reception {
        if let text = message.deduplicationID, let earlier = self.known[Array(text.utf8)] { return .duplicate(earlier) }
        return self.canMakeRoom(for: message.byteCount) ? .room : .full
    }

    private func hasRoom(for bytes: Int) -> Bool {
        self.entries.count + self.dead.count < self.settings.capacity
            && self.bytes + bytes <= self.settings.capacityBytes
    }

    /// Whether there is room, or would be once everything is dropped that may be.
    private func canMakeRoom(for bytes: Int) -> Bool {
        if self.hasRoom(for: bytes) { return true }
        guard self.settings.overflow == .dropOldest else { return false }
        let leased = self.entries.values.filter { if case .leased = $0.standing { true } else { false } }
        return leased.count < self.settings.capacity
            && leased.reduce(bytes) { $0 + $1.message.byteCount } <= self.settings.capacityBytes
    }

    private mutating func makeRoom(for bytes: Int, _ now: Times) -> Bool {
        if self.hasRoom(for: bytes) { return true }
        // Nothing is dropped in vain.
        guard self.canMakeRoom(for: bytes) else { return false }
        while !self.hasRoom(for: bytes) {
            let oldest = self.entries.filter { if case .leased = $0.value.standing { false } else { true } }.keys.min()
            if let oldest {
                if self.settings.deadLetterQueue == nil {
                    self.remove(oldest)
                    self.totals.dropped += 1
                } else {
                    self.bury(oldest, "there was no room", now)
                }
            } else if let first = self.dead.keys.min() {
                self.dropDead(first)
                self.totals.dropped += 1
            } else {
                return false
            }
        }
        return true
    }

    // MARK: Lines

    private func line(of message: OutgoingMessage) -> [UInt8]? {
        self.settings.order.isPerKey ? message.key.map { Array($0.utf8) } : nil
    }

    /// A message whose time has come takes its place at the end of its line, or is ready if it has none.
    private mutating func join(_ id: MessageID) {
        guard let entry = self.entries[id] else { return }
        guard let key = self.line(of: entry.message) else { return self.makeReady(id) }
        self.lines[key, default: []].append(id)
        if self.lines[key]?.count == 1 {
            self.makeReady(id)
        } else {
            self.entries[id]?.standing = .waiting
        }
    }

    /// - Parameter isNext: Whether it takes part in the next turn, where keys take turns.
    private mutating func makeReady(_ id: MessageID, isNext: Bool = false) {
        guard let entry = self.entries[id] else { return }
        let priority = entry.message.priority
        let turn =
            self.settings.order.isFair
            ? self.ready[priority].takeTurn(
                of: entry.message.key.map { Array($0.utf8) }, isNext: isNext, among: self.entries) : 0
        self.entries[id]?.standing = .ready(turn: turn)
        self.ready[priority].insert(id, turn: turn)
    }

    /// Takes a message out; the next one of its line is ready then.
    @discardableResult
    private mutating func remove(_ id: MessageID) -> Entry? {
        guard let entry = self.entries.removeValue(forKey: id) else { return nil }
        self.bytes -= entry.message.byteCount
        switch entry.standing {
        case .delayed(let timer), .resting(let timer), .leased(_, let timer): self.timers.remove(timer)
        case .scheduled, .waiting, .ready: break
        }
        if let age = entry.age { self.ages.remove(age) }
        guard let key = self.line(of: entry.message), var line = self.lines[key] else { return entry }
        let wasHead = line.first == id
        line.removeAll { $0 == id }
        self.lines[key] = line.isEmpty ? nil : line
        if wasHead, let head = line.first { self.makeReady(head) }
        return entry
    }

    // MARK: Delivering

    /// Hands messages out: the highest priority first, then the key whose turn it is, then the lowest number.
    package mutating func receive(
        _ limit: Int, lease: Duration, at now: Times, using generator: inout some RandomNumberGenerator
    ) -> [Delivery] {
        if self.isPaused { return [] }
        var deliveries: [Delivery] = []
        for priority in MessageLimits.priorities.reversed() {
            while deliveries.count < limit, let id = self.ready[priority].popFirst(among: self.entries) {
                guard var entry = self.entries[id] else { continue }
                entry.attempts += 1
                let end = now.monotonic.advanced(by: lease)
                let nonce = UInt64.random(in: 0 ... .max, using: &generator)
                entry.standing = .leased(nonce: nonce, self.timers.insert(id, at: end))
                self.entries[id] = entry
                deliveries.append(
                    Delivery(
                        receipt: Receipt(message: id, attempt: entry.attempts, nonce: nonce), body: entry.message.body,
                        key: entry.message.key, priority: priority, headers: entry.message.headers,
                        publishedAt: entry.publishedAt, leaseEnd: end))
            }
        }
        self.totals.delivered += deliveries.count
        return deliveries
    }

    /// Says how a delivery ended or that it goes on.
    package mutating func settle(_ settlement: Settlement, at now: Times) -> SettlementOutcome {
        let id = settlement.receipt.message
        guard var entry = self.entries[id], case .leased(let nonce, let timer) = entry.standing,
            nonce == settlement.receipt.nonce, entry.attempts == settlement.receipt.attempt
        else { return .stale }
        switch settlement.kind {
        case .acknowledge:
            self.remove(id)
            self.totals.acknowledged += 1
        case .deadLetter(let reason):
            self.noteFailure(of: id, reason, now)
            self.bury(id, reason, now)
        case .retry(let rest, let reason):
            self.noteFailure(of: id, reason, now)
            entry.failures = self.entries[id]?.failures ?? []
            if entry.attempts >= self.settings.deliveryLimit {
                self.bury(id, reason, now)
            } else {
                self.timers.remove(timer)
                if rest > .zero {
                    entry.standing = .resting(self.timers.insert(id, at: now.monotonic.advanced(by: rest)))
                    self.entries[id] = entry
                } else {
                    self.makeReady(id)
                }
            }
        case .handBack:
            self.timers.remove(timer)
            entry.attempts -= 1
            self.entries[id] = entry
            self.makeReady(id, isNext: true)
        case .extend(let duration):
            self.timers.remove(timer)
            let end = max(timer.deadline, now.monotonic.advanced(by: duration))
            entry.standing = .leased(nonce: nonce, self.timers.insert(id, at: end))
            self.entries[id] = entry
        }
        return .settled
    }

    private mutating func noteFailure(of id: MessageID, _ reason: String, _ now: Times) {
        guard var entry = self.entries[id] else { return }
        entry.failures.append(FailedAttempt(attempt: entry.attempts, at: now.wall, reason: reason))
        entry.failures.removeFirst(max(0, entry.failures.count - MessageLimits.history))
        self.entries[id] = entry
    }

    /// Takes messages back that are with no consumer.
    mutating func cancel(_ ids: [MessageID]) -> [Bool] {
        ids.map { id in
            guard let entry = self.entries[id] else { return false }
            if case .leased = entry.standing { return false }
            self.remove(id)
            return true
        }
    }

    /// - Returns: Whether this changed anything.
    mutating func pause(_ isPaused: Bool) -> Bool {
        defer { self.isPaused = isPaused }
        return self.isPaused != isPaused
    }

    // MARK: Dead letters

    private mutating func bury(_ id: MessageID, _ reason: String, _ now: Times) {
        guard let entry = self.remove(id) else { return }
        var message = entry.message
        message.availability = .now
        let letter = DeadLetter(
            id: id, message: message, publishedAt: entry.publishedAt, origin: self.name, attempts: entry.attempts,
            reason: reason, diedAt: now.wall, history: entry.failures)
        if self.settings.deadLetterQueue == nil { self.park(letter) } else { self.leaving.append(letter) }
    }

    /// Keeps a dead letter here.
    package mutating func park(_ letter: DeadLetter) {
        self.bytes += letter.message.byteCount
        self.dead[letter.id] = letter
    }

    /// Removes a parked dead letter for good.
    @discardableResult
    mutating func dropDead(_ id: MessageID) -> DeadLetter? {
        guard let letter = self.dead.removeValue(forKey: id) else { return nil }
        self.bytes -= letter.message.byteCount
        return letter
    }

    /// A dead letter on its way back, and to where.
    struct Redriven {
        let id: MessageID
        let message: OutgoingMessage
        let publishedAt: WallTime
        let origin: QueueName
    }

    /// A dead letter that is parked here, or that was moved here and is with no consumer, as it is delivered again.
    func redriven(_ id: MessageID) -> Redriven? {
        if let letter = self.dead[id] {
            return Redriven(
                id: id, message: letter.message, publishedAt: letter.publishedAt, origin: self.name)
        }
        guard let entry = self.entries[id], let (origin, message) = entry.message.redriven else { return nil }
        if case .leased = entry.standing { return nil }
        return Redriven(id: id, message: message, publishedAt: entry.publishedAt, origin: origin)
    }

    /// Gives a dead letter away.
    mutating func giveAway(_ letter: Redriven) {
        if self.dropDead(letter.id) == nil { self.remove(letter.id) }
    }

    /// Delivers what was a dead letter as if it had just been published.
    mutating func take(_ letter: Redriven, at now: Times) {
        self.take(letter.id, letter.message, publishedAt: letter.publishedAt, now)
    }

    /// Removes the earliest messages that are not with a consumer.
    mutating func purge(upTo limit: Int) -> Int {
        let free = self.entries.filter { if case .leased = $0.value.standing { false } else { true } }
        let first = free.keys.sorted().prefix(limit)
        for id in first { self.remove(id) }
        return first.count
    }

    /// Gives the dead letters away that belong to another queue.
    package mutating func takeLeaving() -> [DeadLetter] {
        defer { self.leaving = [] }
        return self.leaving
    }

    // MARK: Looking on

    package var statistics: QueueStatistics {
        var result = QueueStatistics()
        for entry in self.entries.values {
            switch entry.standing {
            case .ready: result.ready += 1
            case .waiting: result.waiting += 1
            case .delayed, .scheduled, .resting: result.delayed += 1
            case .leased: result.leased += 1
            }
        }
        result.dead = self.dead.count
        result.bytes = self.bytes
        return result
    }

    /// - Parameter isWhole: Whether what costs a look at all messages and is not in lists is wanted, too.
    func record(isWhole: Bool) -> QueueRecord {
        let ready = self.entries.values.filter { if case .ready = $0.standing { true } else { false } }
        return QueueRecord(
            name: self.name, settings: self.settings, isPaused: self.isPaused, statistics: self.statistics,
            totals: self.totals, oldestReady: isWhole ? ready.map(\.publishedAt).min() : nil)
    }
}
