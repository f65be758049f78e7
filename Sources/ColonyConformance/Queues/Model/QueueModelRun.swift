import ColonyCore
package import ColonyQueues

/// Does the same random things to an engine and to a naive queue, on clocks that it moves, and compares every answer.
///
/// The civil clock steps both ways. What is done is given by the generator alone, so a run that disagrees can be repeated.
package struct QueueModelRun {
    /// What a run needs of its surroundings.
    package struct Surroundings {
        let engine: any QueueAdministration
        let queue: QueueName
        /// Sets the clocks: so many milliseconds after the beginning, and a civil time.
        let setTime: (_ milliseconds: Int64, _ civil: Int64) -> Void

        package init(
            engine: any QueueAdministration, queue: QueueName, setTime: @escaping (Int64, Int64) -> Void
        ) {
            self.engine = engine
            self.queue = queue
            self.setTime = setTime
        }
    }

    private static let lease: Int64 = 20
    private static let window: Int64 = 50

    private let engine: any QueueAdministration
    private let queue: QueueName
    private let setTime: (Int64, Int64) -> Void
    private var random: any RandomNumberGenerator
    private var model: NaiveQueue
    private var now: Int64 = 0
    private var civil: Int64 = 1_000_000
    private var receipts: [Receipt] = []

    /// Does so many steps.
    ///
    /// - Throws: ``ConformanceFailure`` at the first answer that is another than that of the model.
    package static func run(
        steps: Int, in surroundings: Surroundings, using random: some RandomNumberGenerator
    ) async throws {
        var run = Self(surroundings, random)
        try await surroundings.engine.declare(surroundings.queue, run.model.settings)
        for step in 0..<steps {
            do {
                try await run.step()
            } catch let failure as ConformanceFailure {
                throw ConformanceFailure("at step \(step) with \(run.model.settings): \(failure.message)")
            }
        }
    }

    private init(_ surroundings: Surroundings, _ random: any RandomNumberGenerator) {
        self.engine = surroundings.engine
        self.queue = surroundings.queue
        self.setTime = surroundings.setTime
        var random = random
        var settings = QueueSettings()
        settings.capacity = 40
        settings.capacityBytes = 400
        settings.overflow = Int.random(in: 0..<4, using: &random) == 0 ? .dropOldest : .reject
        settings.lease = .milliseconds(25)
        if Int.random(in: 0..<3, using: &random) == 0 {
            settings.retention = .milliseconds(Int64.random(in: 30...150, using: &random))
        }
        settings.order = [.priority, .perKey, .perKey, .fair, .fairPerKey].randomElement(using: &random) ?? .perKey
        settings.deliveryLimit = Int.random(in: 1...4, using: &random)
        settings.deduplicationWindow = .milliseconds(Self.window)
        self.model = NaiveQueue(settings: settings)
        self.random = random
    }

    private mutating func step() async throws {
        self.now += Int64.random(in: 0...8, using: &self.random)
        self.civil = max(0, self.civil + Int64.random(in: -5...10, using: &self.random))
        self.setTime(self.now, self.civil)
        self.model.advance(self.now, self.civil)
        switch Int.random(in: 0..<40, using: &self.random) {
        case 0..<16: try await self.publish()
        case 16..<24: try await self.receive()
        case 24..<33: try await self.settle()
        case 33: try await self.forge()
        case 34, 35: try await self.cancel()
        case 36, 37: try await self.redrive()
        case 38: try await self.pause()
        default: try await self.dropOrPurge()
        }
        try await self.compareCounts()
        if Int.random(in: 0..<8, using: &self.random) == 0 { try await self.compareLists() }
    }

    // MARK: Publishing

    private mutating func publish() async throws {
        let messages = (0..<Int.random(in: 1...3, using: &self.random)).map { _ in self.message() }
        let outcomes = try await self.engine.publish(messages, to: self.queue)
        var expected: [PublishOutcome] = []
        for (message, outcome) in zip(messages, outcomes) {
            if let text = message.deduplicationID, let earlier = self.model.known[text] {
                expected.append(.duplicate(earlier.id))
                continue
            }
            guard self.model.makeRoom(for: message) else { break }
            guard case .stored(let id) = outcome else {
                throw ConformanceFailure("\(message) was to be stored, and the answer was \(outcome)")
            }
            try expect(self.model.items.allSatisfy { $0.id < id }, "\(id) is not above the numbers before")
            if let text = message.deduplicationID { self.model.known[text] = (id, self.now + Self.window) }
            self.model.append(id, message, now: self.now, civil: self.civil)
            expected.append(.stored(id))
        }
        expected += Array(repeating: .full, count: messages.count - expected.count)
        try expect(outcomes == expected, "\(messages) were answered with \(outcomes), and \(expected) was expected")
    }

    private mutating func message() -> OutgoingMessage {
        var message = OutgoingMessage([UInt8](repeating: 0, count: Int.random(in: 0...20, using: &self.random)))
        message.key = ["a", "b", "c", nil, nil].randomElement(using: &self.random) ?? nil
        message.priority = Int.random(in: 3...5, using: &self.random)
        if Int.random(in: 0..<4, using: &self.random) == 0 {
            message.deduplicationID = ["x", "y"].randomElement(using: &self.random)
        }
        if Int.random(in: 0..<4, using: &self.random) == 0 { message.headers = ["h": "value"] }
        switch Int.random(in: 0..<4, using: &self.random) {
        case 0: message.availability = .after(.milliseconds(Int64.random(in: 0...40, using: &self.random)))
        case 1:
            let time = self.civil + Int64.random(in: -5...40, using: &self.random)
            message.availability = .at(WallTime(millisecondsSince1970: time))
        default: break
        }
        return message
    }

    // MARK: Delivering

    private mutating func receive() async throws {
        let limit = Int.random(in: 0...4, using: &self.random)
        let expected = self.model.isPaused ? [] : Array(self.model.deliverable().prefix(limit))
        let deliveries = try await self.engine.receive(limit, from: self.queue, lease: .milliseconds(Self.lease))
        try expect(deliveries.map(\.id) == expected, "\(deliveries.map(\.id)) came, and \(expected) were expected")
        for delivery in deliveries {
            let place = try require(self.model.place(of: delivery.id), "\(delivery.id) is unknown")
            self.model.lease(place, delivery.receipt, until: self.now + Self.lease)
            self.model.totals.delivered += 1
            let item = self.model.items[place]
            try expect(delivery.attempt == item.attempts, "\(delivery.id) counts as \(delivery.attempt)")
            try expect(
                delivery.body == item.message.body && delivery.key == item.message.key
                    && delivery.priority == item.message.priority && delivery.headers == item.message.headers,
                "\(delivery) is not \(item.message)")
        }
        self.receipts += deliveries.map(\.receipt)
    }

    private mutating func settle() async throws {
        guard let receipt = self.receipts.randomElement(using: &self.random) else { return }
        let rest = Int64.random(in: 0...20, using: &self.random)
        let kind: Settlement.Kind =
            switch Int.random(in: 0..<6, using: &self.random) {
            case 0, 1: .acknowledge
            case 2: .retry(after: .milliseconds(rest), reason: "failed")
            case 3: .deadLetter(reason: "broken")
            case 4: .handBack
            default: .extend(.milliseconds(30))
            }
        let outcomes = try await self.engine.settle([Settlement(receipt, kind)], in: self.queue)
        let isSettled = self.model.settle(receipt, kind, rest: rest, now: self.now, civil: self.civil)
        try expect(
            outcomes == [isSettled ? .settled : .stale], "\(kind) of \(receipt) was answered with \(outcomes)")
    }

    private mutating func forge() async throws {
        let id = Int64.random(in: 1...1_000, using: &self.random)
        let forged = Receipt(message: MessageID(rawValue: id), attempt: 1, nonce: 0)
        let outcomes = try await self.engine.settle([Settlement(forged, .acknowledge)], in: self.queue)
        try expect(outcomes == [.stale], "a forged receipt was answered with \(outcomes)")
    }

    // MARK: Administration

    /// Numbers of messages, of dead letters, and of neither, some of them twice.
    private mutating func numbers() -> [MessageID] {
        let known = (self.model.items.map(\.id) + self.model.dead.keys).sorted()
        return (0..<Int.random(in: 0...5, using: &self.random)).map { _ in
            let unknown = MessageID(rawValue: Int64.random(in: 1...5_000, using: &self.random))
            return Int.random(in: 0..<6, using: &self.random) == 0
                ? unknown : known.randomElement(using: &self.random) ?? unknown
        }
    }

    private mutating func cancel() async throws {
        let ids = self.numbers()
        let answers = try await self.engine.cancel(ids, in: self.queue)
        let expected = ids.map { self.model.cancel($0) }
        try expect(answers == expected, "\(ids) were cancelled with \(answers), and \(expected) was expected")
    }

    private mutating func redrive() async throws {
        let ids = self.numbers()
        let moved = try await self.engine.redrive(ids, of: self.queue, to: nil)
        let expected = ids.count { self.model.redrive($0, now: self.now, civil: self.civil) }
        try expect(moved == expected, "of \(ids) \(moved) were redriven, and \(expected) were expected")
    }

    private mutating func pause() async throws {
        // Most of the time a queue is not paused.
        let isPaused = Int.random(in: 0..<3, using: &self.random) == 0
        let answer = try await self.engine.pause(self.queue, isPaused)
        try expect(answer == (isPaused != self.model.isPaused), "a pause was answered with \(answer)")
        self.model.isPaused = isPaused
    }

    private mutating func dropOrPurge() async throws {
        if Int.random(in: 0..<8, using: &self.random) == 0 {
            let count = try await self.engine.purge(self.queue)
            let expected = self.model.purge()
            try expect(count == expected, "\(count) were purged, and \(expected) were expected")
            return
        }
        let ids = self.numbers()
        let count = try await self.engine.dropDeadLetters(ids, of: self.queue)
        let expected = ids.count { self.model.dead.removeValue(forKey: $0) != nil }
        try expect(count == expected, "of \(ids) \(count) were dropped, and \(expected) were expected")
    }

    // MARK: Counts

    private func compareCounts() async throws {
        let record = try require(try await self.engine.inspect(self.queue), "the queue is gone")
        var expected = QueueStatistics()
        expected.ready = self.model.deliverable().count
        expected.leased = self.model.items.count { if case .leased = $0.standing { true } else { false } }
        expected.waiting = self.model.items.count { $0.standing == .free } - expected.ready
        expected.delayed = self.model.items.count - expected.ready - expected.leased - expected.waiting
        expected.dead = self.model.dead.count
        expected.bytes = self.model.bytes
        try expect(
            record.statistics == expected, "the counts are \(record.statistics), and \(expected) were expected")
        try expect(record.isPaused == self.model.isPaused, "the queue says of its pause \(record.isPaused)")
        try expect(
            record.totals == self.model.totals,
            "the totals are \(record.totals), and \(self.model.totals) were expected")
    }

    /// Every message and every dead letter, with all that is remembered of it.
    private func compareLists() async throws {
        let messages = try await self.engine.messages(of: self.queue, after: nil, limit: MessageLimits.batch)
        let items = self.model.items.sorted { $0.id < $1.id }
        try expect(
            messages.map(\.id) == items.map(\.id)
                && messages.map(\.standing) == items.map { self.model.standing(of: $0) },
            "the messages are \(messages), and \(items) were expected")
        let letters = try await self.engine.deadLetters(of: self.queue, after: nil, limit: MessageLimits.batch)
        let dead = self.model.dead.values.sorted { $0.item.id < $1.item.id }
        try expect(letters.map(\.id) == dead.map(\.item.id), "the dead letters are \(letters)")
        for (letter, expected) in zip(letters, dead) {
            let history = letter.history.map { failure in
                NaiveQueue.Failure(
                    attempt: failure.attempt, at: failure.at.millisecondsSince1970, reason: failure.reason)
            }
            var message = expected.item.message
            message.availability = .now
            try expect(
                letter.reason == expected.reason && letter.attempts == expected.item.attempts
                    && letter.message == message && letter.origin == self.queue
                    && letter.diedAt.millisecondsSince1970 == expected.diedAt
                    && letter.publishedAt.millisecondsSince1970 == expected.item.publishedAt
                    && history == expected.item.failures,
                "the dead letter \(letter) is not \(expected)")
        }
    }
}
