import ColonyCore
import ColonyTransactions
import HummingbirdCore
import NIOCore

extension Responder {
    /// Answers a request to one of the routes of transactions.
    func answerTransaction(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?, _ client: Client
    ) async throws(Problem) -> Answer {
        // What only looks changes nothing that anybody else sees.
        defer { if match.route.method != .get { self.hub.poke(.transactions) } }
        switch match.route {
        case .startSaga:
            return try await self.transactions.startSaga(
                body: try await self.body(of: request), token: token, client: client)
        case .startTransfer:
            return try await self.transactions.startTransfer(
                body: try await self.body(of: request), token: token, client: client)
        case .listTransactions:
            return try await self.transactions.list(match.query, token: token)
        case .inspectTransaction:
            let id = try Self.transactionID(match.name)
            return try await self.transactions.inspect(id, query: match.query, token: token, client: client)
        default:
            let id = try Self.transactionID(match.name)
            return try await self.transactions.decide(
                Self.decision(match.route), id, body: try await self.body(of: request), token: token)
        }
    }

    private static func decision(_ route: Route) -> TransactionService.Decision {
        switch route {
        case .retryTransaction: .retry
        case .skipTransaction: .skip
        case .turnBackTransaction: .turnBack
        case .resolveTransaction: .resolve
        case .cancelTransaction: .cancel
        default: preconditionFailure("\(route) is no route of transactions")
        }
    }

    private static func transactionID(_ text: Substring.UTF8View) throws(Problem) -> TransactionID {
        let text = try PercentDecoding.name(text, of: "transaction identifier", atMost: NameRules.maximumBytes)
        do throws(InvalidName) {
            return try TransactionID(text)
        } catch {
            throw Problem(error)
        }
    }
}
