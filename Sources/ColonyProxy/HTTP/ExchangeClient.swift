import NIOCore

/// Why a request has no answer from an endpoint.
enum ExchangeFailure {
    /// No endpoint may be picked.
    case noneAvailable
    /// Too many requests wait for a connection, or this one has waited too long.
    case overloaded
    /// The endpoints that were tried refused, broke the connection, or gave something that is no answer.
    case failed
    /// The endpoint did not answer in time, or took too long to be connected to.
    case timedOut
    /// The time for all of the request was over before it could be sent to an endpoint.
    case endedInLine
    /// The time for all of the request was over while the client was waited for.
    case clientTooSlow

    var status: Int {
        switch self {
        case .noneAvailable, .overloaded: 503
        case .failed: 502
        case .timedOut, .endedInLine: 504
        case .clientTooSlow: 408
        }
    }

    /// Whether it says something of the upstream; the others come about before anything was sent, or are the client's.
    var isOfUpstream: Bool { self == .failed || self == .timedOut }

    var detail: StaticString {
        switch self {
        case .noneAvailable: "No endpoint is available."
        case .overloaded: "Too many requests wait for a connection to the endpoint."
        case .failed: "The endpoint could not be reached, or its answer was not valid."
        case .timedOut: "The endpoint did not answer in time."
        case .endedInLine: "No connection to an endpoint was free within the time for the request."
        case .clientTooSlow: "The request did not come in time."
        }
    }
}

/// Who made a request and gets the answer: a connection of HTTP/1.1, or anything else that a request can come by.
///
/// All is called on the event loop that both sides live on, in this order: interim heads, one last head, parts of the body, the end; or a
/// failure at any place of it.
protocol ExchangeClient: AnyObject {
    /// Whether it takes more of an answer at present.
    var takesAnswer: Bool { get }
    /// Whether chunks must be taken off the body.
    var understandsChunks: Bool { get }

    /// A head, complete in `bytes`.
    func answer(_ parser: borrowing ResponseHeadParser, _ bytes: UnsafeRawBufferPointer)
    func answerBody(_ part: ByteBuffer)
    func answerEnded()
    /// No head was passed on.
    func answerFailed(_ failure: ExchangeFailure)
    /// The head was passed on, and the rest will not come: the client must see that the answer is not whole.
    func answerBroke()
    /// What was passed on is all for now.
    func flushAnswer()
    /// The endpoint takes more of the request.
    func resumeRequest()
    /// The other side speaks another protocol from now on; what it says is `answerBody`.
    func becameTunnel()
    /// The endpoint has ended its direction of a tunnel.
    func tunnelEnded()
}
