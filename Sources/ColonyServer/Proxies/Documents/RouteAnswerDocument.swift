import ColonyProxy

/// `respond` of a route: an answer that is always the same.
struct RouteAnswerDocument: Sendable {
    var status = 200
    var contentType = "text/plain; charset=utf-8"
    var body = ""

    private static let keys: [SectionKey<RouteAnswerDocument>] = [
        .integer("status", \.status), .text("content_type", \.contentType), .text("body", \.body),
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> RouteAnswer {
        try value.make(Self.keys, from: RouteAnswerDocument()) { document in
            try RouteAnswer(status: document.status, contentType: document.contentType, body: document.body)
        }
    }
}
