extension Route {
    /// What the document says of a route of limits or of switches.
    var limitDescription: RouteDescription {
        switch self {
        case .takeLimit:
            RouteDescription(
                summary: "Take permits of a limit, or only look with 0 permits.",
                success: "Whether they were granted. A refusal takes nothing and has a `Retry-After`.",
                request: "TakeLimitRequest", answer: "LimitDecision", problems: [.impossibleLimit])
        case .takeLimits:
            RouteDescription(
                summary: "Take permits of several limits, decided in their order.",
                success: "One answer per request, in the same order.", request: "TakeLimitsRequest",
                answer: "LimitDecisions", problems: [.impossibleLimit])
        case .listLimits:
            RouteDescription(
                summary: "List limits that are not full, in the byte order of their names.",
                success: "A page of limits; `next` is there if more may follow.", answer: "LimitPage",
                problems: [.invalidRequest, .unknownField, .unsupported])
        case .inspectLimit:
            RouteDescription(
                summary: "Look at one limit that is not full.",
                success:
                    "Its rule as the latest request brought it, what one permit would be answered, and its switch.",
                answer: "Limit", problems: [.invalidRequest, .unknownField, .notFound, .unsupported])
        case .resetLimit:
            RouteDescription(
                summary: "Forget what was taken from a limit, so that it is full again.", success: "It is full.",
                answer: "LimitReset", problems: [.notFound])
        case .listSwitches:
            RouteDescription(
                summary: "List the switches of breakers and limits, with how they stand in each process.",
                success: "All that a process reports or that was moved, by kind and name.", answer: "Switches",
                problems: [.invalidRequest, .unknownField])
        case .setSwitch:
            RouteDescription(
                summary: "Move a switch, whether or not any process has it yet.",
                success: "Where it stands. The processes follow within moments.", request: "SetSwitchRequest",
                answer: "SwitchSetting", problems: [])
        default: preconditionFailure("\(self) is no route of limits or of switches")
        }
    }
}
