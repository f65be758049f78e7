import ColonyQueues
import Testing

@Suite("Exchanges")
struct ExchangeTableTests {
    private static func route(
        _ table: ExchangeTable, _ name: ExchangeName, _ key: String, _ headers: [String: String] = [:]
    ) -> [QueueName]? {
        try? table.route(name, key: key, headers: headers)
    }

    private static func code(_ body: () throws -> Void) -> QueueError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? QueueError)?.code
        }
    }

    /// Outside of the macro, which cannot change a variable.
    private static func did(_ body: () throws -> Bool) rethrows -> Bool { try body() }

    @Test("each kind decides by its own")
    func kinds() throws {
        var table = ExchangeTable()
        try table.declare("d", .direct)
        try table.declare("t", .topic)
        try table.declare("f", .fanout)
        try table.declare("h", .headers)
        try table.bind("d", Binding(to: .queue("a"), where: .key("x")))
        try table.bind("d", Binding(to: .queue("b"), where: .key("x")))
        try table.bind("t", Binding(to: .queue("a"), where: .pattern(TopicPattern("x.*"))))
        try table.bind("t", Binding(to: .queue("a"), where: .pattern(TopicPattern("x.#"))))
        try table.bind("f", Binding(to: .queue("b"), where: .always))
        try table.bind("h", Binding(to: .queue("all"), where: .allHeaders(["k": "1", "l": "2"])))
        try table.bind("h", Binding(to: .queue("any"), where: .anyHeader(["k": "1", "l": "2"])))
        #expect(Self.route(table, "d", "x") == ["a", "b"])
        #expect(Self.route(table, "d", "y") == nil)
        #expect(Self.route(table, "t", "x.y") == ["a"])
        #expect(Self.route(table, "f", "anything") == ["b"])
        #expect(Self.route(table, "h", "", ["k": "1", "l": "2", "m": "3"]) == ["all", "any"])
        #expect(Self.route(table, "h", "", ["l": "2"]) == ["any"])
        #expect(Self.route(table, "h", "", ["k": "2"]) == nil)
        #expect(Self.route(table, .default, "orders") == ["orders"])
        #expect(Self.code { _ = try table.route(.default, key: "") } == .unroutable)
    }

    @Test("a circle of exchanges ends, and each queue is there once")
    func circle() throws {
        var table = ExchangeTable()
        for name in ["a", "b", "c"] as [ExchangeName] { try table.declare(name, .fanout) }
        try table.bind("a", Binding(to: .exchange("b"), where: .always))
        try table.bind("b", Binding(to: .exchange("c"), where: .always))
        try table.bind("c", Binding(to: .exchange("a"), where: .always))
        #expect(Self.code { _ = try table.route("a", key: "") } == .unroutable)
        try table.bind("c", Binding(to: .queue("q"), where: .always))
        try table.bind("a", Binding(to: .queue("q"), where: .always))
        #expect(Self.route(table, "b", "") == ["q"])
    }

    @Test("what has no destination goes to the alternate exchange, also through several, and circles of those end")
    func alternates() throws {
        var table = ExchangeTable()
        try table.declare("a", .direct, alternate: "b")
        try table.declare("b", .direct, alternate: "c")
        try table.declare("c", .fanout, alternate: "a")
        #expect(Self.code { _ = try table.route("a", key: "x") } == .unroutable)
        try table.bind("c", Binding(to: .queue("lost"), where: .always))
        try table.bind("a", Binding(to: .queue("found"), where: .key("y")))
        #expect(Self.route(table, "a", "x") == ["lost"])
        #expect(Self.route(table, "a", "y") == ["found"])
        // An exchange that is not there any more is no destination.
        try table.declare("gone", .fanout)
        try table.bind("a", Binding(to: .exchange("gone"), where: .key("z")))
        try table.delete("gone")
        #expect(Self.route(table, "a", "z") == ["lost"])
    }

    @Test("declaring and binding again change nothing; what differs is refused")
    func idempotence() throws {
        var table = ExchangeTable()
        #expect(try Self.did { try table.declare("a", .direct) })
        #expect(try Self.did { try !table.declare("a", .direct) })
        #expect(Self.code { try table.declare("a", .topic) } == .conflict)
        #expect(Self.code { try table.declare("a", .direct, alternate: "b") } == .conflict)
        let binding = Binding(to: .queue("q"), where: .key("k"))
        #expect(try Self.did { try table.bind("a", binding) })
        #expect(try Self.did { try !table.bind("a", binding) })
        #expect(Self.code { try table.bind("a", Binding(to: .queue("q"), where: .always)) } == .invalidRequest)
        #expect(Self.code { try table.bind("b", binding) } == .unknownExchange)
        #expect(Self.code { try table.bind(.default, binding) } == .invalidRequest)
        #expect(try Self.did { try table.unbind("a", binding) })
        #expect(try Self.did { try !table.unbind("a", binding) })
        #expect(Self.code { _ = try table.route("a", key: "k") } == .unroutable)
        #expect(Self.code { _ = try table.route("b", key: "k") } == .unknownExchange)
    }
}
