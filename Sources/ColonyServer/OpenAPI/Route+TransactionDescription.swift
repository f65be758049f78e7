extension Route {
    /// What the document says of a route of transactions.
    var transactionDescription: RouteDescription {
        switch self {
        case .startSaga:
            RouteDescription(
                summary: "Begin a saga whose steps are called over HTTP, and wait for its end if asked to.",
                success: "It has ended.", request: "StartSagaRequest", answer: "StartedTransaction",
                problems: [.transactionConflict, .tooManyWaiters, .tooManyTransactions])
        case .startTransfer:
            RouteDescription(
                summary: "Begin a TCC whose branches are called over HTTP, and wait for its end if asked to.",
                success: "It has ended.", request: "StartTransferRequest", answer: "StartedTransaction",
                problems: [.transactionConflict, .tooManyWaiters, .tooManyTransactions])
        case .listTransactions:
            RouteDescription(
                summary: "List transactions of every kind: stuck ones, then open ones, then those that have ended.",
                success: "A page, and how many there are in each state; `next` is there if more may follow.",
                answer: "TransactionPage", problems: [.invalidRequest, .unknownField])
        case .inspectTransaction:
            RouteDescription(
                summary: "Look at one transaction, or wait until something happens to it.",
                success: "How far it is, and all that was decided.", answer: "Transaction",
                problems: [.invalidRequest, .unknownField, .unknownTransaction, .tooManyWaiters])
        case .retryTransaction:
            self.decision("Have a stuck transaction go on where it stopped.", "DecisionRequest")
        case .skipTransaction:
            self.decision("Take the step at which a transaction is stuck for done.", "SkipRequest")
        case .turnBackTransaction:
            self.decision("Have a stuck transaction undo what was done.", "DecisionRequest")
        case .resolveTransaction:
            self.decision("Close a stuck transaction as it is.", "ResolveRequest")
        case .cancelTransaction:
            RouteDescription(
                summary: "Have a transaction undo what was done, unless the step that decides was begun.",
                success: "The transaction, which will turn back if it still can.", request: "DecisionRequest",
                answer: "Transaction", problems: [.unknownTransaction, .transactionEnded, .decisionNotPossible])
        default: preconditionFailure("\(self) is no route of transactions")
        }
    }

    private func decision(_ summary: String, _ request: String) -> RouteDescription {
        RouteDescription(
            summary: summary, success: "The transaction with what was decided.", request: request,
            answer: "Transaction", problems: [.unknownTransaction, .notStuck, .decisionNotPossible])
    }
}

extension OpenAPIDocument {
    /// The parameters of a route of transactions; none for any other route.
    func transactionParameters(_ route: Route, _ wait: JSONValue) -> [JSONValue] {
        func query(_ name: String, _ schema: JSONValue, _ description: String) -> JSONValue {
            ["name": .string(name), "in": "query", "schema": schema, "description": .string(description)]
        }
        switch route {
        case .listTransactions:
            return [
                query(
                    "state", ["type": "string", "pattern": .string(OpenAPISchemas.statesPattern)],
                    "Only those in one of these states, with commas between them."),
                query("name", .reference("Name"), "Only those of this name."),
                query("after", ["type": "string"], "Only those after: `next` of the page before."),
                query("limit", OpenAPISchemas.span(1, UInt64(self.limits.batch)), "How many at the most."),
            ]
        case .inspectTransaction:
            return [
                query("wait_ms", wait, "Wait this long for something to happen."),
                query(
                    "since", OpenAPISchemas.span(0, UInt64(Int64.max)),
                    "How many entries are known already; without it, as many as there are."),
            ]
        default: return []
        }
    }
}
