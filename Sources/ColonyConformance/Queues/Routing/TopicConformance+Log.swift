import ColonyCore
import ColonyQueues

extension TopicConformance {
    static let logCases: [QueueCase] = [
        QueueCase("what is published is read in the order of publishing, by any client", .topics) { context in
            let start = try await context.end()
            let first = try await context.publish("a", toTopic: "x")
            let second = try await context.publish("b", toTopic: "y", by: context.other)
            try expect(first > start && second > first, "the offsets are \(start), \(first), \(second)")
            try await context.expectTopics(["a", "b"], "#", after: start, "from the start", by: context.other)
            try await context.expectTopics(["b"], "#", after: first, "after the first")
            try await context.expectTopics(["a"], "x", after: start, "of one topic")
            try await context.expectTopics([], "#", after: second, "after the last")
            let end = try await context.end()
            try expect(end >= second, "the end is \(end), before \(second)")
        },
        QueueCase("a message is read as it was published", .topics) { context in
            let start = try await context.end()
            let message = TopicMessage(try context.topic("é"), [0, 255], key: "k", headers: ["a": "1", "b": ""])
            _ = try await context.topics().publish([message])
            let page = try await context.topics(by: context.other).read(
                try context.pattern("#"), after: start, limit: 10)
            try expect(page.messages.map(\.message) == [message], "\(page.messages) was read")
            try expect(page.isAtEnd, "there is more")
        },
        QueueCase("patterns choose topics as those of exchanges do", .topics) { context in
            let start = try await context.end()
            let topics = ["a", "a.b", "a.b.c", "b", "a..b", "e\u{301}"]
            for topic in topics { try await context.publish(topic, toTopic: topic) }
            for (pattern, expected) in [
                ("#", topics), ("a.#", ["a", "a.b", "a.b.c", "a..b"]), ("*", ["a", "b", "e\u{301}"]),
                ("a.*", ["a.b"]), ("a.*.*", ["a.b.c", "a..b"]), ("#.b", ["a.b", "b", "a..b"]), ("a.b", ["a.b"]),
                ("a..b", ["a..b"]), ("\u{E9}", []), ("nothing", []), ("*.#.c", ["a.b.c"]),
            ] {
                try await context.expectTopics(expected, pattern, after: start, "of \"\(pattern)\"")
            }
        },
        QueueCase("a page has no more than asked for, and the next goes on behind it", .topics) { context in
            let start = try await context.end()
            let texts = (0..<25).map { String($0) }
            for chunk in [texts[0..<10], texts[10..<25]] {
                let messages = try chunk.map { text in
                    TopicMessage(
                        try context.topic(Int(text)?.isMultiple(of: 2) == true ? "even" : "odd"), Array(text.utf8))
                }
                _ = try await context.topics().publish(messages)
            }
            for limit in [1, 3, 25, 1_000] {
                let all = try await context.read("#", after: start, limit: limit).texts
                try expect(all == texts, "with pages of \(limit), \(all) were read")
                let odd = try await context.read("odd", after: start, limit: limit).texts
                try expect(odd == texts.filter { Int($0)?.isMultiple(of: 2) == false }, "of odd ones \(odd) were read")
            }
        },
        QueueCase("a reader who finds little is not held up: pages come without messages", .topics) { context in
            let start = try await context.end()
            let others = try (0..<120).map { _ in TopicMessage(try context.topic("other"), []) }
            _ = try await context.topics().publish(others)
            try await context.publish("rare", toTopic: "rare.one")
            let page = try await context.topics().read(try context.pattern("rare.*"), after: start, limit: 3)
            try expect(
                page.messages.isEmpty && !page.isAtEnd && page.next > start,
                "a page of 3 has looked at more than 30: \(page)")
            try await context.expectTopics(["rare"], "rare.*", after: start, "in the end")
        },
        QueueCase("positions are those of the end, an offset, and a time", .topics) { context in
            let engine = try context.topics()
            let before = try await context.end()
            try await context.publish("a", toTopic: "x")
            try await context.pass(.seconds(10))
            let second = try await context.publish("b", toTopic: "x")
            let page = try await engine.read(try context.pattern("x"), after: before, limit: 10)
            let time = try require(page.messages.last?.publishedAt, "nothing was read")
            try await context.pass(.seconds(10))
            try await context.publish("c", toTopic: "x")
            let beginning = try await engine.offset(of: .beginning)
            let all = try await context.read("x", after: beginning).texts
            try expect(all == ["a", "b", "c"], "from the beginning, \(all) were read")
            try expect(try await engine.offset(of: .after(second)) == second, "an offset is another one")
            try await context.expectTopics(
                ["b", "c"], "x", after: try await engine.offset(of: .time(time)), "from the time of the second")
            let later = WallTime(millisecondsSince1970: time.millisecondsSince1970 + 1)
            try await context.expectTopics(
                ["c"], "x", after: try await engine.offset(of: .time(later)), "from a moment later")
            try await context.expectTopics([], "x", after: try await context.end(), "from the end")
            let future = WallTime(millisecondsSince1970: time.millisecondsSince1970 + 1_000_000_000)
            try await context.expectTopics(
                [], "x", after: try await engine.offset(of: .time(future)), "from the future")
        },
        QueueCase("many publishers: every reader reads the same, and each publisher in its order", .topics) { context in
            let start = try await context.end()
            let each = context.amount(80, atLeast: 10)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for publisher in 0..<6 {
                    group.addTask {
                        let engine = publisher.isMultiple(of: 2) ? context.engine : context.other
                        for number in 0..<each {
                            try await context.publish("\(publisher)-\(number)", toTopic: "p\(publisher)", by: engine)
                        }
                    }
                }
                // While they publish, what is read up to an offset must not change any more.
                group.addTask {
                    var (seen, next) = ([String](), start)
                    while seen.count < 6 * each {
                        let found = try await context.read("#", after: next, by: context.other)
                        seen += found.texts
                        next = found.next
                    }
                    let all = try await context.read("#", after: start).texts
                    try expect(seen == all, "a reader who went along has read something else")
                }
                try await group.waitForAll()
            }
            for publisher in 0..<6 {
                let texts = try await context.read("p\(publisher)", after: start).texts
                try expect(texts == (0..<each).map { "\(publisher)-\($0)" }, "of publisher \(publisher): \(texts)")
            }
        },
    ]

    static let waitingCases: [QueueCase] = [
        QueueCase("whoever waits for topics learns of what any client publishes", .topics) { context in
            for publisher in [context.engine, context.other] {
                let end = try await context.end()
                let wait = context.start { try await context.topics().waitForTopics(after: end, upTo: .seconds(3_600)) }
                try await context.publish("a", toTopic: "x", by: publisher)
                try await context.eventually("news of topics") { wait.outcome != nil }
            }
        },
        QueueCase("nobody waits for what was published already, nor with no time to wait", .topics) { context in
            let start = try await context.end()
            try await context.publish("a", toTopic: "x")
            try await context.topics().waitForTopics(after: start, upTo: .seconds(3_600))
            try await context.topics().waitForTopics(after: try await context.end(), upTo: .zero)
        },
        QueueCase("a wait for topics ends with its time, and with its task", .topics) { context in
            let end = try await context.end()
            let limit = context.scaled(.seconds(10))
            let wait = context.start { try await context.topics().waitForTopics(after: end, upTo: limit) }
            try await context.eventually("the end of the wait") {
                // Time may have passed before the wait began.
                if wait.outcome == nil { try await context.outlive(.seconds(10)) }
                return wait.outcome != nil
            }
            let cancelled = context.start {
                try await context.topics().waitForTopics(after: try await context.end(), upTo: .seconds(3_600))
            }
            cancelled.cancel()
            try await context.eventually("the end of a cancelled wait") { cancelled.outcome != nil }
        },
    ]
}
