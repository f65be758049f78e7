import ArgumentParser
import Hummingbird

/// The stock service: puts goods aside and back, and fetches new ones.
struct StockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stock", abstract: "Keep the goods.")

    @OptionGroup var files: Files
    @OptionGroup var listening: Listening

    func run() async throws {
        let stock = try Stock(self.files.stock)
        let router = Router().add(middleware: RefusalMiddleware())
        router.post("reserve") { request, context in
            let asked = try await request.decode(as: ParticipantCall.self, context: context)
            try await stock.reserve(asked.order, asked.call)
            return HTTPResponse.Status.ok
        }
        router.post("release") { request, context in
            let asked = try await request.decode(as: ParticipantCall.self, context: context)
            try await stock.release(asked.order, asked.call)
            return HTTPResponse.Status.ok
        }
        let restocking = Restocking(stock, file: self.files.colony)
        try await self.listening.serve(router, beside: [restocking], as: "stock")
    }
}
