import ColonyCore
import ColonyQueues

extension QueueConformance {
    static let leaseCases: [QueueCase] = [
        QueueCase("a leased message is delivered to nobody else until its lease ends", .leases) { context in
            let queue = try await context.queue()
            try await context.publish(["a"], to: queue)
            let start = context.harness.clock.now
            try await context.expectDelivery(["a"], from: queue, lease: .seconds(10), "at first")
            let second = try await context.receive(from: queue, by: context.other)
            try context.demand(.seconds(10), since: start)
            try expect(second.isEmpty, "it was delivered twice at a time")
            try await context.outlive(.seconds(10))
            let third = try await context.receive(from: queue, by: context.other)
            try expect(third.map(\.attempt) == [2], "after the lease there are the attempts \(third.map(\.attempt))")
        },
        QueueCase("the end of a lease that the consumer is told is not later than the store's", .leases) { context in
            let queue = try await context.queue()
            try await context.publish(["a"], to: queue)
            let before = context.harness.clock.now
            let deliveries = try await context.receive(from: queue, lease: .seconds(10))
            let after = context.harness.clock.now
            let lease = context.scaled(.seconds(10))
            try expect(
                deliveries.allSatisfy {
                    $0.leaseEnd >= before.advanced(by: lease) && $0.leaseEnd <= after.advanced(by: lease)
                },
                "the lease ends at \(deliveries.map(\.leaseEnd)), asked for between \(before) and \(after)")
        },
        QueueCase("staleAckRejected: after redelivery the first consumer can settle nothing", .leases) { context in
            let queue = try await context.queue()
            try await context.publish(["a"], to: queue)
            let first = try await context.expectDelivery(["a"], from: queue, lease: .seconds(5), "at first")
            try await context.outlive(.seconds(5))
            let second = try await context.expectDelivery(["a"], from: queue, "after the lease")
            for kind in [
                .acknowledge, .handBack, .extend(.seconds(60)), .retry(after: .zero, reason: "late"),
                .deadLetter(reason: "late"),
            ] as [Settlement.Kind] {
                try await context.settle(first, kind, in: queue, expecting: .stale)
            }
            try await context.settle(second, .acknowledge, in: queue)
            try await context.settle(second, .acknowledge, in: queue, expecting: .stale)
        },
        QueueCase("a lease that has ended is stale although nobody else has the message yet", .leases) { context in
            let queue = try await context.queue()
            try await context.publish(["a"], to: queue)
            let first = try await context.expectDelivery(["a"], from: queue, lease: .seconds(5), "at first")
            try await context.outlive(.seconds(5))
            try await context.settle(first, .acknowledge, in: queue, expecting: .stale)
            try await context.expectDelivery(["a"], from: queue, "after the late acknowledgement")
        },
        QueueCase("an extended lease ends later, and never earlier than before", .leases) { context in
            let queue = try await context.queue()
            try await context.publish(["a"], to: queue)
            let start = context.harness.clock.now
            let first = try await context.expectDelivery(["a"], from: queue, lease: .seconds(10), "at first")
            try await context.settle(first, .extend(context.scaled(.seconds(20))), in: queue)
            try await context.settle(first, .extend(MessageLimits.lease.lowerBound), in: queue)
            try context.demand(.seconds(10), since: start)
            try await context.outlive(.seconds(10))
            let second = try await context.receive(from: queue)
            try context.demand(.seconds(20), since: start)
            try expect(second.isEmpty, "it was delivered again before the extended lease was over")
            try await context.settle(first, .acknowledge, in: queue)
        },
        QueueCase("receipts that nobody was given are stale", .leases) { context in
            let queue = try await context.queue()
            let other = try await context.queue("other")
            try await context.publish(["a"], to: queue)
            let delivery = try require(try await context.receive(from: queue).first, "nothing was delivered")
            let receipt = delivery.receipt
            for forged in [
                Receipt(message: receipt.message, attempt: receipt.attempt, nonce: receipt.nonce &+ 1),
                Receipt(message: receipt.message, attempt: receipt.attempt + 1, nonce: receipt.nonce),
                Receipt(message: MessageID(rawValue: receipt.message.rawValue + 1), attempt: 1, nonce: receipt.nonce),
                Receipt(message: MessageID(rawValue: .max), attempt: 1, nonce: receipt.nonce),
            ] {
                let outcomes = try await context.engine.settle([Settlement(forged, .acknowledge)], in: queue)
                try expect(outcomes == [.stale], "\(forged) was answered with \(outcomes)")
            }
            try await context.settle([delivery], .acknowledge, in: other, expecting: .stale)
            try await context.settle([delivery], .acknowledge, in: queue)
        },
    ]

    static let settlementCases: [QueueCase] = [
        QueueCase("an acknowledged message is gone", .settlement) { context in
            let queue = try await context.queue()
            try await context.publish(["a", "b"], to: queue)
            let deliveries = try await context.expectDelivery(["a", "b"], from: queue, lease: .seconds(5), "at first")
            try await context.settle([deliveries[0]], .acknowledge, in: queue, by: context.other)
            try await context.outlive(.seconds(5))
            try await context.expectDelivery(["b"], from: queue, "after one was acknowledged")
        },
        QueueCase("a failed message rests and comes again, with its attempt counted", .settlement) { context in
            let queue = try await context.queue()
            try await context.publish(["a", "b"], to: queue)
            let first = try await context.expectDelivery(["a"], from: queue, limit: 1, "at first")
            let start = context.harness.clock.now
            try await context.settle(first, .retry(after: context.scaled(.seconds(10)), reason: "busy"), in: queue)
            let early = try await context.receive(from: queue)
            try context.demand(.seconds(10), since: start)
            try expect(
                early.map { String(decoding: $0.body, as: UTF8.self) } == ["b"], "a failed message does not rest")
            try await context.outlive(.seconds(10))
            let again = try await context.expectDelivery(["a"], from: queue, "after its rest")
            try expect(again.map(\.attempt) == [2], "the second delivery counts as \(again.map(\.attempt))")
        },
        QueueCase("a failed message without a rest comes at once", .settlement) { context in
            let queue = try await context.queue()
            try await context.publish(["a", "b"], to: queue)
            let first = try await context.expectDelivery(["a"], from: queue, limit: 1, "at first")
            try await context.settle(first, .retry(after: .zero, reason: "again"), in: queue)
            let again = try await context.expectDelivery(["a", "b"], from: queue, "at once")
            try expect(again.map(\.attempt) == [2, 1], "the deliveries count as \(again.map(\.attempt))")
        },
        QueueCase("settlements of one call are answered one by one", .settlement) { context in
            let queue = try await context.queue()
            try await context.publish(["a", "b", "c"], to: queue)
            let deliveries = try await context.receive(from: queue)
            try await context.settle([deliveries[1]], .acknowledge, in: queue)
            let outcomes = try await context.engine.settle(
                [
                    Settlement(deliveries[0].receipt, .acknowledge), Settlement(deliveries[1].receipt, .acknowledge),
                    Settlement(deliveries[2].receipt, .handBack), Settlement(deliveries[2].receipt, .acknowledge),
                ], in: queue)
            try expect(outcomes == [.settled, .stale, .settled, .stale], "the answers are \(outcomes)")
            try await context.expectDelivery(["c"], from: queue, "after all")
        },
        QueueCase("poisonIsQuarantined: a message that nobody finishes is given up after its deliveries", .settlement) {
            context in
            let queue = try await context.queue { $0.deliveryLimit = 3 }
            try await context.publish(["poison"], to: queue)
            for attempt in 1...3 {
                let deliveries = try await context.expectDelivery(
                    ["poison"], from: queue, lease: .seconds(2), "at delivery \(attempt)")
                try expect(deliveries.map(\.attempt) == [attempt], "it counts as \(deliveries.map(\.attempt))")
                // The consumer dies: a crash counts like a failure.
                try await context.outlive(.seconds(2))
            }
            try await context.expectDelivery([], from: queue, "after three deliveries")
            if let engine = context.administration {
                let letters = try await engine.deadLetters(of: queue, after: nil, limit: 10)
                try expect(
                    letters.map { String(decoding: $0.message.body, as: UTF8.self) } == ["poison"]
                        && letters.map(\.attempts) == [3], "the dead letters are \(letters)")
            }
        },
    ]

    static let keyCases: [QueueCase] = [
        QueueCase("fifoGroupHolds: of one key one message is under way at a time, and other keys flow", .keys) {
            context in
            let queue = try await context.queue()
            for text in ["a1", "a2", "b1", "a3", "free", "b2"] {
                try await context.publish([text], to: queue) { $0.key = text == "free" ? nil : String(text.prefix(1)) }
            }
            let first = try await context.expectDelivery(["a1", "b1", "free"], from: queue, "at first")
            try await context.expectDelivery([], from: queue, "with the heads under way")
            try await context.settle([first[0]], .extend(context.scaled(.seconds(7_200))), in: queue)
            try await context.expectDelivery([], from: queue, "with a head extended")
            try await context.settle([first[1]], .acknowledge, in: queue)
            let second = try await context.expectDelivery(["b2"], from: queue, "with b1 done")
            try await context.settle([first[0]], .handBack, in: queue)
            let third = try await context.expectDelivery(["a1"], from: queue, "with a1 handed back")
            try await context.settle(third + second, .acknowledge, in: queue)
            let fourth = try await context.expectDelivery(["a2"], from: queue, "with a1 done")
            try await context.settle(fourth, .deadLetter(reason: "broken"), in: queue)
            try await context.expectDelivery(["a3"], from: queue, "with a2 dead")
        },
        QueueCase("while a message of a key rests, later ones of the key wait", .keys) { context in
            let queue = try await context.queue()
            try await context.publish(["a1", "a2"], to: queue) { $0.key = "a" }
            let first = try await context.expectDelivery(["a1"], from: queue, "at first")
            let start = context.harness.clock.now
            try await context.settle(first, .retry(after: context.scaled(.seconds(10)), reason: "busy"), in: queue)
            let early = try await context.receive(from: queue)
            try context.demand(.seconds(10), since: start)
            try expect(early.isEmpty, "a later message of the key has passed the one that rests")
            try await context.outlive(.seconds(10))
            try await context.expectDelivery(["a1"], from: queue, "after the rest")
        },
        QueueCase("priorities do not change the order of a key", .keys) { context in
            let queue = try await context.queue()
            try await context.publish(["low"], to: queue) { ($0.key, $0.priority) = ("a", 0) }
            try await context.publish(["high"], to: queue) { ($0.key, $0.priority) = ("a", 9) }
            let first = try await context.expectDelivery(["low"], from: queue, "at first")
            try await context.settle(first, .acknowledge, in: queue)
            try await context.expectDelivery(["high"], from: queue, "with the first done")
        },
        QueueCase("keys differ by their bytes", .keys) { context in
            let queue = try await context.queue()
            for key in ["e\u{301}", "\u{E9}", "E", "e", "e "] {
                try await context.publish([key], to: queue) { $0.key = key }
            }
            let deliveries = try await context.receive(from: queue)
            try expect(deliveries.count == 5, "five keys have \(deliveries.count) heads")
        },
        QueueCase("without order per key, messages of one key are free", .keys) { context in
            let queue = try await context.queue { $0.order = .priority }
            try await context.publish(["a1", "a2"], to: queue) { $0.key = "a" }
            try await context.expectDelivery(["a1", "a2"], from: queue, "at once")
        },
    ]
}
