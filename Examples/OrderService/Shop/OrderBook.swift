import ColonyQueues
import ColonySQLite
import GRDB

/// The orders that were placed, and the outbox to shipping, in one database.
struct OrderBook: Sendable {
    let database: DatabasePool
    let outbox: SQLiteOutbox
    private let parcels: MessageQueue<Order>

    init(_ path: String, parcels: MessageQueue<Order>) throws {
        self.outbox = SQLiteOutbox(path: path)
        self.parcels = parcels
        self.database = try Files.open(path) { db in
            try db.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS placedOrder (
                        id TEXT PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL, quantity INTEGER NOT NULL,
                        amount INTEGER NOT NULL, charge INTEGER NOT NULL);
                    """)
            try SQLiteOutbox.install(in: db)
        }
    }

    /// Writes an order down together with the message that has it sent: both are there, or neither is.
    ///
    /// A second call finds the order, whose message is then on its way.
    func place(_ order: Order, charge: Int64) async throws {
        try await self.database.write { db in
            let placed = PlacedOrder(order, charge: charge)
            if try placed.exists(db) { return }
            try placed.insert(db)
            try self.outbox.add(order, to: self.parcels, key: order.customer, in: db)
        }
    }
}

/// An order that stands.
struct PlacedOrder: Codable, FetchableRecord, PersistableRecord {
    var id: String
    var customer: String
    var item: String
    var quantity: Int
    var amount: Int
    var charge: Int64

    init(_ order: Order, charge: Int64) {
        self.id = order.id
        self.customer = order.customer
        self.item = order.item
        self.quantity = order.quantity
        self.amount = order.amount
        self.charge = charge
    }
}
