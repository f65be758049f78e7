import ColonyCore
import ColonyQueues

extension TopicConformance {
    static let retentionCases: [QueueCase] = [
        QueueCase("what nobody has asked to keep is read for a minute, and a late reader is told", .topics) { context in
            let start = try await context.end()
            try await context.publish("a", toTopic: "x")
            try await context.expectTopics(["a"], "x", after: start, "at once")
            // A minute is too long to wait for on a store that lives on real time.
            guard context.harness.timeScale == 1 else { return }
            try await context.pass(.seconds(59))
            let inTime = try await context.read("x", after: start)
            try expect(inTime.texts == ["a"] && !inTime.isIncomplete, "after 59 seconds: \(inTime)")
            try await context.pass(.seconds(1))
            let late = try await context.read("x", after: start)
            try expect(late.texts == [] && late.isIncomplete, "after a minute: \(late)")
            let onward = try await context.read("x", after: late.next)
            try expect(!onward.isIncomplete, "a reader who has gone on is told again")
        },
        QueueCase("a retention keeps its topics for its time, whatever becomes of others", .topics) { context in
            // A retention lasts a second at least, so a scale may not shorten it.
            let unit = Duration.seconds(1)
            try await context.retain("short.#", unit)
            try await context.retain("long.#", .seconds(3_600))
            let start = try await context.end()
            try await context.publish("s", toTopic: "short.x")
            try await context.publish("l", toTopic: "long.x")
            try await context.harness.advance(by: unit + context.harness.resolution)
            let short = try await context.read("short.x", after: start)
            try expect(short.texts == [] && short.isIncomplete, "of the short one: \(short)")
            let long = try await context.read("long.#", after: start)
            try expect(long.texts == ["l"] && !long.isIncomplete, "of the long one: \(long)")
            let exact = try await context.read("long.x", after: start)
            try expect(exact.texts == ["l"] && !exact.isIncomplete, "of one topic of the long one: \(exact)")
        },
        QueueCase("of the retentions that fit, the longest decides", .topics) { context in
            try await context.retain("#", .seconds(1))
            try await context.retain("x.*", .seconds(3_600))
            let start = try await context.end()
            try await context.publish("a", toTopic: "x.y")
            try await context.publish("b", toTopic: "y")
            try await context.harness.advance(by: .seconds(1) + context.harness.resolution)
            try await context.expectTopics(["a"], "#", after: start, "after the shorter one")
        },
        QueueCase("a retention holds no more bytes than it says, and the oldest go first", .topics) { context in
            try await context.retain("x", .seconds(3_600), upTo: 10)
            let start = try await context.end()
            for text in ["aaaa", "bbbb", "cc", "dddd"] { try await context.publish(text, toTopic: "x") }
            try await context.publish("y", toTopic: "y")
            let found = try await context.read("x", after: start)
            try expect(found.texts == ["bbbb", "cc", "dddd"] && found.isIncomplete, "with 10 bytes: \(found)")
            try await context.publish(String(repeating: "e", count: 20), toTopic: "x")
            let large = try await context.read("x", after: start)
            try expect(large.texts.map(\.utf8.count) == [20], "the latest, which is too large, is not alone: \(large)")
        },
        QueueCase("a retention that is changed or taken back keeps what it has promised", .topics) { context in
            try await context.retain("x", .seconds(3_600))
            let start = try await context.end()
            try await context.publish("a", toTopic: "x")
            try await context.retain("x", .seconds(1))
            try await context.publish("b", toTopic: "x")
            try await context.harness.advance(by: .seconds(1) + context.harness.resolution)
            let changed = try await context.read("x", after: start)
            try expect(changed.texts == ["a"] && changed.isIncomplete, "after the change: \(changed)")
            let engine = try context.topics()
            let record = try await engine.retentions().first { $0.pattern == (try? context.pattern("x")) }
            try expect(
                record?.retention == TopicRetention(.seconds(1), upTo: 1 << 20) && record?.messages == 1
                    && record?.bytes == 1, "it is listed as \(String(describing: record))")
            try await engine.retain(try context.pattern("x"), nil)
            try await context.expectTopics(["a"], "x", after: start, "after it was taken back")
            let isListed = try await engine.retentions().contains { $0.pattern == (try? context.pattern("x")) }
            try expect(!isListed, "it is listed although it was taken back")
        },
        QueueCase("retentions of other clients count at once, and are listed by pattern", .topics) { context in
            let other = try context.topics(by: context.other)
            try await context.retain("b", .seconds(60))
            try await context.retain("a.*", .seconds(3_600), upTo: 100)
            try await context.publish("123", toTopic: "a.x", by: context.other)
            let prefix = context.prefix
            let records = try await other.retentions().filter { $0.pattern.text.hasPrefix(prefix) }
            try expect(
                records == [
                    RetentionRecord(
                        pattern: try context.pattern("a.*"), retention: TopicRetention(.seconds(3_600), upTo: 100),
                        messages: 1, bytes: 3),
                    RetentionRecord(
                        pattern: try context.pattern("b"), retention: TopicRetention(.seconds(60), upTo: 1 << 20),
                        messages: 0, bytes: 0),
                ], "they are listed as \(records)")
        },
    ]

    static let durableCases: [QueueCase] = [
        QueueCase("a queue that is bound to topics has what is published to them, with its topic", .topics) { context in
            let queue = try await context.queue()
            try await context.bind(.topics, to: queue, where: .pattern(try context.pattern("*.paid")))
            let start = try await context.end()
            try await context.publish("a", toTopic: "de.paid", by: context.other)
            try await context.publish("b", toTopic: "de.sent")
            try await context.expectTopics(["a", "b"], "#", after: start, "in the log")
            let deliveries = try await context.expectDelivery(["a"], from: queue, "of two")
            try expect(
                deliveries[0].headers == [TopicHeader.topic: try context.topic("de.paid").text],
                "its headers are \(deliveries[0].headers)")
            try await context.settle(deliveries, .acknowledge, in: queue)
        },
        QueueCase("a message that a durable subscription has no room for is nowhere", .topics) { context in
            let free = try await context.queue("1")
            let full = try await context.queue("2") { ($0.capacity, $0.overflow) = (1, .reject) }
            try await context.bind(.topics, to: free, where: .pattern(try context.pattern("#")))
            try await context.bind(.topics, to: full, where: .pattern(try context.pattern("x")))
            let start = try await context.end()
            let messages = try ["x", "y", "x", "y"].map { TopicMessage(try context.topic($0), Array($0.utf8)) }
            let outcomes = try await context.topics().publish(messages)
            guard outcomes.count == 4, case .stored = outcomes[0], case .stored = outcomes[1],
                outcomes[2] == .full(full, .reject), outcomes[3] == .full(full, .reject)
            else { throw ConformanceFailure("the answers are \(outcomes)") }
            try await context.expectTopics(["x", "y"], "#", after: start, "with no room for the third")
            try await context.expectDelivery(["x", "y"], from: free, "with no room in the other")
            try await context.expectDelivery(["x"], from: full, "with room for one")
        },
        QueueCase("what goes through the exchange of topics itself is in no log", .topics) { context in
            let queue = try await context.queue()
            try await context.bind(.topics, to: queue, where: .pattern(try context.pattern("x")))
            let start = try await context.end()
            try await context.publish("a", through: .topics, key: context.topic("x").text, reaching: [queue])
            try await context.expectTopics([], "#", after: start, "after a message through the exchange")
        },
    ]

    static let refusalCases: [QueueCase] = [
        QueueCase("what no log takes is refused, and nothing of the call is stored", .topics) { context in
            let engine = try context.topics()
            let start = try await context.end()
            let topic = try context.topic("x")
            let good = TopicMessage(topic, [1])
            let large = TopicMessage(topic, Array(repeating: 0, count: MessageLimits.bodyBytes + 1))
            try await context.expectRefusal(.tooLarge, what: "a body of 1 MiB and a byte") {
                _ = try await engine.publish([good, large])
            }
            try await context.expectRefusal(.invalidRequest, what: "an empty key") {
                _ = try await engine.publish([good, TopicMessage(topic, [], key: "")])
            }
            try await context.expectRefusal(.tooLarge, what: "headers of 17 KiB") {
                let headers = ["h": String(repeating: "x", count: 17_408)]
                _ = try await engine.publish([good, TopicMessage(topic, [], headers: headers)])
            }
            try await context.expectRefusal(.invalidRequest, what: "a publish of 1,001") {
                _ = try await engine.publish(Array(repeating: good, count: MessageLimits.batch + 1))
            }
            for limit in [-1, 0, MessageLimits.batch + 1] {
                try await context.expectRefusal(.invalidRequest, what: "a page of \(limit)") {
                    _ = try await engine.read(try context.pattern("#"), after: start, limit: limit)
                }
            }
            for retention in [
                TopicRetention(.milliseconds(999)), TopicRetention(.seconds(-1)),
                TopicRetention(MessageLimits.delay + .seconds(1)), TopicRetention(.seconds(60), upTo: 0),
            ] {
                try await context.expectRefusal(.invalidConfiguration, what: "\(retention)") {
                    try await engine.retain(try context.pattern("x"), retention)
                }
            }
            try await context.expectTopics([], "#", after: start, "after refusals only")
        }
    ]
}
