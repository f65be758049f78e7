import ColonyTransactions

/// Whether the books of the services agree with one another.
///
/// An order was placed, or it never was. If it was, its goods are put aside once, its money was taken once, and one parcel was sent; if it
/// was not, there is no trace of it anywhere.
struct Audit {
    /// One thing that must hold.
    struct Check {
        var name: String
        /// What was added up.
        var sum: String
        /// What does not hold.
        var problems: [String]
    }

    private(set) var checks: [Check] = []
    /// What is still on its way. Until there is nothing more, sums need not agree.
    private(set) var open: [String] = []

    var problems: [String] { self.checks.flatMap(\.problems) }

    init(of books: Books) {
        let placed = Dictionary(uniqueKeysWithValues: books.placed.map { ($0.id, $0) })
        self.checkSagas(books, placed)
        self.checkMoney(books, placed)
        self.checkStock(books, placed)
        self.checkDeliveries(books)
        self.checkShipments(books, placed)
        self.checkAnswers(books, placed)
    }

    /// What was decided, and what the shop has written down.
    private mutating func checkSagas(_ books: Books, _ placed: [String: PlacedOrder]) {
        var problems: [String] = []
        var counts: [TransactionState: Int] = [:]
        for saga in books.sagas {
            counts[saga.state, default: 0] += 1
            switch saga.state {
            case .running, .compensating: self.open.append("order \(saga.id) is \(saga.state)")
            case .stuck: problems.append("order \(saga.id) is stuck")
            case .completed where placed[saga.id.rawValue] == nil:
                problems.append("order \(saga.id) is completed, and not in the book of the shop")
            case .compensated where placed[saga.id.rawValue] != nil:
                problems.append("order \(saga.id) was undone, and is in the book of the shop")
            case .completed, .compensated: break
            }
        }
        let known = Set(books.sagas.map(\.id.rawValue))
        problems += placed.keys.filter { !known.contains($0) }.sorted().map { "order \($0) has no saga" }
        let (completed, compensated) = (counts[.completed] ?? 0, counts[.compensated] ?? 0)
        self.checks.append(
            Check(name: "orders", sum: "\(completed) placed, \(compensated) refused", problems: problems))
    }

    private mutating func checkMoney(_ books: Books, _ placed: [String: PlacedOrder]) {
        var problems = Self.onceEach(
            books.charges.map { ($0.orderID, $0.amount) }, placed.mapValues(\.amount), "cents charged")
        var taken = 0
        for account in books.accounts {
            let charged = books.charges.filter { $0.customer == account.customer }.reduce(0) { $0 + $1.amount }
            taken += account.opening - account.balance
            if account.opening - account.balance != charged {
                problems.append(
                    "\(account.customer) had \(account.opening), has \(account.balance), and was charged \(charged)")
            }
        }
        let worth = placed.values.reduce(0) { $0 + $1.amount }
        if taken != worth { problems.append("\(taken) cents were taken for orders worth \(worth)") }
        self.checks.append(Check(name: "money", sum: "\(taken) cents taken, \(worth) ordered", problems: problems))
    }

    private mutating func checkStock(_ books: Books, _ placed: [String: PlacedOrder]) {
        var problems = Self.onceEach(
            books.reservations.map { ($0.orderID, "\($0.quantity) \($0.item)") },
            placed.mapValues { "\($0.quantity) \($0.item)" }, "put aside")
        var sums: [String] = []
        for item in books.items {
            let delivered = books.deliveries.filter { $0.item == item.name }.reduce(0) { $0 + $1.quantity }
            let reserved = books.reservations.filter { $0.item == item.name }.reduce(0) { $0 + $1.quantity }
            let sold = placed.values.filter { $0.item == item.name }.reduce(0) { $0 + $1.quantity }
            sums.append("\(item.name) \(item.opening)+\(delivered)=\(item.shelf)+\(sold)")
            if item.opening + delivered != item.shelf + reserved || reserved != sold {
                problems.append(
                    "\(item.name): \(item.opening) and \(delivered) delivered, but \(item.shelf) on the shelf, "
                        + "\(reserved) put aside, and \(sold) sold")
            }
        }
        self.checks.append(Check(name: "stock", sum: sums.joined(separator: ", "), problems: problems))
    }

    /// No delivery was decided on while another one was on its way: what the lock is for.
    private mutating func checkDeliveries(_ books: Books) {
        var problems: [String] = []
        for (item, deliveries) in Dictionary(grouping: books.deliveries, by: \.item) {
            var latest: Int64 = 0
            for delivery in deliveries.sorted(by: { ($0.number ?? 0) < ($1.number ?? 0) }) {
                if delivery.decidedAfter != latest {
                    problems.append(
                        "delivery \(delivery.number ?? 0) of \(item) was decided on before delivery \(latest) came")
                }
                latest = delivery.number ?? 0
            }
        }
        self.checks.append(Check(name: "restocking", sum: "\(books.deliveries.count) deliveries", problems: problems))
    }

    private mutating func checkShipments(_ books: Books, _ placed: [String: PlacedOrder]) {
        if books.messages > 0 { self.open.append("\(books.messages) messages are on their way to shipping") }
        var problems = Self.onceEach(
            books.shipments.map { ($0.orderID, "\($0.quantity) \($0.item)") },
            placed.mapValues { "\($0.quantity) \($0.item)" }, "sent")
        if books.deadLetters > 0 { problems.append("\(books.deadLetters) messages were given up") }
        self.checks.append(Check(name: "shipments", sum: "\(books.shipments.count) parcels", problems: problems))
    }

    /// What customers were told is so.
    private mutating func checkAnswers(_ books: Books, _ placed: [String: PlacedOrder]) {
        let problems = books.answers.filter { $0.isPlaced != (placed[$0.order] != nil) }.map { answer in
            "the customer of order \(answer.order) was told that it was \(answer.isPlaced ? "placed" : "refused")"
        }
        self.checks.append(Check(name: "answers", sum: "\(books.answers.count) customers", problems: problems))
    }

    /// What is wrong with entries of which each placed order must have one, and no other order any.
    private static func onceEach<Value: Equatable>(
        _ entries: [(order: String, value: Value)], _ wanted: [String: Value], _ what: String
    ) -> [String] {
        let found = Dictionary(grouping: entries, by: \.order).mapValues { $0.map(\.value) }
        return Set(found.keys).union(wanted.keys).sorted().compactMap { order in
            let (values, value) = (found[order] ?? [], wanted[order])
            guard values != (value.map { [$0] } ?? []) else { return nil }
            let was = values.isEmpty ? "nothing" : values.map { "\($0)" }.joined(separator: " and ")
            return "order \(order): \(was) \(what), \(value.map { "and \($0) was ordered" } ?? "and it was not placed")"
        }
    }
}
