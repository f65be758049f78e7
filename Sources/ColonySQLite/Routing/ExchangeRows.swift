import ColonyCore
import ColonyQueues

/// Exchanges and bindings as rows.
enum ExchangeRows {
    private static let selectExchanges = SQL("SELECT name, kind, alternate FROM exchange")
    private static let selectBindings = SQL(
        "SELECT exchange, to_exchange, destination, condition, argument FROM exchange_binding ORDER BY number")
    private static let insertExchange = SQL("INSERT INTO exchange (name, kind, alternate) VALUES (?, ?, ?)")
    private static let deleteExchange = SQL("DELETE FROM exchange WHERE name = ?")
    private static let deleteBindings = SQL("DELETE FROM exchange_binding WHERE exchange = ?")
    private static let deleteBindingsOfQueue = SQL(
        "DELETE FROM exchange_binding WHERE destination = ? AND to_exchange = 0")
    private static let insertBinding = SQL(
        """
        INSERT INTO exchange_binding (exchange, to_exchange, destination, condition, argument) VALUES (?, ?, ?, ?, ?)
        """)
    private static let deleteBinding = SQL(
        """
        DELETE FROM exchange_binding
        WHERE exchange = ? AND to_exchange = ? AND destination = ? AND condition = ? AND argument = ?
        """)

    /// Everything that was declared.
    static func registry(on connection: Connection) throws(StoreError) -> ExchangeRegistry {
        var registry = ExchangeRegistry()
        let exchanges = try connection.prepared(Self.selectExchanges)
        defer { exchanges.reset() }
        while try exchanges.step() {
            let alternate = exchanges.optionalText(2).flatMap { try? ExchangeName($0) }
            guard let name = try? ExchangeName(exchanges.text(0)), let kind = ExchangeKind(rawValue: exchanges.text(1)),
                (try? registry.declare(name, kind, alternate: alternate)) != nil
            else { throw Self.damaged(connection, "an exchange \(NameRules.quoted(exchanges.text(0)))") }
        }
        let bindings = try connection.prepared(Self.selectBindings)
        defer { bindings.reset() }
        while try bindings.step() {
            guard let name = try? ExchangeName(bindings.text(0)), let binding = Self.binding(bindings),
                (try? registry.bind(name, binding)) != nil
            else { throw Self.damaged(connection, "a binding of the exchange \(NameRules.quoted(bindings.text(0)))") }
        }
        return registry
    }

    static func damaged(_ connection: Connection, _ what: String) -> StoreError {
        StoreError.damaged("\(what) cannot be read", in: connection)
    }

    static func insert(
        _ name: ExchangeName, _ kind: ExchangeKind, alternate: ExchangeName?, on connection: Connection
    ) throws(StoreError) {
        let statement = try connection.prepared(Self.insertExchange)
        statement.bind(name.rawValue, at: 1)
        statement.bind(kind.rawValue, at: 2)
        statement.bind(optional: alternate?.rawValue, at: 3)
        try statement.run()
    }

    static func delete(_ name: ExchangeName, on connection: Connection) throws(StoreError) {
        for sql in [Self.deleteBindings, Self.deleteExchange] { try Self.run(sql, name.rawValue, connection) }
    }

    static func deleteBindings(of queue: QueueName, on connection: Connection) throws(StoreError) {
        try Self.run(Self.deleteBindingsOfQueue, queue.rawValue, connection)
    }

    static func insert(_ binding: Binding, of name: ExchangeName, on connection: Connection) throws(StoreError) {
        try Self.run(Self.insertBinding, name, binding, connection)
    }

    static func delete(_ binding: Binding, of name: ExchangeName, on connection: Connection) throws(StoreError) {
        try Self.run(Self.deleteBinding, name, binding, connection)
    }

    private static func run(_ sql: SQL, _ text: String, _ connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(sql)
        statement.bind(text, at: 1)
        try statement.run()
    }

    private static func run(
        _ sql: SQL, _ name: ExchangeName, _ binding: Binding, _ connection: Connection
    ) throws(StoreError) {
        let statement = try connection.prepared(sql)
        statement.bind(name.rawValue, at: 1)
        switch binding.destination {
        case .queue(let queue):
            statement.bind(0, at: 2)
            statement.bind(queue.rawValue, at: 3)
        case .exchange(let exchange):
            statement.bind(1, at: 2)
            statement.bind(exchange.rawValue, at: 3)
        }
        let (condition, argument) = Self.texts(of: binding.condition)
        statement.bind(condition, at: 4)
        statement.bind(argument, at: 5)
        try statement.run()
    }

    // MARK: Texts

    private static func texts(of condition: Binding.Condition) -> (condition: String, argument: String) {
        switch condition {
        case .always: ("always", "")
        case .key(let key): ("key", key)
        case .pattern(let pattern): ("pattern", pattern.text)
        case .allHeaders(let headers): ("all_headers", HeaderText.text(of: headers) ?? "")
        case .anyHeader(let headers): ("any_header", HeaderText.text(of: headers) ?? "")
        }
    }

    private static func binding(_ row: PreparedStatement) -> Binding? {
        let destination: Binding.Destination
        if row.integer(1) == 0 {
            guard let queue = try? QueueName(row.text(2)) else { return nil }
            destination = .queue(queue)
        } else {
            guard let exchange = try? ExchangeName(row.text(2)) else { return nil }
            destination = .exchange(exchange)
        }
        let argument = row.text(4)
        switch row.text(3) {
        case "always": return Binding(to: destination, where: .always)
        case "key": return Binding(to: destination, where: .key(argument))
        case "pattern":
            guard let pattern = try? TopicPattern(argument) else { return nil }
            return Binding(to: destination, where: .pattern(pattern))
        case "all_headers", "any_header":
            guard let headers = HeaderText.headers(of: argument) else { return nil }
            return Binding(
                to: destination, where: row.text(3) == "all_headers" ? .allHeaders(headers) : .anyHeader(headers))
        default: return nil
        }
    }
}
