extension Route {
    /// What the document says of a route of exchanges, topics, and schedules.
    var routingDescription: RouteDescription {
        switch self {
        case .declareExchange:
            RouteDescription(
                summary: "Make an exchange, or find that it is there and the same.", success: "The exchange is there.",
                request: "ExchangeRequest", answer: "DeclaredExchange", problems: [.exchangeConflict])
        case .listExchanges:
            RouteDescription(
                summary: "List exchanges with their bindings, in the byte order of their names.",
                success: "A page of exchanges; `next` is there if more follow.", answer: "ExchangePage",
                problems: [.invalidRequest, .unknownField])
        case .inspectExchange:
            RouteDescription(
                summary: "Look at one exchange.", success: "The exchange with its bindings.", answer: "Exchange",
                problems: [.invalidRequest, .unknownField, .unknownExchange])
        case .deleteExchange:
            RouteDescription(
                summary: "Remove an exchange with its bindings.", success: "The exchange is gone.",
                answer: "DeletedQueue",
                problems: [.invalidRequest, .unknownExchange])
        case .bindExchange:
            RouteDescription(
                summary: "Send messages of an exchange to a queue or to another exchange.",
                success: "Whether this changed anything.", request: "Binding", answer: "Changed",
                problems: [.unknownExchange, .unknownQueue])
        case .unbindExchange:
            RouteDescription(
                summary: "Take a binding away.", success: "Whether this changed anything.", request: "Binding",
                answer: "Changed", problems: [.unknownExchange, .unknownQueue])
        case .publishThrough:
            RouteDescription(
                summary: "Store each message in all queues that it is routed to, waiting for room if asked to.",
                success: "One answer per message. After the first without room, none is stored.",
                request: "RoutedRequest", answer: "RoutedMessages",
                problems: [
                    .unknownExchange, .queueFull, .unroutable, .messageTooLarge, .tooManyWaiters, .draining,
                    .unknownQueue,
                ])
        default: self.topicDescription
        }
    }

    private var topicDescription: RouteDescription {
        switch self {
        case .publishTopic:
            RouteDescription(
                summary: "Store messages in the log of topics and in the queues that are subscribed.",
                success: "One answer per message. After the first without room, none is stored.",
                request: "TopicRequest", answer: "TopicMessages", problems: [.queueFull, .messageTooLarge])
        case .topicEvents:
            RouteDescription(
                summary: "Follow topics of a pattern, as server-sent events.",
                success: "A stream of events named `open`, `message`, `gap`, and `end`.", answer: "Status",
                problems: [.invalidRequest, .unknownField, .tooManyStreams, .draining])
        case .listTopics:
            RouteDescription(
                summary: "Which topics are kept for how long, and which queues are subscribed.",
                success: "What was declared.", answer: "Topics", problems: [.invalidRequest, .unknownField])
        case .retainTopic:
            RouteDescription(
                summary: "Keep messages to topics of a pattern for a time.", success: "They are kept from now on.",
                request: "RetentionRequest", answer: "Retention")
        case .forgetTopic:
            RouteDescription(
                summary: "Keep messages to topics of a pattern no longer than others.",
                success: "The declaration is taken back.", answer: "DeletedQueue")
        case .subscribeQueue:
            RouteDescription(
                summary: "Have a queue get what is published to topics of a pattern.",
                success: "Whether this changed anything.", answer: "Changed",
                problems: [.invalidRequest, .unknownQueue])
        case .unsubscribeQueue:
            RouteDescription(
                summary: "Take the subscription of a queue away.", success: "Whether this changed anything.",
                answer: "Changed", problems: [.invalidRequest, .unknownQueue])
        default: self.scheduleDescription
        }
    }

    private var scheduleDescription: RouteDescription {
        switch self {
        case .putSchedule:
            RouteDescription(
                summary: "Make a schedule, or replace the one of that name.",
                success: "Whether this changed anything, and the schedule.", request: "ScheduleRequest",
                answer: "PutSchedule", problems: [.unknownQueue, .messageTooLarge, .scheduleConflict])
        case .listSchedules:
            RouteDescription(
                summary: "List schedules in the byte order of their names.",
                success: "A page of schedules; `next` is there if more may follow.", answer: "SchedulePage",
                problems: [.invalidRequest, .unknownField])
        case .inspectSchedule:
            RouteDescription(
                summary: "Look at one schedule.", success: "The schedule; `next` is there if it has a tick to come.",
                answer: "Schedule", problems: [.invalidRequest, .unknownField, .notFound])
        case .removeSchedule:
            RouteDescription(
                summary: "Remove a schedule.", success: "The schedule is gone.", answer: "DeletedQueue",
                problems: [.notFound])
        default: preconditionFailure("\(self) is no route of exchanges, topics, or schedules")
        }
    }
}
