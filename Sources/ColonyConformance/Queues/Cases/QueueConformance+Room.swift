import ColonyCore
import ColonyQueues
import Synchronization

extension QueueConformance {
    static let roomCases: [QueueCase] = [
        QueueCase("a full queue takes nothing, and goes on when there is room", .room) { context in
            let queue = try await context.queue { ($0.capacity, $0.overflow) = (2, .reject) }
            try await context.publish(["a", "b"], to: queue)
            let refused = try await context.engine.publish([OutgoingMessage([1])], to: queue)
            try expect(refused == [.full], "a third message was answered with \(refused)")
            let deliveries = try await context.expectDelivery(["a", "b"], from: queue, "when full")
            let leased = try await context.engine.publish([OutgoingMessage([1])], to: queue)
            try expect(leased == [.full], "messages under way do not count: \(leased)")
            try await context.settle([deliveries[0]], .acknowledge, in: queue)
            try await context.publish(["c"], to: queue)
        },
        QueueCase("the first message without room ends the call, so that none overtakes it", .room) { context in
            let queue = try await context.queue { ($0.capacityBytes, $0.overflow) = (10, .wait) }
            let outcomes = try await context.engine.publish(
                [OutgoingMessage([1, 2, 3]), OutgoingMessage(Array(repeating: 0, count: 8)), OutgoingMessage([4])],
                to: queue)
            guard case .stored = outcomes[0], outcomes[1] == .full, outcomes[2] == .full else {
                throw ConformanceFailure("the answers are \(outcomes)")
            }
        },
        QueueCase("a queue that drops the oldest makes room by it, and counts it", .room) { context in
            let queue = try await context.queue { ($0.capacity, $0.overflow) = (3, .dropOldest) }
            try await context.publish(["a", "b", "c"], to: queue)
            let first = try await context.expectDelivery(["a"], from: queue, limit: 1, "at first")
            try await context.publish(["d"], to: queue)
            try await context.expectDelivery(["c", "d"], from: queue, "with \"a\" under way and \"b\" dropped")
            try await context.settle(first, .acknowledge, in: queue)
            if let record = try await context.administration?.inspect(queue) {
                try expect(record.totals.dropped == 1, "\(record.totals.dropped) are counted as dropped")
            }
        },
        QueueCase("a queue that drops the oldest gives it to its dead-letter queue", .room) { context in
            let dead = try await context.queue("dead")
            let queue = try await context.queue {
                ($0.capacity, $0.overflow, $0.deadLetterQueue) = (1, .dropOldest, dead)
            }
            try await context.publish(["a"], to: queue)
            try await context.publish(["b"], to: queue)
            try await context.expectDelivery(["b"], from: queue, "with room for one")
            try await context.expectDelivery(["a"], from: dead, "in the dead-letter queue")
        },
    ]

    static let limitCases: [QueueCase] = [
        QueueCase("messages that no queue takes are refused, and nothing of their call is stored", .limits) { context in
            let queue = try await context.queue()
            let long = String(repeating: "x", count: 256)
            let messages: [(String, OutgoingMessage, QueueError.Code)] = [
                (
                    "a body of 1 MiB and a byte",
                    OutgoingMessage(Array(repeating: 0, count: MessageLimits.bodyBytes + 1)), .tooLarge
                ),
                ("a priority of 10", OutgoingMessage([], priority: 10), .invalidRequest),
                ("a priority of -1", OutgoingMessage([], priority: -1), .invalidRequest),
                ("an empty key", OutgoingMessage([], key: ""), .invalidRequest),
                ("a key of 256 bytes", OutgoingMessage([], key: long), .invalidRequest),
                ("an identifier with a line break", OutgoingMessage([], deduplicationID: "a\nb"), .invalidRequest),
                ("an empty header name", OutgoingMessage([], headers: ["": "x"]), .invalidRequest),
                (
                    "65 headers",
                    OutgoingMessage([], headers: Dictionary(uniqueKeysWithValues: (0..<65).map { ("h\($0)", "") })),
                    .tooLarge
                ),
                (
                    "headers of 17 KiB", OutgoingMessage([], headers: ["h": String(repeating: "x", count: 17_408)]),
                    .tooLarge
                ),
            ]
            for (what, message, code) in messages {
                try await context.expectRefusal(code, what: what) {
                    _ = try await context.engine.publish([OutgoingMessage([1]), message], to: queue)
                }
            }
            try await context.expectDelivery([], from: queue, "after refusals only")
        },
        QueueCase("calls that are too large, and leases that are too short or too long, are refused", .limits) {
            context in
            let queue = try await context.queue()
            try await context.expectRefusal(.invalidRequest, what: "a publish of 1,001") {
                _ = try await context.engine.publish(
                    Array(repeating: OutgoingMessage([]), count: MessageLimits.batch + 1), to: queue)
            }
            for limit in [-1, MessageLimits.batch + 1] {
                try await context.expectRefusal(.invalidRequest, what: "a receive of \(limit)") {
                    _ = try await context.engine.receive(limit, from: queue, lease: .seconds(1))
                }
            }
            for lease in [.zero, .seconds(-1), .milliseconds(9), .seconds(86_401)] as [Duration] {
                try await context.expectRefusal(.invalidRequest, what: "a lease of \(lease)") {
                    _ = try await context.engine.receive(1, from: queue, lease: lease)
                }
            }
            try await context.publish(["a"], to: queue)
            let deliveries = try await context.receive(from: queue)
            for kind in [
                .extend(.milliseconds(1)), .retry(after: .seconds(-1), reason: ""),
                .retry(after: MessageLimits.delay + .seconds(1), reason: ""),
            ] as [Settlement.Kind] {
                try await context.expectRefusal(.invalidRequest, what: "\(kind)") {
                    _ = try await context.engine.settle(deliveries.map { Settlement($0.receipt, kind) }, in: queue)
                }
            }
            for kind in [
                .deadLetter(reason: String(repeating: "x", count: MessageLimits.reasonLength + 1)),
                .retry(after: .zero, reason: String(repeating: "x", count: MessageLimits.reasonLength + 1)),
            ] as [Settlement.Kind] {
                try await context.expectRefusal(.tooLarge, what: "a reason without end") {
                    _ = try await context.engine.settle(deliveries.map { Settlement($0.receipt, kind) }, in: queue)
                }
            }
            try await context.settle(deliveries, .acknowledge, in: queue)
        },
    ]

    static let contentionCases: [QueueCase] = [
        QueueCase("many publishers and consumers: every message is delivered and done exactly once", .contention) {
            context in
            let queue = try await context.queue()
            let (publishers, each) = (8, context.amount(250, atLeast: 20))
            let total = publishers * each
            let done = DoneMessages()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for publisher in 0..<publishers {
                    group.addTask {
                        for number in 0..<each {
                            let engine = number.isMultiple(of: 2) ? context.engine : context.other
                            let message = OutgoingMessage(
                                Array("\(publisher)-\(number)".utf8), key: publisher < 4 ? "k\(publisher)" : nil)
                            guard case .stored = try await engine.publish([message], to: queue)[0] else {
                                throw ConformanceFailure("there was no room")
                            }
                        }
                    }
                }
                for consumer in 0..<8 {
                    group.addTask {
                        let engine = consumer.isMultiple(of: 2) ? context.engine : context.other
                        while done.count < total {
                            try Task.checkCancellation()
                            let seen = try await engine.waitForChange(of: queue, since: 0, upTo: .zero)
                            let deliveries = try await engine.receive(7, from: queue, lease: .seconds(3_600))
                            if deliveries.isEmpty {
                                if done.count >= total { return }
                                let rest = context.start {
                                    try await engine.waitForChange(of: queue, since: seen, upTo: .seconds(3_600))
                                }
                                try await context.eventually("news of the queue") {
                                    rest.outcome != nil || done.count >= total
                                }
                                rest.cancel()
                                continue
                            }
                            for delivery in deliveries {
                                done.add(delivery.body)
                            }
                            let outcomes = try await engine.settle(
                                deliveries.map { Settlement($0.receipt, .acknowledge) }, in: queue)
                            try expect(outcomes.allSatisfy { $0 == .settled }, "an acknowledgement was stale")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let found = done.counts
            try expect(found.count == total, "\(total) were published, and \(found.count) delivered")
            try expect(found.values.allSatisfy { $0 == 1 }, "some were delivered more than once")
        }
    ]
}

/// How often each message was delivered.
private final class DoneMessages: Sendable {
    private let state = Mutex<[[UInt8]: Int]>([:])

    var counts: [[UInt8]: Int] { self.state.withLock { $0 } }
    var count: Int { self.state.withLock { $0.count } }

    func add(_ body: [UInt8]) {
        self.state.withLock { $0[body, default: 0] += 1 }
    }
}
