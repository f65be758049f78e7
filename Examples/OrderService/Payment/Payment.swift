import ColonySQLite
import ColonyTransactions
import GRDB

/// The accounts of the customers, and what was taken from them.
struct Payment: Sendable {
    let database: DatabasePool

    init(_ path: String) throws {
        self.database = try Files.open(path) { db in
            try db.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS account (
                        customer TEXT PRIMARY KEY, opening INTEGER NOT NULL,
                        balance INTEGER NOT NULL CHECK (balance >= 0));
                    CREATE TABLE IF NOT EXISTS charge (
                        number INTEGER PRIMARY KEY, orderID TEXT NOT NULL, customer TEXT NOT NULL,
                        amount INTEGER NOT NULL);
                    """)
            for account in Account.opening { try account.insert(db, onConflict: .ignore) }
            try SQLiteBarrier.createTable(in: db)
        }
    }

    /// Takes the money for an order: the step of the saga that decides.
    ///
    /// - Returns: The number of the charge, also when the call comes a second time: the barrier keeps it.
    func charge(_ order: Order, _ call: BarrierCall) async throws -> Int64 {
        try await self.database.write { db in
            try SQLiteBarrier.once(call, in: db) {
                try db.execute(
                    sql: """
                        UPDATE account SET balance = balance - :amount WHERE customer = :customer AND balance >= :amount
                        """,
                    arguments: ["amount": order.amount, "customer": order.customer])
                guard db.changesCount == 1 else { throw Refusal("\(order.customer) has not \(order.amount) cents") }
                try Charge(number: nil, orderID: order.id, customer: order.customer, amount: order.amount).insert(db)
                return db.lastInsertedRowID
            }.get()
        }
    }
}

/// The money of a customer, in cents.
struct Account: Codable, FetchableRecord, PersistableRecord {
    var customer: String
    /// What there was at the very first.
    var opening: Int
    /// What is left.
    var balance: Int

    static let opening = [
        Account(customer: "ada", opening: 100_000_000, balance: 100_000_000),
        Account(customer: "barbara", opening: 100_000_000, balance: 100_000_000),
        Account(customer: "grace", opening: 100_000_000, balance: 100_000_000),
        // Soon has no more, so that some orders are refused when the goods are put aside already.
        Account(customer: "tom", opening: 20_000, balance: 20_000),
    ]
}

/// Money that was taken for an order.
struct Charge: Codable, FetchableRecord, PersistableRecord {
    var number: Int64?
    var orderID: String
    var customer: String
    var amount: Int
}
