import ColonyResilience
import ColonyTransactions

/// What becomes of an order, from the first step to the last.
///
/// ```
/// stock ──▶ payment ──▶ place
///   ▲          │
///   └─ release ┘ if payment says no
/// ```
///
/// - `stock` puts the goods aside. It can be undone: its compensation puts them back.
/// - `payment` takes the money. It is the *pivot*: if it is done, the order stands; if it is refused, all that came before is undone.
/// - `place` writes the order down and tells shipping. Nobody can refuse it any more, so it is repeated until it is done.
///
/// Whoever is killed in between: the journal says where each order stands, and some shop goes on there. That it may then call a service
/// for the second time is what the barriers of the services are for.
func placeOrder(stock: Participant, payment: Participant, book: OrderBook) throws -> Saga<Order, Confirmation> {
    // One second for a call, because that is how long a person at the other end should wait for a process that was stopped.
    let policy = try StepPolicy(
        timeout: .seconds(1), delays: try RetryDelays(from: .milliseconds(20), upTo: .seconds(1)))
    return try Saga("place-order", timeout: .seconds(4)) { saga in
        saga.step("stock", policy: policy) { call in
            try await stock.ask("reserve", for: call.input, as: call.barrier, attempt: call.attempt)
        } compensation: { call in
            try await stock.ask("release", for: call.input, as: call.barrier, attempt: call.attempt)
        }
        let (charge, rest) = saga.pivot("payment", policy: policy) { call in
            try await payment.ask(
                "charge", for: call.input, as: call.barrier, attempt: call.attempt, giving: Int64.self)
        }
        rest.retryable("place", policy: policy) { call in try await book.place(call.input, charge: call[charge]) }
        return rest.result { call in Confirmation(charge: try call[charge]) }
    }
}
