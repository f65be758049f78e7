import ColonyBalancing
import ColonyCore
import NIOCore

extension HTTP1Client {
    /// Begins to serve the request whose head is at the front of what was read.
    func startRequest() {
        let head = self.parser.head
        self.beginCounting(log: true)
        self.phase = .serving
        self.hasAnswered = false
        self.isHTTP10 = head.version == .http10
        self.isHead = head.method == .head
        self.closesAfterAnswer = !head.isPersistent || self.worker.isDraining
        var direction: Direction?
        self.inbound.withUnsafeReadableBytes { bytes in
            direction = RequestDirector.direct(
                self.parser, bytes, of: self.identity, on: self.worker, start: self.requestStart, route: &self.route)
        }
        self.route?.counts.traffic.activeRequests += 1
        self.skipHead(head.length)
        self.isReadingBody = head.framing != .none
        switch direction.take() {
        case .none: break
        case .forward(let request): self.forward(request, head.framing)
        case .answer(let answer):
            self.skipBody(head.framing)
            self.answer(answer)
        }
    }

    private func forward(_ request: consuming ForwardedRequest, _ framing: BodyFraming) {
        if self.isReadingBody {
            self.body = BodyReader(framing, limit: request.bodyLimit)
            if !self.takeFirstPart(into: &request.bytes) { return }
        }
        self.exchange.begin(request, isComplete: !self.isReadingBody)
    }

    /// A body that has come already is thrown away, so that the connection can be gone on with. The rest of one is not waited for.
    private func skipBody(_ framing: BodyFraming) {
        guard self.isReadingBody, self.inbound.readableBytes > 0 else { return }
        self.body = BodyReader(framing)
        var part = ByteBuffer()
        if case .end = self.body.take(from: &self.inbound, into: &part) { self.isReadingBody = false }
    }

    private func skipHead(_ length: Int) {
        self.inbound.moveReaderIndex(forwardBy: length)
        // The channel reads into the same memory again if nobody holds on to it.
        if self.inbound.readableBytes == 0 { self.inbound = ByteBuffer() }
    }

    /// Puts a small body, or its beginning, behind the head, so that both are sent with one call of the system.
    ///
    /// - Returns: Whether the request can go on.
    private func takeFirstPart(into request: inout ByteBuffer) -> Bool {
        guard self.inbound.readableBytes > 0, self.inbound.readableBytes <= Self.smallPart else { return true }
        var part = ByteBuffer()
        let outcome = self.body.take(from: &self.inbound, into: &part)
        request.writeBuffer(&part)
        switch outcome {
        case .more:
            return true
        case .end:
            self.isReadingBody = false
            return true
        case .defect(let defect):
            self.answerSelf(Int(defect.status), detail: defect.reason, closes: true)
            return false
        }
    }

    // MARK: Counting

    func beginCounting(log: Bool) {
        self.isCounting = true
        self.exchange.forget()
        self.requestStart = self.worker.now
        self.status = 0
        self.answerBytes = 0
        self.worker.traffic.requests &+= 1
        self.worker.traffic.activeRequests += 1
        // With a head the director says which one it is.
        if !log { self.route = nil }
        guard self.settings.options.accessLog != nil else { return }
        self.logged = LoggedRequest(client: self.origin.clientText, method: "", target: "")
        if log {
            let head = self.parser.head
            self.inbound.withUnsafeReadableBytes { bytes in
                self.logged = LoggedRequest(
                    client: self.identity.client(self.parser, bytes).address, method: head.methodName.text(in: bytes),
                    target: head.target.text(in: bytes))
            }
        }
    }

    /// The request is over.
    func count(isComplete: Bool) {
        guard self.isCounting else { return }
        self.isCounting = false
        let duration = self.worker.now - self.requestStart
        self.worker.traffic.activeRequests -= 1
        self.route?.counts.traffic.activeRequests -= 1
        if self.status > 0 {
            self.worker.traffic.answers.count(status: self.status)
            self.route?.counts.traffic.answers.count(status: self.status)
            self.worker.latency.record(nanoseconds: duration)
        }
        guard let logged, let log = self.settings.options.accessLog else { return }
        self.logged = nil
        log.write(
            AccessLogEntry(
                time: log.clock.now, client: logged.client, method: logged.method, target: logged.target,
                status: self.status,
                bytes: self.answerBytes, duration: .nanoseconds(duration),
                endpoint: self.answersSelf ? nil : self.exchange.record?.endpoint.name,
                attempts: self.exchange.attempts,
                isComplete: isComplete))
    }
}

/// What the log needs of the head of a request.
struct LoggedRequest {
    var client: String
    let method: String
    let target: String
}
