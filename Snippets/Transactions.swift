// The saga of docs/transactions.md, with what surrounds it.

import ColonyCore
import ColonyResilience
import ColonySQLite
import ColonyTransactions

struct Order: Codable, Sendable {
    var items: [String]
    var total: Int
}

struct Reservation: Codable, Sendable {
    var id: String
}

struct Payment: Codable, Sendable {
    var number: Int
}

struct Confirmation: Codable, Sendable {
    var reservation: String
    var payment: Int

    init(_ reservation: Reservation, _ payment: Payment) {
        self.reservation = reservation.id
        self.payment = payment.number
    }
}

struct Stock: Sendable {
    func reserve(_ items: [String], key: IdempotencyKey) async throws -> Reservation { Reservation(id: "r-1") }
    func release(_ action: IdempotencyKey, key: IdempotencyKey) async throws {}
}

struct Bank: Sendable {
    func charge(_ total: Int, for reservation: String, key: IdempotencyKey) async throws -> Payment {
        Payment(number: 1)
    }
}

struct Mail: Sendable {
    func confirm(_ order: Order, key: IdempotencyKey) async throws {}
}

let (stock, bank, mail) = (Stock(), Bank(), Mail())
let order = Order(items: ["swift"], total: 3)

// snippet.show
let placeOrder = try Saga<Order, Confirmation>("place-order") { saga in
    let reservation = saga.step("stock") { call in
        try await stock.reserve(call.input.items, key: call.idempotencyKey)
    } compensation: { call in
        try await stock.release(call.actionKey, key: call.idempotencyKey)
    }
    let (payment, rest) = saga.pivot("payment") { call in
        try await bank.charge(call.input.total, for: call[reservation].id, key: call.idempotencyKey)
    }
    rest.retryable("mail") { call in try await mail.confirm(call.input, key: call.idempotencyKey) }
    return rest.result { call in try Confirmation(call[reservation], call[payment]) }
}

let coordinator = try TransactionCoordinator(.sqlite(path: "colony.db"), definitions: [placeOrder])
try await coordinator.run {
    let confirmation = try await coordinator.execute(placeOrder, order, id: "order-4711")
    print(confirmation)
}
