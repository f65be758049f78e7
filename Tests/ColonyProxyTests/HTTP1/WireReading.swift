import ColonyProxy

/// What a connection's bytes are read as.
enum WireEvent: Hashable, Sendable {
    case request(RequestMethod, target: String, BodyFraming, persistent: Bool, fields: Int)
    case response(UInt16, BodyFraming, persistent: Bool, fields: Int)
    /// A body has ended after so many bytes of data.
    case end(data: UInt64)
    case badHead(HeadDefect)
    case badBody(BodyDefect)
    /// The bytes ended in a head that is not whole, or between two.
    case inHead(pending: Int)
    /// The bytes ended in a body.
    case inBody(data: UInt64)

    var isRefusal: Bool {
        switch self {
        case .badHead, .badBody: true
        default: false
        }
    }
}

/// Reads the messages of one connection, whose bytes come in pieces, as a proxy does.
final class WireReading {
    private var requests: RequestHeadParser
    private var responses: ResponseHeadParser
    private let method: RequestMethod?
    private let memory: GuardedMemory
    private var buffer: [UInt8] = []
    private var body: Body?
    private var isOver = false
    private(set) var events: [WireEvent] = []
    /// The data of all bodies.
    private(set) var data: [UInt8] = []
    /// How many of the bytes belong to messages that ended.
    private(set) var used = 0

    private enum Body {
        case counted(left: UInt64, all: UInt64)
        case chunked(ChunkedScanner)
        case untilClose(UInt64)
    }

    /// - Parameter method: Of the requests that are answered; `nil` where requests are read.
    init(in memory: GuardedMemory, limits: HeadLimits = HeadLimits(), answering method: RequestMethod? = nil) {
        self.requests = RequestHeadParser(limits: limits)
        self.responses = ResponseHeadParser(limits: limits)
        self.method = method
        self.memory = memory
    }

    /// What all the bytes are read as, cut into pieces at these places.
    static func events(
        _ bytes: [UInt8], cutAt cuts: [Int] = [], in memory: GuardedMemory, limits: HeadLimits = HeadLimits(),
        answering method: RequestMethod? = nil
    ) -> [WireEvent] {
        let reading = WireReading(in: memory, limits: limits, answering: method)
        var start = 0
        for cut in cuts + [bytes.count] {
            reading.feed(bytes[start..<cut])
            start = cut
        }
        return reading.finish()
    }

    func feed(_ bytes: some Collection<UInt8>) {
        if self.isOver { return }
        self.buffer += bytes
        while !self.isOver, self.step() {}
    }

    func finish() -> [WireEvent] {
        if self.isOver { return self.events }
        switch self.body {
        case .none: self.events.append(.inHead(pending: self.buffer.count))
        case .counted(let left, let all): self.events.append(.inBody(data: all - left))
        case .chunked(let scanner): self.events.append(.inBody(data: scanner.decodedBytes))
        case .untilClose(let count): self.events.append(.end(data: count))
        }
        return self.events
    }

    /// Takes one step; `false` if more bytes are needed.
    private func step() -> Bool {
        self.body == nil ? self.readHead() : self.readBody()
    }

    private func take(_ count: Int) {
        self.buffer.removeFirst(count)
        self.used += count
    }

    private func readHead() -> Bool {
        var event: WireEvent?
        var framing = BodyFraming.none
        let outcome = self.memory.holding(self.buffer) { bytes in
            if let method {
                let outcome = self.responses.parse(bytes, answering: method)
                guard case .complete = outcome else { return outcome }
                let head = self.responses.head
                framing = head.framing
                event = .response(
                    head.status, framing, persistent: head.isPersistent, fields: self.responses.fields.count)
                return outcome
            }
            let outcome = self.requests.parse(bytes)
            guard case .complete = outcome else { return outcome }
            let head = self.requests.head
            framing = head.framing
            event = .request(
                head.method, target: head.target.text(in: bytes), framing, persistent: head.isPersistent,
                fields: self.requests.fields.count)
            return outcome
        }
        switch outcome {
        case .needMore: return false
        case .failed(let defect):
            self.events.append(.badHead(defect))
            self.isOver = true
            return false
        case .complete(let length):
            self.take(length)
            if let event { self.events.append(event) }
            switch framing {
            case .none: self.end(0)
            case .length(let count): self.body = .counted(left: count, all: count)
            case .chunked: self.body = .chunked(ChunkedScanner())
            case .untilClose: self.body = .untilClose(0)
            }
            return true
        }
    }

    private func end(_ count: UInt64) {
        self.events.append(.end(data: count))
        self.body = nil
        let isPersistent = self.method == nil ? self.requests.head.isPersistent : self.responses.head.isPersistent
        if !isPersistent || self.responses.head.opensTunnel { self.isOver = true }
    }

    private func readBody() -> Bool {
        if self.buffer.isEmpty { return false }
        switch self.body {
        case .none: return false
        case .counted(let left, let all):
            let count = Int(min(left, UInt64(self.buffer.count)))
            self.data += self.buffer[..<count]
            self.take(count)
            if left == UInt64(count) {
                self.end(all)
            } else {
                self.body = .counted(left: left - UInt64(count), all: all)
            }
        case .untilClose(let count):
            self.data += self.buffer
            self.body = .untilClose(count + UInt64(self.buffer.count))
            self.take(self.buffer.count)
        case .chunked(var scanner):
            let (used, state) = self.memory.holding(self.buffer) { bytes in
                scanner.scan(bytes) { self.data += bytes[$0] }
            }
            self.take(used)
            self.body = .chunked(scanner)
            switch state {
            case .needMore: return false
            case .complete: self.end(scanner.decodedBytes)
            case .failed(let defect):
                self.events.append(.badBody(defect))
                self.isOver = true
            }
        }
        return true
    }
}
