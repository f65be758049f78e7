import ColonyQueues

extension ExchangeConformance {
    static let declarationCases: [QueueCase] = [
        QueueCase("an exchange is declared once, and is found by whoever declares the same", .exchanges) { context in
            let name = try await context.exchange(.topic)
            let other = try context.routing(by: context.other)
            let again = try await other.declareExchange(name, .topic, alternate: nil)
            try expect(!again, "it was made a second time")
            let listed = try await other.exchanges().first { $0.name == name }
            try expect(
                listed == ExchangeRecord(name: name, kind: .topic, alternate: nil, bindings: []),
                "it is listed as \(String(describing: listed))")
        },
        QueueCase("another declaration of an exchange is refused, and the first stays", .exchanges) { context in
            let name = try await context.exchange(.direct)
            let engine = try context.routing()
            try await context.expectRefusal(.conflict, what: "another kind") {
                _ = try await engine.declareExchange(name, .fanout, alternate: nil)
            }
            try await context.expectRefusal(.conflict, what: "another alternate") {
                _ = try await engine.declareExchange(name, .direct, alternate: "other")
            }
            let kind = try await engine.exchanges().first { $0.name == name }?.kind
            try expect(kind == .direct, "it is \(String(describing: kind)) now")
        },
        QueueCase("the predefined exchanges are there, and are neither declared nor deleted", .exchanges) { context in
            let engine = try context.routing()
            for name in [ExchangeName.default, .topics] {
                try await context.expectRefusal(.invalidRequest, what: "declaring \"\(name)\"") {
                    _ = try await engine.declareExchange(name, .topic, alternate: nil)
                }
                try await context.expectRefusal(.invalidRequest, what: "deleting \"\(name)\"") {
                    _ = try await engine.deleteExchange(name)
                }
            }
            let isListed = try await engine.exchanges().contains { $0.name == .topics && $0.kind == .topic }
            try expect(isListed, "the exchange of topics is not listed")
        },
        QueueCase("exchanges are listed by name, with their bindings in the order of binding", .exchanges) { context in
            let queue = try await context.queue()
            let second = try await context.exchange(.topic, "b")
            let first = try await context.exchange(.fanout, "a", alternate: second)
            let engine = try context.routing()
            let bindings = try ["z", "a.*", "#"].map {
                Binding(to: .queue(queue), where: .pattern(try TopicPattern($0)))
            }
            for binding in bindings { _ = try await engine.bind(second, binding) }
            _ = try await engine.bind(first, Binding(to: .exchange(second), where: .always))
            let records = try await engine.exchanges().filter { $0.name == first || $0.name == second }
            try expect(
                records == [
                    ExchangeRecord(
                        name: first, kind: .fanout, alternate: second,
                        bindings: [Binding(to: .exchange(second), where: .always)]),
                    ExchangeRecord(name: second, kind: .topic, alternate: nil, bindings: bindings),
                ], "they are listed as \(records)")
        },
    ]

    static let routingCases: [QueueCase] = [
        QueueCase("a direct exchange goes by the routing key, and each queue has a copy of its own", .exchanges) {
            context in
            let (first, second) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(.direct)
            try await context.bind(exchange, to: first, where: .key("a"))
            try await context.bind(exchange, to: second, where: .key("a"))
            try await context.bind(exchange, to: second, where: .key("b"))
            try await context.publish("x", through: exchange, key: "a", reaching: [first, second])
            try await context.publish("y", through: exchange, key: "b", reaching: [second])
            try await context.publish("z", through: exchange, key: "c", reaching: [])
            let deliveries = try await context.expectDelivery(["x"], from: first, "after three messages")
            try await context.settle(deliveries, .acknowledge, in: first)
            try await context.expectDelivery(["x", "y"], from: second, "after three messages")
        },
        QueueCase("what is published through an exchange is delivered as it was published", .exchanges) { context in
            let queue = try await context.queue()
            let exchange = try await context.exchange(.fanout)
            try await context.bind(exchange, to: queue)
            let message = OutgoingMessage(
                [0, 255], key: "é", priority: 7, availability: .after(context.scaled(.seconds(10))),
                headers: ["a": "1", "b": ""])
            _ = try await context.routing().publish([RoutedMessage(message, routingKey: "any")], through: exchange)
            try await context.expectDelivery([], from: queue, "before its time")
            try await context.outlive(.seconds(10))
            let delivery = try require(try await context.receive(from: queue).first, "nothing was delivered")
            try expect(
                delivery.body == [0, 255] && delivery.key == "é" && delivery.priority == 7
                    && delivery.headers == ["a": "1", "b": ""], "\(delivery) was delivered")
        },
        QueueCase("a topic exchange goes by patterns, and a queue that fits twice has one copy", .exchanges) {
            context in
            let (first, second) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(.topic)
            try await context.bind(exchange, to: first, where: .pattern("*.stock.#"))
            try await context.bind(exchange, to: first, where: .pattern("usd.#"))
            try await context.bind(exchange, to: second, where: .pattern("#.db"))
            try await context.publish("a", through: exchange, key: "usd.stock", reaching: [first])
            try await context.publish("b", through: exchange, key: "eur.stock.db", reaching: [first, second])
            try await context.publish("c", through: exchange, key: "stock.nasdaq", reaching: [])
            try await context.expectDelivery(["a", "b"], from: first, "of three")
        },
        QueueCase("a fanout exchange goes everywhere, whatever the key is", .exchanges) { context in
            let (first, second) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(.fanout)
            try await context.publish("a", through: exchange, key: "k", reaching: [])
            try await context.bind(exchange, to: first)
            try await context.bind(exchange, to: second)
            try await context.publish("b", through: exchange, key: "k", reaching: [first, second])
        },
        QueueCase("a headers exchange asks for all headers or for any", .exchanges) { context in
            let (all, any) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(.headers)
            try await context.bind(exchange, to: all, where: .allHeaders(["a": "1", "b": "2"]))
            try await context.bind(exchange, to: any, where: .anyHeader(["a": "1", "b": "2"]))
            try await context.publish("x", through: exchange, headers: ["a": "1", "b": "2"], reaching: [all, any])
            try await context.publish("y", through: exchange, headers: ["a": "1", "b": "3"], reaching: [any])
            try await context.publish("z", through: exchange, headers: ["a": "2"], reaching: [])
        },
        QueueCase("the default exchange goes to the queue that is named like the key", .exchanges) { context in
            let queue = try await context.queue()
            try await context.publish("a", through: .default, key: queue.rawValue, reaching: [queue])
            try await context.publish("b", through: .default, key: queue.rawValue + "-not", reaching: [])
            try await context.publish("c", through: .default, key: "", reaching: [])
            try await context.expectDelivery(["a"], from: queue, "of three")
        },
        QueueCase("exchanges may be bound to exchanges, also in circles", .exchanges) { context in
            let queue = try await context.queue()
            let (first, second) = (try await context.exchange(.fanout, "1"), try await context.exchange(.topic, "2"))
            let engine = try context.routing()
            _ = try await engine.bind(first, Binding(to: .exchange(second), where: .always))
            _ = try await engine.bind(second, Binding(to: .exchange(first), where: .pattern("#")))
            try await context.publish("a", through: first, key: "k", reaching: [])
            try await context.bind(second, to: queue, where: .pattern("k"))
            try await context.publish("b", through: first, key: "k", reaching: [queue])
            _ = try await engine.deleteExchange(second)
            try await context.publish("c", through: first, key: "k", reaching: [])
        },
        QueueCase("what an exchange has no destination for goes to its alternate", .exchanges) { context in
            let (queue, rest) = (try await context.queue("1"), try await context.queue("2"))
            let exchange = try await context.exchange(
                .direct, alternate: try context.exchangeName("alternate"))
            try await context.bind(exchange, to: queue, where: .key("a"))
            try await context.publish("x", through: exchange, key: "b", reaching: [])
            let alternate = try await context.exchange(.fanout, "alternate")
            try await context.bind(alternate, to: rest)
            try await context.publish("y", through: exchange, key: "a", reaching: [queue])
            try await context.publish("z", through: exchange, key: "b", reaching: [rest])
        },
        QueueCase("keys and headers are compared by their bytes", .exchanges) { context in
            let (composed, decomposed) = (try await context.queue("1"), try await context.queue("2"))
            let direct = try await context.exchange(.direct, "d")
            try await context.bind(direct, to: composed, where: .key("\u{E9}"))
            try await context.bind(direct, to: decomposed, where: .key("e\u{301}"))
            try await context.publish("a", through: direct, key: "\u{E9}", reaching: [composed])
            try await context.publish("b", through: direct, key: "e\u{301}", reaching: [decomposed])
            let topic = try await context.exchange(.topic, "t")
            try await context.bind(topic, to: composed, where: .pattern("*.\u{E9}"))
            try await context.bind(topic, to: decomposed, where: .pattern("*.e\u{301}"))
            try await context.publish("c", through: topic, key: "x.e\u{301}", reaching: [decomposed])
            let headers = try await context.exchange(.headers, "h")
            try await context.bind(headers, to: composed, where: .allHeaders(["n": "\u{E9}"]))
            try await context.bind(headers, to: decomposed, where: .allHeaders(["n": "e\u{301}"]))
            try await context.publish("d", through: headers, headers: ["n": "\u{E9}"], reaching: [composed])
        },
    ]
}
