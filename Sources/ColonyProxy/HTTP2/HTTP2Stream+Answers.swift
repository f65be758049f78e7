import NIOCore
import NIOHPACK

extension HTTP2Stream: ExchangeClient {
    /// Chunks are taken off here, because the trailers are behind them.
    var understandsChunks: Bool { true }

    func answer(_ parser: borrowing ResponseHeadParser, _ bytes: UnsafeRawBufferPointer) {
        let head = parser.head
        let plan = head.isInterim ? nil : self.route?.plan
        var headers = HTTP2AnswerHead.headers(
            parser, bytes, via: self.settings.via, dropping: plan?.rewrite.response.dropped ?? [])
        if let plan {
            if plan.rewritesResponse { HTTP2AnswerHead.add(plan.rewrite.response.lines, to: &headers) }
            if plan.sticky != nil { self.addCookie(to: &headers) }
        }
        if head.isInterim {
            self.writeHead(headers, endsStream: false)
            return
        }
        self.status = Int(head.status)
        self.hasAnswered = true
        self.hasEnded = head.framing == .none
        if head.framing == .chunked { self.chunks = HTTP2Trailers.Reader() }
        self.countAnswer(head.length)
        self.writeHead(headers, endsStream: self.hasEnded)
    }

    private func addCookie(to headers: inout HPACKHeaders) {
        guard let (plan, endpoint) = self.exchange.endpointForCookie else { return }
        var value = ByteBuffer()
        plan.write(endpoint, to: &value)
        headers.add(name: "set-cookie", value: String(buffer: value), indexing: .neverIndexed)
    }

    func answerBody(_ part: ByteBuffer) {
        guard !self.hasEnded else { return }
        self.flushOutgoing()
        guard self.chunks != nil else {
            self.outgoing = part
            self.countAnswer(part.readableBytes)
            return
        }
        self.outgoing.reserveCapacity(part.readableBytes)
        // What is wrong about chunks, the connection to the endpoint has seen before.
        _ = self.chunks?.take(part, into: &self.outgoing)
        self.countAnswer(self.outgoing.readableBytes)
    }

    func answerEnded() {
        if !self.hasEnded {
            self.hasEnded = true
            if let trailers = self.chunks?.trailers() {
                self.flushOutgoing()
                self.writeHead(trailers, endsStream: true)
            } else {
                self.writeData(self.outgoing, endsStream: true)
                self.outgoing = ByteBuffer()
            }
        }
        self.chunks = nil
        self.count(isComplete: true)
        self.finish()
    }

    func answerFailed(_ failure: ExchangeFailure) {
        self.answerSelf(failure.status, detail: failure.detail)
    }

    func answerBroke() { self.breakOff() }

    func flushAnswer() {
        self.flushOutgoing()
        self.flush()
    }

    func resumeRequest() {
        self.passBody()
        self.resumeReading()
    }

    /// There are no tunnels in HTTP/2 without the extension of RFC 8441, which is not offered.
    func becameTunnel() { self.breakOff() }

    func tunnelEnded() {}

    private func flushOutgoing() {
        guard self.outgoing.readableBytes > 0 else { return }
        self.writeData(self.outgoing, endsStream: false)
        self.outgoing = ByteBuffer()
    }

    private func countAnswer(_ bytes: Int) {
        self.answerBytes &+= UInt64(bytes)
        self.worker.traffic.bytesToClients &+= UInt64(bytes)
    }

    /// Answers without an endpoint.
    func answerSelf(_ status: Int, detail: StaticString) { self.answer(DirectedAnswer(status, detail)) }

    /// Answers without an endpoint.
    func answer(_ answer: DirectedAnswer) {
        self.status = answer.status
        self.answersSelf = true
        self.hasAnswered = true
        self.hasEnded = true
        self.worker.traffic.ownAnswers &+= 1
        let body = OwnAnswer.body(of: answer)
        let endsWithHead = self.isHead || body.isEmpty
        self.writeHead(HTTP2AnswerHead.headers(answer, length: body.count), endsStream: endsWithHead)
        if !endsWithHead {
            self.writeData(ByteBuffer(bytes: body), endsStream: true)
            self.countAnswer(body.count)
        }
        self.count(isComplete: true)
        self.finish()
    }
}
