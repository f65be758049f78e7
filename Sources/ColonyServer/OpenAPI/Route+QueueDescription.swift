/// What the document of the API says of a route.
struct RouteDescription {
    var summary: String
    /// What comes when all is well.
    var success: String
    /// The schema of the body that is sent; `nil` without one.
    var request: String?
    /// The schema of the body that comes.
    var answer: String
    /// What can go wrong beside what goes wrong at every such route.
    var problems: [ProblemCode] = []
}

extension Route {
    /// What the document says of a route of queues.
    var queueDescription: RouteDescription {
        switch self {
        case .declareQueue:
            RouteDescription(
                summary: "Make a queue, or find that it is there with equal settings.",
                success: "The queue is there, with these settings.", request: "QueueSettings", answer: "DeclaredQueue",
                problems: [.queueConflict])
        case .listQueues:
            RouteDescription(
                summary: "List queues in the byte order of their names.",
                success: "A page of queues, as they stood after the last request to each; `next` is there if more may follow.",
                answer: "QueuePage", problems: [.invalidRequest, .unknownField])
        case .inspectQueue:
            RouteDescription(
                summary: "How a queue stands.", success: "The queue; `oldest_age_ms` is there if a message can be delivered.",
                answer: "Queue", problems: [.invalidRequest, .unknownField, .unknownQueue])
        case .deleteQueue:
            RouteDescription(
                summary: "Remove a queue that has no messages.", success: "The queue is gone.", answer: "DeletedQueue",
                problems: [.unknownQueue, .queueNotEmpty])
        case .pauseQueue:
            RouteDescription(
                summary: "Deliver nothing from a queue until it is resumed.", success: "Whether this changed anything.",
                answer: "PausedQueue", problems: [.unknownQueue])
        case .resumeQueue:
            RouteDescription(
                summary: "Deliver from a queue again.", success: "Whether this changed anything.", answer: "PausedQueue",
                problems: [.unknownQueue])
        case .queueChanges:
            RouteDescription(
                summary: "Wait until there may be something new in a queue: a message to deliver, or room.",
                success: "How many changes there were.", answer: "QueueChanges",
                problems: [.invalidRequest, .unknownField, .unknownQueue, .tooManyWaiters, .draining])
        case .publishMessages:
            RouteDescription(
                summary: "Store messages in their order, waiting for room if asked to.",
                success: "One answer per message. After the first without room, none is stored.",
                request: "PublishRequest", answer: "PublishedMessages",
                problems: [.unknownQueue, .queueFull, .messageTooLarge, .tooManyWaiters, .draining])
        default: self.messageDescription
        }
    }

    private var messageDescription: RouteDescription {
        switch self {
        case .peekMessages:
            RouteDescription(
                summary: "Look at messages in the order of publishing, which does not count as an attempt.",
                success: "A page of messages; `next` is there if more may follow.", answer: "QueuedMessagePage",
                problems: [.invalidRequest, .unknownField, .unknownQueue])
        case .purgeQueue:
            RouteDescription(
                summary: "Remove all messages that are with no consumer and not dead.",
                success: "How many there were. With `more`, ask again.", answer: "RemovedMessages",
                problems: [.unknownQueue, .tooManyWaiters, .draining])
        case .cancelMessage:
            RouteDescription(
                summary: "Take a message back that is with no consumer.", success: "It is taken back.",
                answer: "CancelledMessage", problems: [.invalidRequest, .unknownQueue, .notFound])
        case .cancelMessages:
            RouteDescription(
                summary: "Take messages back that are with no consumer, in one step.",
                success: "Whether each was taken back, in the same order.", request: "CancelRequest",
                answer: "CancelledMessages", problems: [.unknownQueue])
        case .receiveMessages:
            RouteDescription(
                summary: "Take messages, each for the time of a lease, waiting for a first one if asked to.",
                success: "None if nothing can be delivered. The leases began `waited_ms` after the request came.",
                request: "ReceiveRequest", answer: "ReceivedMessages",
                problems: [.unknownQueue, .tooManyWaiters, .draining])
        case .settleMessages:
            RouteDescription(
                summary: "Say how deliveries ended, or that they go on.",
                success: "How many were settled, and which receipts were refused.", request: "SettleRequest",
                answer: "Settled", problems: [.unknownQueue, .staleReceipt])
        case .deadLetters:
            RouteDescription(
                summary: "Look at the dead letters that are parked in a queue.",
                success: "A page of dead letters; `next` is there if more may follow.", answer: "DeadLetterPage",
                problems: [.invalidRequest, .unknownField, .unknownQueue])
        case .redriveDeadLetters:
            RouteDescription(
                summary: "Deliver dead letters again, with no attempt counted.",
                success: "How many were moved. With `more`, ask again.", request: "RedriveRequest",
                answer: "MovedMessages", problems: [.unknownQueue, .tooManyWaiters, .draining])
        case .dropDeadLetters:
            RouteDescription(
                summary: "Remove parked dead letters for good.", success: "How many there were. With `more`, ask again.",
                request: "DropRequest", answer: "RemovedMessages",
                problems: [.unknownQueue, .tooManyWaiters, .draining])
        default: preconditionFailure("\(self) is no route of queues")
        }
    }
}
