import NIOCore

/// An answer that the proxy gives itself because a route, or the lack of one, says so; in words that each version of HTTP can write.
struct DirectedAnswer {
    enum Body {
        /// A problem document with this sentence.
        case problem(StaticString)
        /// What the route says.
        case content(AnswerContent)
        case none
    }

    let status: Int
    let body: Body
    /// The value of `Location`.
    var location: ByteBuffer?
    /// The value of `Retry-After`, in seconds.
    var retryAfter: Int?
    /// Whether the connection cannot be gone on with.
    var closes = false

    init(_ status: Int, _ body: Body) {
        self.status = status
        self.body = body
    }

    init(_ status: Int, _ detail: StaticString, closes: Bool = false) {
        self.init(status, .problem(detail))
        self.closes = closes
    }

    /// - Parameter wait: Rounded up to whole seconds, at least one.
    init(_ status: Int, _ detail: StaticString, retryAfter wait: Duration?) {
        self.init(status, .problem(detail))
        if let wait {
            let (seconds, attoseconds) = wait.components
            self.retryAfter = Int(max(1, min(seconds, 1_000_000_000) + (attoseconds > 0 ? 1 : 0)))
        }
    }
}
