import ColonyQueues
import Synchronization

extension ExchangeConformance {
    static let atomicityCases: [QueueCase] = [
        QueueCase("a message that one of its queues has no room for is in none of them", .exchanges) { context in
            let first = try await context.queue("1")
            let second = try await context.queue("2") { ($0.capacity, $0.overflow) = (1, .reject) }
            let exchange = try await context.exchange(.fanout)
            try await context.bind(exchange, to: first)
            try await context.bind(exchange, to: second)
            let messages = ["a", "b", "c"].map { RoutedMessage(OutgoingMessage(Array($0.utf8))) }
            let outcomes = try await context.routing().publish(messages, through: exchange)
            guard outcomes.count == 3, case .stored = outcomes[0], outcomes[1] == .full(second, .reject),
                outcomes[2] == .full(second, .reject)
            else { throw ConformanceFailure("the answers are \(outcomes)") }
            try await context.expectDelivery(["a"], from: first, "with room for one in the other")
            try await context.expectDelivery(["a"], from: second, "with room for one")
        },
        QueueCase("an unroutable message does not end the step", .exchanges) { context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.direct)
            try await context.bind(exchange, to: queue, where: .key("k"))
            let messages = ["k", "x", "k"].map { RoutedMessage(OutgoingMessage(Array($0.utf8)), routingKey: $0) }
            let outcomes = try await context.routing().publish(messages, through: exchange)
            guard outcomes.count == 3, case .stored = outcomes[0], outcomes[1] == .unroutable,
                case .stored = outcomes[2]
            else { throw ConformanceFailure("the answers are \(outcomes)") }
            try await context.expectDelivery(["k", "k"], from: queue, "of three")
        },
        QueueCase("a queue drops its oldest for a routed message, but not in vain", .exchanges) { context in
            let dropping = try await context.queue("1") { ($0.capacity, $0.overflow) = (1, .dropOldest) }
            let waiting = try await context.queue("2") { ($0.capacity, $0.overflow) = (2, .wait) }
            let exchange = try await context.exchange(.fanout)
            try await context.bind(exchange, to: dropping)
            try await context.bind(exchange, to: waiting)
            for text in ["a", "b"] {
                try await context.publish(text, through: exchange, reaching: [dropping, waiting])
            }
            let refused = try await context.routing().publish(
                [RoutedMessage(OutgoingMessage([1]))], through: exchange)
            try expect(refused == [.full(waiting, .wait)], "a third message was answered with \(refused)")
            try await context.expectDelivery(["b"], from: dropping, "after a refusal")
            try await context.expectDelivery(["a", "b"], from: waiting, "after a refusal")
        },
        QueueCase("a queue whose messages are all under way cannot drop any", .exchanges) { context in
            let queue = try await context.queue {
                ($0.capacity, $0.capacityBytes, $0.overflow) = (3, 4, .dropOldest)
            }
            let exchange = try await context.exchange(.fanout)
            try await context.bind(exchange, to: queue)
            try await context.publish(["aa", "b"], to: queue)
            let leased = try await context.expectDelivery(["aa"], from: queue, limit: 1, "at first")
            let refused = try await context.routing().publish(
                [RoutedMessage(OutgoingMessage([1, 2, 3]))], through: exchange)
            try expect(refused == [.full(queue, .dropOldest)], "three bytes were answered with \(refused)")
            let direct = try await context.engine.publish([OutgoingMessage([1, 2, 3])], to: queue)
            try expect(direct == [.full], "three bytes to the queue were answered with \(direct)")
            let rest = try await context.expectDelivery(["b"], from: queue, "after refusals")
            try await context.settle(leased + rest, .acknowledge, in: queue)
        },
        QueueCase("a deduplication identifier is looked up in each queue by itself", .exchanges) { context in
            let (first, second) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(.fanout)
            let earlier = try await context.publish(["a"], to: first) { $0.deduplicationID = "x" }
            try await context.bind(exchange, to: first)
            try await context.bind(exchange, to: second)
            let copies = try await context.publish(
                "b", through: exchange, deduplicationID: "x", reaching: [first, second])
            try expect(
                copies[0] == RoutedCopy(queue: first, id: earlier[0], isDuplicate: true) && !copies[1].isDuplicate,
                "the copies are \(copies)")
            let again = try await context.publish(
                "c", through: exchange, deduplicationID: "x", reaching: [first, second])
            try expect(
                again.map(\.id) == copies.map(\.id) && again.allSatisfy(\.isDuplicate), "again they are \(again)")
            try await context.expectDelivery(["a"], from: first, "after three")
            try await context.expectDelivery(["b"], from: second, "after two")
        },
        QueueCase("those who wait for a queue learn of what comes through an exchange", .exchanges) { context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.fanout)
            try await context.bind(exchange, to: queue)
            let seen = try await context.other.waitForChange(of: queue, since: 0, upTo: .zero)
            let wait = context.start {
                try await context.other.waitForChange(of: queue, since: seen, upTo: .seconds(3_600))
            }
            try await context.publish("a", through: exchange, reaching: [queue])
            try await context.eventually("news of the queue") { wait.outcome != nil }
        },
        QueueCase("many publishers: every message is in both of its queues", .exchanges) { context in
            let (first, second) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(.topic)
            try await context.bind(exchange, to: first, where: .pattern("a.#"))
            try await context.bind(exchange, to: second, where: .pattern("a.#"))
            let each = context.amount(60, atLeast: 10)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for publisher in 0..<6 {
                    group.addTask {
                        for number in 0..<each {
                            try await context.publish(
                                "\(publisher)-\(number)", through: exchange, key: "a.\(publisher)",
                                reaching: [first, second],
                                by: number.isMultiple(of: 2) ? context.engine : context.other)
                        }
                    }
                }
                try await group.waitForAll()
            }
            func texts(of queue: QueueName) async throws -> [String] {
                try await context.receive(1_000, from: queue).map { String(decoding: $0.body, as: UTF8.self) }
            }
            let (ones, others) = (try await texts(of: first), try await texts(of: second))
            try expect(ones.count == each * 6 && Set(ones).count == ones.count, "\(ones.count) are in the first")
            try expect(ones == others, "the queues differ in what they have, or in its order")
        },
    ]

    static let refusalCases: [QueueCase] = [
        QueueCase("bindings that cannot work are refused", .exchanges) { context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.topic)
            let engine = try context.routing()
            let pattern = Binding.Condition.pattern("a")
            let refused: [(String, ExchangeName, Binding, QueueError.Code)] = [
                ("an unknown exchange", "nowhere", Binding(to: .queue(queue), where: pattern), .unknownExchange),
                ("an unknown queue", exchange, Binding(to: .queue("nowhere"), where: pattern), .unknownQueue),
                (
                    "an unknown destination", exchange, Binding(to: .exchange("nowhere"), where: pattern),
                    .unknownExchange
                ),
                ("another kind", exchange, Binding(to: .queue(queue), where: .always), .invalidRequest),
                ("the default exchange", .default, Binding(to: .queue(queue), where: pattern), .invalidRequest),
            ]
            for (what, name, binding, code) in refused {
                try await context.expectRefusal(code, what: what) { _ = try await engine.bind(name, binding) }
            }
            let direct = try await context.exchange(.direct, "direct")
            let long = String(repeating: "x", count: 256)
            try await context.expectRefusal(.invalidRequest, what: "a key of 256 bytes") {
                _ = try await engine.bind(direct, Binding(to: .queue(queue), where: .key(long)))
            }
        },
        QueueCase("what no queue takes is refused by an exchange, and nothing of the call is stored", .exchanges) {
            context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.fanout)
            try await context.bind(exchange, to: queue)
            let engine = try context.routing()
            let good = RoutedMessage(OutgoingMessage([1]))
            try await context.expectRefusal(.unknownExchange, what: "an unknown exchange") {
                _ = try await engine.publish([good], through: "nowhere")
            }
            try await context.expectRefusal(.invalidRequest, what: "a routing key of 256 bytes") {
                let key = String(repeating: "x", count: 256)
                _ = try await engine.publish([good, RoutedMessage(good.message, routingKey: key)], through: exchange)
            }
            try await context.expectRefusal(.invalidRequest, what: "a priority of 10") {
                let bad = RoutedMessage(OutgoingMessage([], priority: 10))
                _ = try await engine.publish([good, bad], through: exchange)
            }
            try await context.expectRefusal(.invalidRequest, what: "a publish of 1,001") {
                _ = try await engine.publish(
                    Array(repeating: good, count: MessageLimits.batch + 1), through: exchange)
            }
            try await context.expectDelivery([], from: queue, "after refusals only")
        },
    ]

    static let changeCases: [QueueCase] = [
        QueueCase("a binding counts once, and not any more when it is taken away", .exchanges) { context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.topic)
            let engine = try context.routing()
            let binding = Binding(to: .queue(queue), where: .pattern("a.#.*"))
            let same = Binding(to: .queue(queue), where: .pattern("a.*.#"))
            try expect(try await engine.bind(exchange, binding), "it was there before")
            try expect(try await !engine.bind(exchange, same), "the same in other words was not there")
            try await context.publish("x", through: exchange, key: "a.b", reaching: [queue])
            try expect(try await engine.unbind(exchange, same), "it was not there")
            try expect(try await !engine.unbind(exchange, binding), "it was taken away twice")
            try await context.publish("y", through: exchange, key: "a.b", reaching: [])
        },
        QueueCase("what another client has bound and taken away counts at once", .exchanges) { context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.direct)
            let other = try context.routing(by: context.other)
            try await context.publish("a", through: exchange, key: "k", reaching: [])
            for round in 0..<3 {
                let binding = Binding(to: .queue(queue), where: .key("k"))
                _ = try await other.bind(exchange, binding)
                try await context.publish("b\(round)", through: exchange, key: "k", reaching: [queue])
                try await context.publish(
                    "c\(round)", through: exchange, key: "k", reaching: [queue], by: context.other)
                _ = try await other.unbind(exchange, binding)
                try await context.publish("d\(round)", through: exchange, key: "k", reaching: [])
            }
        },
        QueueCase("a queue that is deleted takes its bindings along", .exchanges) { context in
            let administration = try require(context.administration, "the engine has no power of administration")
            let (queue, other) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(.topic)
            try await context.bind(exchange, to: queue, where: .pattern("#"))
            try await context.bind(exchange, to: queue, where: .pattern("a"))
            try await context.bind(exchange, to: other, where: .pattern("a"))
            _ = try await administration.delete(queue)
            try await context.publish("x", through: exchange, key: "b", reaching: [])
            _ = try await context.other.declare(queue, QueueSettings())
            try await context.publish("y", through: exchange, key: "a", reaching: [other])
            let bindings = try await context.routing().exchanges().first { $0.name == exchange }?.bindings
            try expect(
                bindings == [Binding(to: .queue(other), where: .pattern("a"))],
                "the bindings are \(String(describing: bindings))")
            try await context.bind(exchange, to: queue, where: .pattern("a"))
        },
        QueueCase("an exchange that is deleted is gone with its bindings", .exchanges) { context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.fanout)
            try await context.bind(exchange, to: queue)
            let other = try context.routing(by: context.other)
            try expect(try await other.deleteExchange(exchange), "it was not there")
            try expect(try await !other.deleteExchange(exchange), "it was deleted twice")
            try await context.expectRefusal(.unknownExchange, what: "publishing through it") {
                _ = try await context.routing().publish([RoutedMessage(OutgoingMessage([]))], through: exchange)
            }
            _ = try await other.declareExchange(exchange, .direct, alternate: nil)
            try await context.publish("x", through: exchange, reaching: [])
        },
    ]
}
