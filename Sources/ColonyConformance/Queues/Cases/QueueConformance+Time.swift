import ColonyCore
import ColonyQueues

extension QueueConformance {
    static let delayCases: [QueueCase] = [
        QueueCase("delayNeverEarlyNeverLost: a delayed message comes after its delay and hides nobody", .delays) {
            context in
            let queue = try await context.queue()
            let start = context.harness.clock.now
            let delay = context.scaled(.seconds(10))
            try await context.publish(["later"], to: queue) { ($0.key, $0.availability) = ("a", .after(delay)) }
            try await context.publish(["now"], to: queue) { $0.key = "a" }
            let early = try await context.receive(from: queue)
            try context.demand(.seconds(10), since: start)
            try expect(
                early.map { String(decoding: $0.body, as: UTF8.self) } == ["now"],
                "\(early.count) messages were delivered, and \"now\" was expected")
            try await context.settle(early, .acknowledge, in: queue)
            try await context.outlive(.seconds(10))
            try await context.expectDelivery(["later"], from: queue, "after the delay")
        },
        QueueCase("messages of one key that are due together come in the order of publishing", .delays) { context in
            let queue = try await context.queue()
            let texts = (0..<12).map(String.init)
            let delay = context.scaled(.seconds(10))
            try await context.publish(texts, to: queue) { ($0.key, $0.availability) = ("a", .after(delay)) }
            try await context.outlive(.seconds(10))
            for text in texts {
                let deliveries = try await context.expectDelivery([text], from: queue, "after the delay")
                try await context.settle(deliveries, .acknowledge, in: queue)
            }
        },
        QueueCase("a message for a civil time comes then", .delays) { context in
            let queue = try await context.queue()
            try await context.publish(["past"], to: queue) { $0.availability = .at(WallTime(millisecondsSince1970: 0)) }
            try await context.publish(["far"], to: queue) {
                $0.availability = .at(WallTime(millisecondsSince1970: 253_402_300_799_000))
            }
            try await context.expectDelivery(["past"], from: queue, "at once")
        },
        QueueCase("a delay of a hundred years is taken, a longer one is not", .delays) { context in
            let queue = try await context.queue()
            try await context.publish(["long"], to: queue) { $0.availability = .after(MessageLimits.delay) }
            try await context.publish(["more than 2^32 ms"], to: queue) {
                $0.availability = .after(.seconds(4_294_968))
            }
            try await context.expectDelivery([], from: queue, "before a hundred years are over")
            for delay in [MessageLimits.delay + .seconds(1), .seconds(Int64.max), .seconds(-1)] {
                try await context.expectRefusal(.invalidRequest, what: "a delay of \(delay)") {
                    _ = try await context.engine.publish([OutgoingMessage([], availability: .after(delay))], to: queue)
                }
            }
        },
        QueueCase("what is older than the retention is given up", .delays) { context in
            let queue = try await context.queue { $0.retention = context.scaled(.seconds(10)) }
            try await context.publish(["old"], to: queue)
            try await context.outlive(.seconds(10))
            try await context.publish(["new"], to: queue)
            try await context.expectDelivery(["new"], from: queue, "after the retention")
        },
    ]

    static let deduplicationCases: [QueueCase] = [
        QueueCase("a second message with the same identifier is not stored within the window", .deduplication) {
            context in
            let queue = try await context.queue { $0.deduplicationWindow = context.scaled(.seconds(3_600)) }
            let message = OutgoingMessage([1], deduplicationID: "x")
            let first = try await context.engine.publish([message, message], to: queue)
            guard case .stored(let id) = first[0] else { throw ConformanceFailure("answered \(first)") }
            try expect(first[1] == .duplicate(id), "within one call the second was answered with \(first[1])")
            let second = try await context.other.publish([message], to: queue)
            try expect(second == [.duplicate(id)], "another client was answered with \(second)")
            let deliveries = try await context.receive(from: queue)
            try expect(deliveries.count == 1, "\(deliveries.count) messages were stored")
            try await context.settle(deliveries, .acknowledge, in: queue)
            let third = try await context.engine.publish([message], to: queue)
            try expect(third == [.duplicate(id)], "after it was done the answer was \(third)")
        },
        QueueCase("after the window the identifier is new", .deduplication) { context in
            let queue = try await context.queue { $0.deduplicationWindow = context.scaled(.seconds(10)) }
            let message = OutgoingMessage([1], deduplicationID: "x")
            _ = try await context.engine.publish([message], to: queue)
            try await context.outlive(.seconds(10))
            let again = try await context.engine.publish([message], to: queue)
            guard case .stored = again[0] else { throw ConformanceFailure("answered \(again)") }
        },
        QueueCase("identifiers of one queue mean nothing in another", .deduplication) { context in
            let (first, second) = (try await context.queue("one"), try await context.queue("two"))
            for queue in [first, second] {
                try await context.publish(["a"], to: queue) { $0.deduplicationID = "x" }
            }
        },
    ]

    static let waitingCases: [QueueCase] = [
        QueueCase("a wait ends when a message comes, and misses none", .waiting) { context in
            let queue = try await context.queue()
            let seen = try await context.engine.waitForChange(of: queue, since: 0, upTo: .zero)
            let waiter = context.start {
                try await context.engine.waitForChange(of: queue, since: seen, upTo: .seconds(3_600))
            }
            _ = try await context.other.publish([OutgoingMessage([1])], to: queue)
            try await context.eventually("the end of the wait") { waiter.outcome != nil }
            // What has happened before a wait ends it at once.
            let count = try await context.engine.waitForChange(of: queue, since: seen, upTo: .seconds(3_600))
            try expect(count != seen, "the change was not counted")
        },
        QueueCase("a wait ends when a delayed message is due, and when a lease is over", .waiting) { context in
            let queue = try await context.queue()
            let delay = context.scaled(.seconds(10))
            try await context.publish(["later"], to: queue) { $0.availability = .after(delay) }
            for round in 1...2 {
                let waiter = context.start { () -> [Delivery] in
                    while true {
                        // An engine that does not heed cancellation must not keep the suite busy for ever.
                        try Task.checkCancellation()
                        let seen = try await context.engine.waitForChange(of: queue, since: 0, upTo: .zero)
                        let found = try await context.receive(from: queue, lease: .seconds(10))
                        if !found.isEmpty { return found }
                        _ = try await context.engine.waitForChange(of: queue, since: seen, upTo: .seconds(3_600))
                    }
                }
                try await context.eventually("delivery \(round)") {
                    if waiter.outcome == nil { try await context.outlive(.seconds(1)) }
                    return waiter.outcome != nil
                }
                let found = try require(try waiter.outcome?.get().first, "nothing was delivered")
                try expect(found.attempt == round, "delivery \(round) counts as \(found.attempt)")
            }
        },
        QueueCase("what becomes due while somebody else looks is not missed", .waiting) { context in
            let queue = try await context.queue()
            let delay = context.scaled(.seconds(10))
            try await context.publish(["later"], to: queue) { $0.availability = .after(delay) }
            let seen = try await context.engine.waitForChange(of: queue, since: 0, upTo: .zero)
            let early = try await context.receive(from: queue, lease: .seconds(10))
            if !early.isEmpty { throw Inconclusive("the delay was over at once") }
            try await context.outlive(.seconds(10))
            // Nothing is asked for here, but the queue does what has become due.
            _ = try await context.other.settle([], in: queue)
            let waiter = context.start {
                try await context.engine.waitForChange(of: queue, since: seen, upTo: .seconds(3_600))
            }
            try await context.eventually("the end of the wait") { waiter.outcome != nil }
        },
        QueueCase("a wait for nothing ends at its limit, and by cancellation at once", .waiting) { context in
            let queue = try await context.queue()
            let seen = try await context.engine.waitForChange(of: queue, since: 0, upTo: .zero)
            let limited = context.start {
                try await context.engine.waitForChange(of: queue, since: seen, upTo: context.scaled(.seconds(10)))
            }
            try await context.eventually("the limit") {
                if limited.outcome == nil { try await context.outlive(.seconds(1)) }
                return limited.outcome != nil
            }
            let count = try require(try limited.outcome?.get(), "the wait has not ended")
            try expect(count == seen, "nothing has happened, and it was counted")
            let cancelled = context.start {
                try await context.engine.waitForChange(of: queue, since: seen, upTo: .seconds(86_400))
            }
            cancelled.cancel()
            try await context.eventually("the end by cancellation") { cancelled.outcome != nil }
            try await context.expectRefusal(.cancelled, what: "a cancelled wait") { _ = try cancelled.outcome?.get() }
        },
    ]
}
