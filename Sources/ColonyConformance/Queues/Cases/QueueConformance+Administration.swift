import ColonyCore
import ColonyQueues

extension QueueConformance {
    static let deadLetterCases: [QueueCase] = [
        QueueCase("a dead letter is parked with its reason and its attempts", .deadLetters) { context in
            let queue = try await context.queue()
            try await context.publish(["a"], to: queue) { ($0.key, $0.headers) = ("k", ["h": "v"]) }
            var deliveries = try await context.expectDelivery(["a"], from: queue, "at first")
            try await context.settle(deliveries, .retry(after: .zero, reason: "busy"), in: queue)
            deliveries = try await context.expectDelivery(["a"], from: queue, "again")
            try await context.settle(deliveries, .deadLetter(reason: "broken"), in: queue)
            let letters = try await context.administrated().deadLetters(of: queue, after: nil, limit: 10)
            let letter = try require(letters.first, "there is no dead letter")
            try expect(letters.count == 1 && letter.id == deliveries[0].id, "the dead letters are \(letters)")
            try expect(
                letter.reason == "broken" && letter.attempts == 2 && letter.origin == queue
                    && letter.publishedAt == deliveries[0].publishedAt,
                "the dead letter is \(letter)")
            try expect(
                letter.message == OutgoingMessage(Array("a".utf8), key: "k", headers: ["h": "v"]),
                "its message is \(letter.message)")
            try await context.expectDelivery([], from: queue, "after it has died")
        },
        QueueCase("the dead-letter queue gets the message with where it comes from, in the same step", .deadLetters) {
            context in
            let dead = try await context.queue("dead")
            let queue = try await context.queue { $0.deadLetterQueue = dead }
            try await context.publish(["a"], to: queue) { $0.headers = ["h": "v"] }
            let deliveries = try await context.expectDelivery(["a"], from: queue, "at first")
            try await context.settle(deliveries, .deadLetter(reason: "broken"), in: queue)
            let letters = try await context.expectDelivery(["a"], from: dead, "in the dead-letter queue")
            try expect(
                letters[0].id == deliveries[0].id && letters[0].attempt == 1, "it came as \(letters[0].receipt)")
            var headers = letters[0].headers
            let history = headers.removeValue(forKey: "dead-letter-history") ?? ""
            try expect(
                headers == [
                    "h": "v", "dead-letter-queue": queue.rawValue, "dead-letter-reason": "broken",
                    "dead-letter-attempts": "1",
                ], "its headers are \(letters[0].headers)")
            try expect(history.hasPrefix("1 ") && history.hasSuffix("Z broken"), "its history is \"\(history)\"")
            let statistics = try await context.administrated().inspect(queue)?.statistics
            try expect(
                statistics?.count == 0 && statistics?.bytes == 0, "the queue keeps \(String(describing: statistics))")
        },
        QueueCase("dead letters are kept while their dead-letter queue does not exist", .deadLetters) { context in
            let missing = try context.name("missing")
            let queue = try await context.queue { $0.deadLetterQueue = missing }
            try await context.publish(["a"], to: queue)
            let deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries, .deadLetter(reason: "broken"), in: queue)
            let letters = try await context.administrated().deadLetters(of: queue, after: nil, limit: 10)
            try expect(letters.count == 1, "there are \(letters.count) dead letters")
        },
        QueueCase("a redriven dead letter is delivered as if it were new", .deadLetters) { context in
            let queue = try await context.queue { $0.deliveryLimit = 1 }
            let other = try await context.queue("other")
            try await context.publish(["a", "b", "c"], to: queue) { $0.key = "k" }
            for _ in 1...3 {
                let deliveries = try await context.receive(from: queue)
                try await context.settle(deliveries, .retry(after: .zero, reason: "broken"), in: queue)
            }
            let engine = try context.administrated()
            let letters = try await engine.deadLetters(of: queue, after: nil, limit: 10)
            try expect(letters.count == 3, "there are \(letters.count) dead letters")
            try expect(try await engine.redrive([letters[0].id], of: queue, to: nil) == 1, "it was not redriven")
            try expect(try await engine.redrive([letters[0].id], of: queue, to: nil) == 0, "it was redriven twice")
            let again = try await context.expectDelivery(["a"], from: queue, "after its redrive")
            try expect(again[0].attempt == 1, "its attempts are still counted")
            try expect(try await engine.redrive([letters[1].id], of: queue, to: other) == 1, "it was not redriven")
            try await context.expectDelivery(["b"], from: other, "in another queue")
            try expect(try await engine.dropDeadLetters(letters.map(\.id), of: queue) == 1, "one was left to drop")
            let statistics = try await engine.inspect(queue)?.statistics
            try expect(statistics?.dead == 0 && statistics?.leased == 1, "\(String(describing: statistics))")
        },
        QueueCase("a dead letter that is named twice is redriven once", .deadLetters) { context in
            let queue = try await context.queue()
            let ids = try await context.publish(["a"], to: queue)
            let deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries, .deadLetter(reason: "broken"), in: queue)
            let engine = try context.administrated()
            let moved = try await engine.redrive([ids[0], ids[0]], of: queue, to: nil)
            try expect(moved == 1, "one dead letter was redriven as \(moved)")
            let totals = try require(try await engine.inspect(queue), "there is no record").totals
            try expect(totals.published == 2, "\(totals.published) are counted as published")
            try await context.expectDelivery(["a"], from: queue, "after the redrive")
        },
        QueueCase("a redriven message is kept for the retention from then on", .deadLetters) { context in
            let queue = try await context.queue { $0.retention = context.scaled(.seconds(20)) }
            let ids = try await context.publish(["a"], to: queue)
            let deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries, .deadLetter(reason: "broken"), in: queue)
            try await context.outlive(.seconds(12))
            let start = context.harness.clock.now
            let engine = try context.administrated()
            try expect(try await engine.redrive(ids, of: queue, to: nil) == 1, "it was not redriven")
            try await context.outlive(.seconds(12))
            let again = try await context.receive(from: queue)
            try context.demand(.seconds(20), since: start)
            try expect(again.map(\.id) == ids, "the retention of its first life has ended it")
        },
        QueueCase("a dead letter remembers its failed deliveries", .deadLetters) { context in
            let queue = try await context.queue { $0.deliveryLimit = 3 }
            try await context.publish(["a"], to: queue)
            var deliveries = try await context.receive(from: queue, lease: .seconds(10))
            try await context.settle(deliveries, .retry(after: .zero, reason: "first"), in: queue)
            deliveries = try await context.receive(from: queue, lease: .seconds(10))
            try await context.outlive(.seconds(10))
            deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries, .handBack, in: queue)
            deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries, .retry(after: .zero, reason: "third"), in: queue)
            let letters = try await context.administrated().deadLetters(of: queue, after: nil, limit: 10)
            let letter = try require(letters.first, "there is no dead letter")
            try expect(letter.history.map(\.attempt) == [1, 2, 3], "the history is \(letter.history)")
            try expect(
                letter.history.first?.reason == "first" && letter.history.last?.reason == "third",
                "the history is \(letter.history)")
        },
        QueueCase("a dead-letter queue is redriven to where its messages came from", .deadLetters) { context in
            let dead = try await context.queue("dead")
            let queue = try await context.queue {
                $0.deadLetterQueue = dead
                $0.deliveryLimit = 1
            }
            let ids = try await context.publish(["a", "b"], to: queue) { $0.headers = ["h": "v"] }
            let deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries, .retry(after: .zero, reason: "broken"), in: queue)
            try await context.publish(["other"], to: dead)
            let held = try await context.expectDelivery(["a"], from: dead, limit: 1, "in the dead-letter queue")
            let engine = try context.administrated()
            let all = try await engine.messages(of: dead, after: nil, limit: 10).map(\.id)
            try expect(
                try await engine.redrive(all, of: dead, to: nil) == 1,
                "one is with a consumer, and one is no dead letter")
            let back = try await context.expectDelivery(["b"], from: queue, "after the redrive")
            try expect(
                back[0].id == ids[1] && back[0].attempt == 1 && back[0].headers == ["h": "v"],
                "it came back as \(back[0])")
            try await context.settle(held, .acknowledge, in: dead)
            try await context.expectDelivery(["other"], from: dead, "in the dead-letter queue")
        },
        QueueCase("pages of dead letters follow one another", .deadLetters) { context in
            let queue = try await context.queue()
            let ids = try await context.publish((0..<25).map(String.init), to: queue)
            let deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries.reversed(), .deadLetter(reason: "broken"), in: queue)
            let engine = try context.administrated()
            var found: [MessageID] = []
            while true {
                let page = try await engine.deadLetters(of: queue, after: found.last, limit: 10)
                if page.isEmpty { break }
                found += page.map(\.id)
            }
            try expect(found == ids, "the pages have \(found)")
        },
    ]

    static let administrationCases: [QueueCase] = [
        QueueCase(
            "numbers that nobody was given are no messages, and nothing comes after the greatest", .administration
        ) {
            context in
            let (queue, other) = (try await context.queue(), try await context.queue("other"))
            let engine = try context.administrated()
            try await context.publish(["a"], to: queue)
            try await context.publish(["b"], to: other)
            for number: Int64 in [.max, .max - 1, 1 << 62, 1 << 46, 1 << 45, 1 << 44] {
                let id = MessageID(rawValue: number)
                try expect(
                    try await engine.messages(of: queue, after: id, limit: 10).isEmpty, "messages come after \(number)")
                try expect(
                    try await engine.deadLetters(of: queue, after: id, limit: 10).isEmpty,
                    "dead letters come after \(number)")
                try expect(try await engine.cancel([id], in: queue) == [false], "\(number) was cancelled")
                try expect(try await engine.redrive([id], of: queue, to: nil) == 0, "\(number) was redriven")
                try expect(try await engine.dropDeadLetters([id], of: queue) == 0, "\(number) was dropped")
            }
            try await context.expectDelivery(["a"], from: queue, "after all that")
            try await context.expectDelivery(["b"], from: other, "after all that")
        },
        QueueCase("the counts of a queue tell where its messages stand", .administration) { context in
            let queue = try await context.queue()
            let engine = try context.administrated()
            try await context.publish(["a1", "a2"], to: queue) { $0.key = "a" }
            try await context.publish(["later"], to: queue) { $0.availability = .after(.seconds(86_400)) }
            try await context.publish(["x", "y"], to: queue)
            let deliveries = try await context.receive(2, from: queue)
            try await context.settle([deliveries[1]], .deadLetter(reason: "broken"), in: queue)
            let counts = try require(try await engine.inspect(queue), "there is no record").statistics
            var expected = QueueStatistics()
            (expected.ready, expected.waiting, expected.delayed, expected.leased, expected.dead) = (1, 1, 1, 1, 1)
            expected.bytes = 13
            try expect(counts == expected, "the counts are \(counts)")
            let standings = try await engine.messages(of: queue, after: nil, limit: 10).map(\.standing)
            try expect(standings == [.leased, .waiting, .delayed, .ready], "the standings are \(standings)")
        },
        QueueCase("the totals of a queue tell what has happened", .administration) { context in
            let queue = try await context.queue()
            let engine = try context.administrated()
            try await context.publish(["a", "b"], to: queue)
            try await context.publish(["later"], to: queue) { $0.availability = .after(context.scaled(.seconds(5))) }
            var deliveries = try await context.receive(1, from: queue)
            try await context.settle(deliveries, .acknowledge, in: queue)
            deliveries = try await context.receive(1, from: queue, lease: .seconds(10))
            try await context.outlive(.seconds(10))
            deliveries = try await context.receive(from: queue)
            try await context.settle(deliveries, .acknowledge, in: queue)
            let totals = try require(try await engine.inspect(queue), "there is no record").totals
            try expect(
                totals.published == 3 && totals.delivered == 4 && totals.acknowledged == 3 && totals.leasesLost == 1
                    && totals.undelayed == 1 && totals.lateness >= .zero,
                "the totals are \(totals)")
        },
        QueueCase("a paused queue takes messages and delivers none", .administration) { context in
            let queue = try await context.queue()
            let engine = try context.administrated()
            try await context.publish(["a"], to: queue)
            let held = try await context.receive(from: queue)
            try expect(try await engine.pause(queue, true), "it was paused already")
            try expect(try await !engine.pause(queue, true), "it was paused twice")
            try await context.publish(["b"], to: queue)
            try await context.expectDelivery([], from: queue, "while it is paused")
            try await context.settle(held, .acknowledge, in: queue)
            try expect(try await engine.inspect(queue)?.isPaused == true, "it does not say that it is paused")
            let seen = try await context.other.waitForChange(of: queue, since: 0, upTo: .zero)
            let wait = context.start {
                try await context.other.waitForChange(of: queue, since: seen, upTo: .seconds(3_600))
            }
            try expect(try await engine.pause(queue, false), "it was not paused")
            let outcome = try require(
                await wait.outcome(within: context.harness.patience), "a consumer was not told that it may go on")
            try expect(try outcome.get() != seen, "nothing has changed")
            try await context.expectDelivery(["b"], from: queue, "after the pause")
        },
        QueueCase("messages that are with no consumer can be taken back", .publishing) { context in
            let queue = try await context.queue()
            let ids = try await context.publish(["a1", "a2", "a3"], to: queue) { $0.key = "a" }
            let start = context.harness.clock.now
            let later = try await context.publish(["later"], to: queue) {
                $0.availability = .after(context.scaled(.seconds(10)))
            }
            let deliveries = try await context.receive(from: queue)
            try context.demand(.seconds(10), since: start)
            try expect(deliveries.map(\.id) == [ids[0]], "\(deliveries.map(\.id)) were delivered at first")
            let engine = context.engine
            let unknown = MessageID(rawValue: 1 << 60)
            try expect(
                try await engine.cancel([ids[0], ids[1], later[0], unknown], in: queue) == [false, true, true, false],
                "what is leased or unknown cannot be taken back, and the others can")
            try expect(try await engine.cancel([ids[1]], in: queue) == [false], "it was taken back twice")
            try await context.settle(deliveries, .acknowledge, in: queue)
            try await context.expectDelivery(["a3"], from: queue, "after the first was done")
            try await context.outlive(.seconds(10))
            try await context.expectDelivery([], from: queue, "when the delay would have ended")
        },
        QueueCase("the list of queues has each once, by name", .administration) { context in
            let engine = try context.administrated()
            for text in ["c", "a", "b"] { _ = try await context.queue(text) }
            let page = try await engine.queues(after: try context.name(""), limit: 3)
            let names = ["a", "b", "c"].map { context.prefix + $0 }
            try expect(page.map(\.name.rawValue) == names, "the list is \(page.map(\.name))")
        },
        QueueCase("a purge leaves what is under way and dead letters", .administration) { context in
            let queue = try await context.queue()
            let engine = try context.administrated()
            try await context.publish(["a", "b", "c"], to: queue) { $0.key = "k" }
            try await context.publish(["later"], to: queue) { $0.availability = .after(.seconds(60)) }
            let deliveries = try await context.expectDelivery(["a"], from: queue, "at first")
            try expect(try await engine.purge(queue) == 3, "three were to be purged")
            try expect(try await engine.purge(queue) == 0, "nothing was to be purged")
            try await context.settle(deliveries, .deadLetter(reason: "broken"), in: queue)
            try expect(try await engine.purge(queue) == 0, "a dead letter was to be left")
            let counts = try await engine.inspect(queue)?.statistics
            try expect(counts?.count == 1 && counts?.dead == 1 && counts?.bytes == 2, "\(String(describing: counts))")
        },
        QueueCase("only an empty queue is deleted", .administration) { context in
            let queue = try await context.queue()
            let engine = try context.administrated()
            try await context.publish(["a"], to: queue)
            try await context.expectRefusal(.conflict, what: "the deletion of a queue with a message") {
                _ = try await engine.delete(queue)
            }
            try await engine.purge(queue)
            try expect(try await engine.delete(queue), "it was not deleted")
            try expect(try await !engine.delete(queue), "it was deleted twice")
            try expect(try await engine.inspect(queue) == nil, "it has a record")
            try expect(try await context.engine.declare(queue, QueueSettings()), "it was not made anew")
        },
    ]
}
