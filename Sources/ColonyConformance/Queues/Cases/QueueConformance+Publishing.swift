import ColonyCore
import ColonyQueues

extension QueueConformance {
    static let declarationCases: [QueueCase] = [
        QueueCase("a queue is declared once, and again with the same settings", .declaration) { context in
            let name = try context.name()
            var settings = QueueSettings()
            settings.capacity = 7
            settings.retention = .seconds(60)
            try expect(try await context.engine.declare(name, settings), "the first declaration made no queue")
            try expect(try await !context.engine.declare(name, settings), "the second declaration made a queue")
            try expect(try await !context.other.declare(name, settings), "another client made a second queue")
        },
        QueueCase("a declaration with other settings is refused with both values, and changes nothing", .declaration) {
            context in
            let name = try context.name()
            var settings = QueueSettings()
            settings.capacity = 1
            try await context.engine.declare(name, settings)
            var others = settings
            others.capacity = 2
            do {
                _ = try await context.other.declare(name, others)
                throw ConformanceFailure("the other capacity was taken")
            } catch let error as QueueError {
                try expect(error.code == .conflict, "refused with \(error.code), and conflict was expected")
                try expect(
                    error.message.contains("1") && error.message.contains("2") && error.message.contains("capacity"),
                    "the refusal names no values: \(error.message)")
            }
            try await context.publish(["one"], to: name)
            let outcomes = try await context.engine.publish([OutgoingMessage([])], to: name)
            try expect(outcomes == [.full], "the capacity has changed: \(outcomes)")
        },
        QueueCase("settings that cannot work are refused", .declaration) { context in
            let changes: [(String, (inout QueueSettings) -> Void)] = [
                ("a capacity of 0", { $0.capacity = 0 }), ("a capacity of 0 bytes", { $0.capacityBytes = 0 }),
                ("a delivery limit of 0", { $0.deliveryLimit = 0 }),
                ("a delivery limit of 1,001", { $0.deliveryLimit = 1_001 }),
                ("a lease of 1 ms", { $0.lease = .milliseconds(1) }),
                ("a retention of 0", { $0.retention = .zero }),
                ("a negative window", { $0.deduplicationWindow = .seconds(-1) }),
            ]
            for (what, change) in changes {
                var settings = QueueSettings()
                change(&settings)
                let refused = settings
                try await context.expectRefusal(.invalidConfiguration, what: what) {
                    _ = try await context.engine.declare(try context.name("bad"), refused)
                }
            }
            let name = try context.name("self")
            var settings = QueueSettings()
            settings.deadLetterQueue = name
            try await context.expectRefusal(.invalidConfiguration, what: "a queue as its own dead-letter queue") {
                _ = try await context.engine.declare(name, settings)
            }
        },
        QueueCase("a queue that was not declared is unknown to every member", .declaration) { context in
            let name = try context.name("nobody")
            let receipt = Receipt(message: MessageID(rawValue: 1), attempt: 1, nonce: 1)
            try await context.expectRefusal(.unknownQueue, what: "a publish") {
                _ = try await context.engine.publish([OutgoingMessage([1])], to: name)
            }
            try await context.expectRefusal(.unknownQueue, what: "a receive") {
                _ = try await context.engine.receive(1, from: name, lease: .seconds(1))
            }
            try await context.expectRefusal(.unknownQueue, what: "a settlement") {
                _ = try await context.engine.settle([Settlement(receipt, .acknowledge)], in: name)
            }
            try await context.expectRefusal(.unknownQueue, what: "a wait") {
                _ = try await context.engine.waitForChange(of: name, since: 0, upTo: .zero)
            }
        },
    ]

    static let publishingCases: [QueueCase] = [
        QueueCase("what was published is delivered with every byte, key, priority, and header", .publishing) {
            context in
            let queue = try await context.queue()
            let message = OutgoingMessage(
                Array(0...255), key: "k \u{1F41C}", priority: 9,
                headers: ["a": "1", "empty": "", "text": "two\nlines, 3:four\0", "\u{E9}": "\u{65}\u{301}"])
            let outcomes = try await context.engine.publish([message, OutgoingMessage([])], to: queue)
            let deliveries = try await context.receive(from: queue, by: context.other)
            try expect(deliveries.count == 2, "two messages were published, and \(deliveries.count) delivered")
            try expect(
                outcomes == deliveries.map { .stored($0.id) },
                "published as \(outcomes), delivered as \(deliveries.map(\.id))")
            let found = deliveries[0]
            try expect(found.body == message.body, "the body has changed")
            try expect(found.key == message.key, "the key is \(found.key ?? "gone")")
            try expect(found.priority == 9, "the priority is \(found.priority)")
            try expect(
                found.headers.mapValues { Array($0.utf8) } == message.headers.mapValues { Array($0.utf8) },
                "the headers are \(found.headers)")
            try expect(found.attempt == 1, "the first delivery counts as \(found.attempt)")
            try expect(deliveries[1].body.isEmpty && deliveries[1].key == nil, "an empty message has become another")
        },
        QueueCase("bodies of every size up to the limit pass through untouched", .publishing) { context in
            let queue = try await context.queue()
            for size in [1, 255, 256, 4_095, 4_096, 65_537, MessageLimits.bodyBytes] {
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
                _ = try await context.engine.publish([OutgoingMessage(body)], to: queue)
                let deliveries = try await context.receive(from: queue)
                try expect(
                    deliveries.map(\.body) == [body],
                    "a body of \(size) bytes came back as \(deliveries.map(\.body.count))")
                try await context.settle(deliveries, .acknowledge, in: queue)
            }
        },
        QueueCase("numbers rise over publishers and queues", .publishing) { context in
            let (first, second) = (try await context.queue("one"), try await context.queue("two"))
            var ids: [MessageID] = []
            for round in 0..<5 {
                ids += try await context.publish(["a", "b"], to: first)
                let outcomes = try await context.other.publish([OutgoingMessage([UInt8(round)])], to: second)
                guard case .stored(let id) = outcomes.first else { throw ConformanceFailure("answered \(outcomes)") }
                ids.append(id)
            }
            try expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }, "the numbers are \(ids)")
        },
        QueueCase("nothing is published by an empty call, and nothing received by one", .publishing) { context in
            let queue = try await context.queue()
            try expect(try await context.engine.publish([], to: queue).isEmpty, "nothing had outcomes")
            try expect(try await context.engine.settle([], in: queue).isEmpty, "nothing had outcomes")
            try await context.publish(["a"], to: queue)
            try await context.expectDelivery([], from: queue, limit: 0, "for none")
            try await context.expectDelivery(["a"], from: queue, "for many")
        },
    ]

    static let orderCases: [QueueCase] = [
        QueueCase("messages come in the order of publishing", .order) { context in
            let queue = try await context.queue()
            let texts = (0..<context.amount(500, atLeast: 50)).map(String.init)
            for start in stride(from: 0, to: texts.count, by: 7) {
                try await context.publish(Array(texts[start...].prefix(7)), to: queue)
            }
            var found: [String] = []
            while found.count <= texts.count {
                let deliveries = try await context.receive(11, from: queue)
                if deliveries.isEmpty { break }
                found += deliveries.map { String(decoding: $0.body, as: UTF8.self) }
            }
            try expect(found == texts, "the order is \(found.prefix(20))…")
        },
        QueueCase("higher priorities come first, and equal ones in the order of publishing", .order) { context in
            let queue = try await context.queue()
            for (index, priority) in [4, 0, 9, 4, 9, 0, 5].enumerated() {
                try await context.publish(["\(priority)-\(index)"], to: queue) { $0.priority = priority }
            }
            try await context.expectDelivery(["9-2", "9-4", "5-6"], from: queue, limit: 3, "with three taken")
            try await context.publish(["9-7"], to: queue) { $0.priority = 9 }
            try await context.expectDelivery(["9-7", "4-0", "4-3", "0-1", "0-5"], from: queue, "after a newcomer")
        },
        QueueCase("what is handed back comes in its old place", .order) { context in
            let queue = try await context.queue()
            try await context.publish(["a", "b", "c"], to: queue)
            let deliveries = try await context.expectDelivery(["a", "b"], from: queue, limit: 2, "at first")
            try await context.settle(deliveries.reversed(), .handBack, in: queue)
            let again = try await context.expectDelivery(["a", "b", "c"], from: queue, "after two were handed back")
            try expect(
                again.map(\.attempt) == [1, 1, 1], "an attempt that was not begun counts: \(again.map(\.attempt))")
        },
    ]
}
