import ArgumentParser

/// An order service of four programs, all in this executable: `shop` takes orders, `stock` and `payment` take part in them, `shipping`
/// sends what was paid for. `audit` proves that their books agree.
///
/// Read Shop/PlaceOrder.swift first.
@main
struct OrderService: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order-service",
        abstract: "An order service that adds up whatever is killed. README.md beside its sources says how.",
        subcommands: [
            ShopCommand.self, StockCommand.self, PaymentCommand.self, ShippingCommand.self, AuditCommand.self,
        ]
    )
}
