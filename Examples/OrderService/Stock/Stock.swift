import ColonyCore
import ColonySQLite
import ColonyTransactions
import GRDB

/// What lies on the shelves, and what is put aside for orders. Any number of processes may have it open.
struct Stock: Sendable {
    let database: DatabasePool

    init(_ path: String) throws {
        self.database = try Files.open(path) { db in
            try db.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS item (
                        name TEXT PRIMARY KEY, opening INTEGER NOT NULL, shelf INTEGER NOT NULL CHECK (shelf >= 0),
                        enough INTEGER NOT NULL);
                    CREATE TABLE IF NOT EXISTS reservation (
                        orderID TEXT NOT NULL, item TEXT NOT NULL, quantity INTEGER NOT NULL);
                    CREATE INDEX IF NOT EXISTS reservationByOrder ON reservation (orderID);
                    CREATE TABLE IF NOT EXISTS delivery (
                        number INTEGER PRIMARY KEY, item TEXT NOT NULL, quantity INTEGER NOT NULL,
                        decidedAfter INTEGER NOT NULL);
                    """)
            for item in Item.opening { try item.insert(db, onConflict: .ignore) }
            try SQLiteBarrier.createTable(in: db)
            try FencedResource.createTable(in: db)
        }
    }

    /// Puts aside what an order asks for: the first step of the saga.
    ///
    /// The barrier is in the transaction that does the work. A call that comes a second time changes nothing, and one that comes after
    /// its release is refused, however late the network brings it.
    func reserve(_ order: Order, _ call: BarrierCall) async throws {
        try await self.database.write { db in
            try SQLiteBarrier.once(call, in: db) {
                try db.execute(
                    sql: "UPDATE item SET shelf = shelf - :quantity WHERE name = :item AND shelf >= :quantity",
                    arguments: ["quantity": order.quantity, "item": order.item])
                guard db.changesCount == 1 else {
                    throw Refusal("there are not \(order.quantity) of \(order.item) on the shelf")
                }
                try Reservation(orderID: order.id, item: order.item, quantity: order.quantity).insert(db)
            }.get()
        }
    }

    /// Puts back what was put aside: the compensation of the first step.
    ///
    /// It is also called when nobody knows whether ``reserve(_:_:)`` was done. The barrier knows: then it does nothing.
    func release(_ order: Order, _ call: BarrierCall) async throws {
        try await self.database.write { db in
            try SQLiteBarrier.once(call, in: db) {
                let reservations = Reservation.filter(Column("orderID") == order.id)
                for reservation in try reservations.fetchAll(db) {
                    try db.execute(
                        sql: "UPDATE item SET shelf = shelf + ? WHERE name = ?",
                        arguments: [reservation.quantity, reservation.item])
                }
                try reservations.deleteAll(db)
            }.get()
        }
    }
}

/// A kind of goods.
struct Item: Codable, FetchableRecord, PersistableRecord {
    var name: String
    /// How many there were at the very first.
    var opening: Int
    /// How many there are that nobody has ordered.
    var shelf: Int
    /// Until there are so many on the shelf, more are fetched; 0 for never.
    var enough: Int

    static let opening = [
        Item(name: "teapot", opening: 200, shelf: 200, enough: 200),
        Item(name: "cup", opening: 300, shelf: 300, enough: 300),
        // There will never be more of them, so that some orders are refused.
        Item(name: "unicorn", opening: 7, shelf: 7, enough: 0),
    ]
}

/// What is put aside for an order, or was sold to it.
struct Reservation: Codable, FetchableRecord, PersistableRecord {
    var orderID: String
    var item: String
    var quantity: Int
}
