import ArgumentParser
import Hummingbird

/// The payment service: takes money.
struct PaymentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "payment", abstract: "Keep the money.")

    @OptionGroup var files: Files
    @OptionGroup var listening: Listening

    func run() async throws {
        let payment = try Payment(self.files.payment)
        let router = Router().add(middleware: RefusalMiddleware())
        router.post("charge") { request, context in
            let asked = try await request.decode(as: ParticipantCall.self, context: context)
            return "\(try await payment.charge(asked.order, asked.call))"
        }
        try await self.listening.serve(router, as: "payment")
    }
}
