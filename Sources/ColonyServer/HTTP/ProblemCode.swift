/// Every kind of error that the API answers with: the stable `code` of a problem document, with its status and title.
///
/// Clients decide by the code; the title is the same sentence for every occurrence, and the detail of the problem says
/// what was wrong this time.
enum ProblemCode: String, CaseIterable, Sendable {
    // 400
    case invalidName = "invalid_name"
    case invalidRequest = "invalid_request"
    case invalidJSON = "invalid_json"
    case unknownField = "unknown_field"
    case invalidConfiguration = "invalid_configuration"
    case malformedID = "malformed_id"
    // 401, 403
    case unauthorized
    case forbidden
    case hostRefused = "host_refused"
    case originRefused = "origin_refused"
    // 404, 405, 408, 409
    case notFound = "not_found"
    case unknownQueue = "unknown_queue"
    case unknownExchange = "unknown_exchange"
    case unknownTransaction = "unknown_transaction"
    case methodNotAllowed = "method_not_allowed"
    case bodyTimeout = "body_timeout"
    case held
    case permitsHeld = "permits_held"
    case recordConflict = "record_conflict"
    case lost
    case schemeMismatch = "scheme_mismatch"
    case segmentsExhausted = "segments_exhausted"
    case epochOver = "epoch_over"
    case queueConflict = "queue_conflict"
    case queueNotEmpty = "queue_not_empty"
    case queueFull = "queue_full"
    case staleReceipt = "stale_receipt"
    case exchangeConflict = "exchange_conflict"
    case scheduleConflict = "schedule_conflict"
    case transactionConflict = "transaction_conflict"
    case transactionEnded = "transaction_ended"
    case notStuck = "not_stuck"
    case decisionNotPossible = "decision_not_possible"
    case notLeader = "not_leader"
    case changePending = "change_pending"
    case noMajority = "no_majority"
    // 412
    case versionMismatch = "version_mismatch"
    // 413, 415, 429
    case bodyTooLarge = "body_too_large"
    case valueTooLarge = "value_too_large"
    case messageTooLarge = "message_too_large"
    case unsupportedMediaType = "unsupported_media_type"
    // 422
    case unroutable
    case impossibleLimit = "impossible_limit"
    // 415, 429
    case unsupportedEncoding = "unsupported_encoding"
    case tooManyWaiters = "too_many_waiters"
    case tooManyStreams = "too_many_streams"
    case tooManyTransactions = "too_many_transactions"
    // 5xx
    case storeFailed = "store_failed"
    case unsupported
    case notOffered = "not_offered"
    case storeUnavailable = "store_unavailable"
    case draining
    case tickExhausted = "tick_exhausted"
    case clockMovedBack = "clock_moved_back"
    case epochNotBegun = "epoch_not_begun"
    case workerLost = "worker_lost"
    case noWorkerFree = "no_worker_free"
    /// The client closed the connection while it waited. Nobody is left to read the answer, so it is never sent.
    case clientGone = "client_gone"

    var status: Int {
        switch self {
        case .invalidName, .invalidRequest, .invalidJSON, .unknownField, .malformedID: 400
        case .unauthorized: 401
        case .forbidden, .hostRefused, .originRefused: 403
        case .notFound, .unknownQueue, .unknownExchange, .unknownTransaction: 404
        case .methodNotAllowed: 405
        case .bodyTimeout: 408
        case .invalidConfiguration, .held, .permitsHeld, .recordConflict, .lost, .schemeMismatch, .segmentsExhausted,
            .epochOver:
            409
        case .queueConflict, .queueNotEmpty, .queueFull, .staleReceipt, .exchangeConflict, .scheduleConflict: 409
        case .transactionConflict, .transactionEnded, .notStuck, .decisionNotPossible: 409
        case .notLeader, .changePending, .noMajority: 409
        case .unroutable, .impossibleLimit: 422
        case .versionMismatch: 412
        case .bodyTooLarge, .valueTooLarge, .messageTooLarge: 413
        case .unsupportedMediaType, .unsupportedEncoding: 415
        case .tooManyWaiters, .tooManyStreams, .tooManyTransactions: 429
        case .clientGone: 499
        case .storeFailed: 500
        case .unsupported, .notOffered: 501
        case .storeUnavailable, .draining, .tickExhausted, .clockMovedBack, .epochNotBegun, .workerLost, .noWorkerFree:
            503
        }
    }

    var title: StaticString {
        switch self {
        case .invalidName: "The name is not valid"
        case .invalidRequest: "A value in the request is not valid"
        case .invalidJSON: "The body is not JSON"
        case .unknownField: "The body contains a field that is not known"
        case .malformedID: "The text is no identifier"
        case .invalidConfiguration: "The configuration cannot be used"
        case .unauthorized: "A valid token is needed"
        case .forbidden: "The token does not allow this"
        case .hostRefused: "The Host header does not name this host"
        case .originRefused: "Requests from other web pages are refused"
        case .notFound: "There is nothing here"
        case .unknownQueue: "There is no such queue"
        case .unknownExchange: "There is no such exchange"
        case .methodNotAllowed: "The method is not allowed here"
        case .bodyTimeout: "The body came too slowly"
        case .held: "Another owner holds the lock"
        case .permitsHeld: "Too few permits are free"
        case .recordConflict: "The record is not as the condition has it"
        case .lost: "The lease is over"
        case .schemeMismatch: "The tag or the namespace is used in another way"
        case .segmentsExhausted: "The tag has no numbers left"
        case .epochOver: "The layout has no time left"
        case .queueConflict: "The queue exists with other settings"
        case .queueNotEmpty: "The queue still has messages"
        case .queueFull: "The queue has no room"
        case .staleReceipt: "The deliveries are over"
        case .exchangeConflict: "The exchange exists and is another"
        case .scheduleConflict: "The schedule has gone on meanwhile"
        case .unknownTransaction: "There is no such transaction"
        case .transactionConflict: "The transaction exists and is another"
        case .transactionEnded: "The transaction has ended"
        case .notStuck: "The transaction needs no decision"
        case .decisionNotPossible: "The decision does not fit where the transaction stands"
        case .notLeader: "This server does not lead the cluster"
        case .changePending: "The change before is not settled yet"
        case .noMajority: "Too few voters answer"
        case .unroutable: "No queue is bound for the messages"
        case .impossibleLimit: "The numbers of the limit do not fit together"
        case .versionMismatch: "The entry is not the one that was expected"
        case .bodyTooLarge: "The body is too large"
        case .valueTooLarge: "The value is larger than the cache takes"
        case .messageTooLarge: "A message is larger than queues take"
        case .unsupportedMediaType: "The body is not declared as JSON"
        case .unsupportedEncoding: "The body is encoded in a way that is not taken"
        case .tooManyWaiters: "Too many requests wait already"
        case .tooManyTransactions: "Too many transactions are in flight"
        case .tooManyStreams: "Too many event streams are open already"
        case .storeFailed: "The store failed"
        case .unsupported: "The store cannot do this"
        case .storeUnavailable: "The store does not answer"
        case .draining: "The server is shutting down"
        case .notOffered: "This server does not offer this"
        case .tickExhausted: "The numbers of this moment are used up"
        case .clockMovedBack: "The clock of the server was set back"
        case .epochNotBegun: "The clock of the server stands before the layout's epoch"
        case .workerLost: "The server has no worker number at present"
        case .noWorkerFree: "Every worker number is held by others"
        case .clientGone: "The client went away"
        }
    }

    /// After how many seconds asking again makes sense, for the answers that carry a `Retry-After` header.
    var retryAfterSeconds: Int? {
        switch self {
        case .tooManyWaiters, .tooManyStreams, .tooManyTransactions, .storeUnavailable, .draining, .queueFull: 1
        case .tickExhausted, .clockMovedBack, .epochNotBegun, .workerLost, .noWorkerFree, .changePending: 1
        default: nil
        }
    }
}
