import ColonyQueues

extension QueueConformance {
    static let fairnessCases: [QueueCase] = [
        QueueCase("a key with very many messages keeps another waiting for one", .fairness) { context in
            let queue = try await context.queue { $0.order = .fair }
            let many = context.amount(5_000, atLeast: 50)
            for start in stride(from: 0, to: many, by: 500) {
                let texts = (start..<min(start + 500, many)).map { "many\($0)" }
                try await context.publish(texts, to: queue) { $0.key = "many" }
            }
            try await context.expectDelivery(["many0", "many1"], from: queue, limit: 2, "before others came")
            try await context.publish(["few0", "few1"], to: queue) { $0.key = "few" }
            try await context.publish(["free0", "free1"], to: queue)
            try await context.expectDelivery(
                ["many2", "few0", "free0", "many3", "few1", "free1", "many4"], from: queue, limit: 7,
                "with others there")
        },
        QueueCase("a key that was away gets no more turns than its share for that", .fairness) { context in
            let queue = try await context.queue { $0.order = .fair }
            try await context.publish((0..<20).map { "a\($0)" }, to: queue) { $0.key = "a" }
            try await context.expectDelivery((0..<10).map { "a\($0)" }, from: queue, limit: 10, "alone")
            try await context.publish(["b0", "b1", "b2"], to: queue) { $0.key = "b" }
            try await context.expectDelivery(
                ["a10", "b0", "a11", "b1", "a12", "b2", "a13"], from: queue, limit: 7, "together")
        },
        QueueCase("priorities come before turns", .fairness) { context in
            let queue = try await context.queue { $0.order = .fair }
            try await context.publish(["a0", "a1"], to: queue) { ($0.key, $0.priority) = ("a", 9) }
            try await context.publish(["b0"], to: queue) { ($0.key, $0.priority) = ("b", 0) }
            try await context.publish(["c0"], to: queue) { ($0.key, $0.priority) = ("c", 9) }
            try await context.expectDelivery(["a0", "c0", "a1", "b0"], from: queue, "all at once")
        },
        QueueCase("where keys take turns, what failed comes last of its key, and what was handed back soon", .fairness)
        {
            context in
            let queue = try await context.queue { $0.order = .fair }
            try await context.publish(["a0", "a1", "a2"], to: queue) { $0.key = "a" }
            try await context.publish(["b0", "b1", "b2"], to: queue) { $0.key = "b" }
            let first = try await context.expectDelivery(["a0"], from: queue, limit: 1, "at first")
            try await context.settle(first, .retry(after: .zero, reason: "busy"), in: queue)
            let second = try await context.expectDelivery(["b0"], from: queue, limit: 1, "with a0 failed")
            try await context.settle(second, .handBack, in: queue)
            try await context.expectDelivery(["a1", "b0", "b1", "a2", "b2", "a0"], from: queue, "with b0 handed back")
        },
        QueueCase("keys take turns also where one message of each is under way at a time", .fairness) { context in
            let queue = try await context.queue { $0.order = .fairPerKey }
            try await context.publish((0..<4).map { "a\($0)" }, to: queue) { $0.key = "a" }
            try await context.publish((0..<2).map { "b\($0)" }, to: queue) { $0.key = "b" }
            for text in ["a0", "b0", "a1", "b1", "a2", "a3"] {
                let delivery = try await context.expectDelivery([text], from: queue, limit: 1, "one by one")
                if text == "a1" {
                    let others = try await context.expectDelivery(["b1"], from: queue, "while a1 is under way")
                    try await context.settle(others, .handBack, in: queue)
                }
                try await context.settle(delivery, .acknowledge, in: queue)
            }
        },
        QueueCase("what takes turns can be taken back and is counted", .fairness) { context in
            let queue = try await context.queue { $0.order = .fair }
            let ids = try await context.publish(["a0", "a1", "a2"], to: queue) { $0.key = "a" }
            try await context.publish(["b0"], to: queue) { $0.key = "b" }
            let taken = try await context.other.cancel([ids[0], ids[0]], in: queue)
            try expect(taken == [true, false], "taking a message back twice was answered with \(taken)")
            if let administration = context.administration {
                let record = try require(try await administration.inspect(queue), "the queue is gone")
                try expect(record.statistics.ready == 3, "three are ready, and \(record.statistics.ready) are counted")
            }
            try await context.expectDelivery(["b0", "a1", "a2"], from: queue, "without a0")
        },
    ]
}
