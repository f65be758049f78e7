public import ColonyCore

/// The dead letters of a queue: what was given up, and the ways to deal with it.
///
/// ```swift
/// let dead = DeadLetterQueue(of: "orders", on: engine)
/// for letter in try await dead.letters().letters { print(letter.id, letter.reason) }
/// try await dead.redriveAll(rate: 50)
/// ```
///
/// Dead letters are in one of two places, and this type deals with both in the same way: those that are parked with the queue that has
/// given them up, and those that were moved into the queue that this type was made for because another names it as its
/// ``QueueSettings/deadLetterQueue``.
///
/// **Guarantee.** A dead letter is moved or removed in one atomic step of the engine: it is in its old place or in its new one. Whoever
/// is cancelled in the middle of many leaves the rest where it was.
public struct DeadLetterQueue: Sendable {
    /// Whose dead letters are meant.
    public let queue: QueueName
    /// The store.
    public let engine: any QueueAdministration
    private let clock: any MonotonicClock

    /// Makes the view; nothing is asked of the store yet.
    ///
    /// - Parameter clock: What a rate is measured by.
    public init(of queue: QueueName, on engine: any QueueAdministration, clock: any MonotonicClock = HostClock()) {
        self.queue = queue
        self.engine = engine
        self.clock = clock
    }

    // MARK: Looking

    /// A page of dead letters in the order of publishing.
    ///
    /// - Parameters:
    ///   - id: Only those after this one; what the page before gave as ``DeadLetterPage/next``.
    ///   - limit: How many at most, from 1 to ``MessageLimits/batch``. Fewer, also none, may come although there are more.
    /// - Throws: ``QueueError``: `unknownQueue`, `invalidRequest`, and what the store says.
    /// - Complexity: Two or three round trips; O(`limit`) messages are looked at.
    public func letters(
        after id: MessageID? = nil, limit: Int = DeadLetterQueue.page
    ) async throws(QueueError) -> DeadLetterPage {
        let parked = try await self.engine.deadLetters(of: self.queue, after: id, limit: limit)
        let messages = try await self.engine.messages(of: self.queue, after: id, limit: limit)
        let moved = messages.compactMap { DeadLetter($0) }
        var mayHaveMoreMoved = messages.count == limit
        if mayHaveMoreMoved, moved.isEmpty { mayHaveMoreMoved = try await self.takesDeadLetters() }
        // Behind the last of a full page there may be more of its kind, so nothing behind it is told before that is known.
        let ends = [parked.count == limit ? parked.last?.id : nil, mayHaveMoreMoved ? messages.last?.id : nil]
        let end = ends.compactMap { $0 }.min()
        let letters = (parked + moved).sorted { $0.id < $1.id }.filter { letter in end.map { letter.id <= $0 } ?? true }
        let page = Array(letters.prefix(limit))
        return DeadLetterPage(letters: page, next: page.count < letters.count ? page.last?.id : end)
    }

    /// How many dead letters a page has unless another number is asked for: bodies have up to ``MessageLimits/bodyBytes``.
    public static let page = 100

    // MARK: Redriving

    /// Delivers dead letters again, with no attempt counted.
    ///
    /// - Parameters:
    ///   - ids: Any number; those that are no dead letters of this queue, or are with a consumer, are left out.
    ///   - target: Where they go; `nil` for where they came from. One whose queue is gone stays.
    ///   - rate: How many a second at most; `nil` for as fast as the store is. Greater than zero.
    ///   - reporting: Told after each step how many were moved so far, from the calling task.
    /// - Returns: How many were moved.
    /// - Throws: ``QueueError``: `unknownQueue`, `invalidRequest` for a rate that cannot be, `cancelled`, and what the store says. What was
    ///   moved by then stays moved.
    /// - Complexity: A round trip per ``MessageLimits/batch``; with a rate, at least one every tenth of a second.
    @discardableResult
    public func redrive(
        _ ids: [MessageID], to target: QueueName? = nil, rate: Double? = nil, reporting: (Int) -> Void = { _ in }
    ) async throws(QueueError) -> Int {
        var pace = try RedrivePace(rate: rate, from: self.clock.now)
        var moved = 0
        var rest = ids[...]
        while !rest.isEmpty {
            try await self.wait(for: &pace)
            let part = Array(rest.prefix(pace.step))
            rest = rest.dropFirst(part.count)
            moved += try await self.engine.redrive(part, of: self.queue, to: target)
            pace.took(part.count)
            reporting(moved)
        }
        return moved
    }

    /// Delivers all dead letters again, with no attempt counted: those that are there when it begins, each once.
    ///
    /// A message that is given up again in the meantime is not redriven a second time, so that this ends whatever the consumers do.
    ///
    /// - Parameters:
    ///   - target: Where they go; `nil` for where they came from. One whose queue is gone stays.
    ///   - rate: How many a second at most; `nil` for as fast as the store is. Greater than zero.
    ///   - reporting: Told after each step how many were moved so far, from the calling task.
    /// - Returns: How many were moved.
    /// - Throws: As ``redrive(_:to:rate:reporting:)``.
    @discardableResult
    public func redriveAll(
        to target: QueueName? = nil, rate: Double? = nil, reporting: (Int) -> Void = { _ in }
    ) async throws(QueueError) -> Int {
        var pace = try RedrivePace(rate: rate, from: self.clock.now)
        var moved = 0
        try await self.forEachPage { ids throws(QueueError) in
            var rest = ids[...]
            while !rest.isEmpty {
                try await self.wait(for: &pace)
                let part = Array(rest.prefix(pace.step))
                rest = rest.dropFirst(part.count)
                moved += try await self.engine.redrive(part, of: self.queue, to: target)
                pace.took(part.count)
                reporting(moved)
            }
        }
        return moved
    }

    // MARK: Dropping

    /// Removes dead letters for good.
    ///
    /// - Parameter ids: Any number; those that are no dead letters of this queue, or are with a consumer, are left out.
    /// - Returns: How many were removed.
    /// - Throws: ``QueueError``. What was removed by then stays removed.
    @discardableResult
    public func drop(_ ids: [MessageID]) async throws(QueueError) -> Int {
        var dropped = 0
        for start in stride(from: 0, to: ids.count, by: MessageLimits.batch) {
            let part = Array(ids[start...].prefix(MessageLimits.batch))
            dropped += try await self.engine.dropDeadLetters(part, of: self.queue)
            // Those that were moved here are messages like others, except for what is written on them.
            var moved: [MessageID] = []
            for id in part where try await self.isMoved(id) { moved.append(id) }
            if !moved.isEmpty { dropped += try await self.engine.cancel(moved, in: self.queue).count { $0 } }
        }
        return dropped
    }

    /// Removes all dead letters for good: those that are there when it begins.
    ///
    /// - Returns: How many were removed.
    /// - Throws: ``QueueError``. What was removed by then stays removed.
    @discardableResult
    public func dropAll() async throws(QueueError) -> Int {
        var dropped = 0
        try await self.forEachPage { ids throws(QueueError) in
            dropped += try await self.engine.dropDeadLetters(ids, of: self.queue)
            dropped += try await self.engine.cancel(ids, in: self.queue).count { $0 }
        }
        return dropped
    }
}

extension DeadLetterQueue {
    /// Whether another queue moves its dead letters here. Millions of messages of any other queue are not looked through for some.
    private func takesDeadLetters() async throws(QueueError) -> Bool {
        var last: QueueName?
        while true {
            let records = try await self.engine.queues(after: last, limit: MessageLimits.batch)
            if records.contains(where: { $0.settings.deadLetterQueue == self.queue }) { return true }
            if records.count < MessageLimits.batch { return false }
            last = records.last?.name
        }
    }

    private func isMoved(_ id: MessageID) async throws(QueueError) -> Bool {
        guard id.rawValue > 0 else { return false }
        let before = id.rawValue > 1 ? MessageID(rawValue: id.rawValue - 1) : nil
        let found = try await self.engine.messages(of: self.queue, after: before, limit: 1).first
        return found?.id == id && found?.message.redriven != nil
    }

    /// Goes once through the dead letters, in the order of publishing, up to as many messages as there were at the beginning.
    private func forEachPage(
        _ body: ([MessageID]) async throws(QueueError) -> Void
    ) async throws(QueueError) {
        guard let statistics = try await self.engine.inspect(self.queue)?.statistics else {
            throw QueueRequests.unknown(self.queue)
        }
        // Numbers only rise, so no letter is met twice; the count bounds what dies while this is under way.
        var left = statistics.count
        var next: MessageID?
        while left > 0 {
            let page = try await self.letters(after: next, limit: Self.page)
            let ids = page.letters.prefix(left).map(\.id)
            left -= ids.count
            if !ids.isEmpty { try await body(ids) }
            guard let end = page.next else { return }
            next = end
        }
    }

    private func wait(for pace: inout RedrivePace) async throws(QueueError) {
        do {
            try Task.checkCancellation()
            if let next = pace.next(at: self.clock.now) { try await self.clock.sleep(until: next, tolerance: nil) }
        } catch {
            throw QueueError(.cancelled, "the redrive of \"\(self.queue)\" was cancelled", cause: error)
        }
    }
}

/// Part of the dead letters of a queue.
public struct DeadLetterPage: Hashable, Sendable {
    /// In the order of publishing.
    public var letters: [DeadLetter]
    /// After which message to go on; `nil` if there are no more.
    public var next: MessageID?
}

extension DeadLetter {
    /// A message that was moved into a dead-letter queue, as what it is; `nil` for any other, and for one that a consumer has.
    ///
    /// When it was given up is not written on it; its last failed attempt is the nearest that is known.
    init?(_ queued: QueuedMessage) {
        guard queued.standing != .leased, let (origin, message) = queued.message.redriven else { return nil }
        let headers = queued.message.headers
        let history = (headers[DeadLetterHeader.history] ?? "").split(separator: "\n").compactMap { FailedAttempt($0) }
        self.init(
            id: queued.id, message: message, publishedAt: queued.publishedAt, origin: origin,
            attempts: headers[DeadLetterHeader.attempts].flatMap { Int($0) } ?? history.count,
            reason: headers[DeadLetterHeader.reason] ?? "", diedAt: history.last?.at ?? queued.publishedAt,
            history: history)
    }
}

extension FailedAttempt {
    /// Reads a line of ``DeadLetterHeader/history``: number, time, reason.
    fileprivate init?(_ line: Substring) {
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let attempt = Int(parts[0]), let time = WallTime(rfc3339: String(parts[1])) else {
            return nil
        }
        self.init(attempt: attempt, at: time, reason: String(parts[2]))
    }
}
