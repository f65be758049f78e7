import ArgumentParser
import ColonyTransactions
import Hummingbird
import Logging
import ServiceLifecycle

/// Where a service listens.
struct Listening: ParsableArguments {
    @Option(help: "The port on 127.0.0.1.")
    var port: Int

    /// Answers requests, and runs what else the process has to do, until SIGTERM or SIGINT.
    func serve(
        _ router: Router<BasicRequestContext>, beside services: [any Service] = [], as name: String
    ) async throws {
        let logger = Logger(label: name)
        router.get("health") { _, _ in HTTPResponse.Status.ok }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: self.port)),
            services: services, onServerRunning: { _ in logger.info("ready") }, logger: logger)
        try await application.runService()
    }
}

/// Tells a refusal from everything else that can go wrong: 409, with the reason.
///
/// The difference is what a saga lives on. A refusal turns it back; whatever else it is answered, it asks again.
struct RefusalMiddleware<Context: RequestContext>: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let refusal as Refusal {
            return Response(status: .conflict, body: ResponseBody(byteBuffer: ByteBuffer(string: refusal.reason)))
        }
    }
}
