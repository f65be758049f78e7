import ColonyProxy
import Testing

/// One message with the answer that the rules demand.
struct FramingCase: Sendable, CustomTestStringConvertible {
    enum Answer: Hashable, Sendable {
        /// The first message is read with this framing, and nothing is refused.
        case reads(BodyFraming)
        /// The head is refused.
        case refuses(HeadDefect)
        /// The head is read and the body is refused.
        case breaks(BodyDefect)
        /// More bytes are needed.
        case waits
    }

    let name: String
    /// The section that demands the answer.
    let rule: String
    let bytes: [UInt8]
    let answer: Answer
    /// Of the request that a response answers; `nil` for a request.
    var method: RequestMethod?
    var limits = HeadLimits()

    var testDescription: String { "\(self.name) (\(self.rule))" }

    /// - Parameter text: Each character is one byte, so that none above U+00FF can be in it.
    init(
        _ name: String, _ rule: String, _ text: String, _ answer: Answer, answering method: RequestMethod? = nil,
        limits: HeadLimits = HeadLimits()
    ) {
        self.name = name
        self.rule = rule
        self.bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        self.answer = answer
        self.method = method
        self.limits = limits
    }

    func events(cutAt cuts: [Int] = [], in memory: GuardedMemory) -> [WireEvent] {
        WireReading.events(self.bytes, cutAt: cuts, in: memory, limits: self.limits, answering: self.method)
    }

    /// What a reading amounts to.
    static func answer(_ events: [WireEvent]) -> Answer {
        for event in events {
            if case .badHead(let defect) = event { return .refuses(defect) }
            if case .badBody(let defect) = event { return .breaks(defect) }
        }
        switch events.first {
        case .request(_, _, let framing, _, _), .response(_, let framing, _, _):
            if case .inBody = events.last { return .waits }
            return .reads(framing)
        default: return .waits
        }
    }
}

/// The messages that every reader of HTTP/1.1 has to agree about.
enum FramingCorpus {
    static let all = requestLines + fieldLines + hosts + requestFraming + chunkedBodies + responses
    static let requests = requestLines + fieldLines + hosts + requestFraming + chunkedBodies
}
