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
        let limit = self.worker.settings.options.limits.bodyBytes.map { UInt64($0) } ?? UInt64(Int64.max)
        if head.method == .connect {
            self.skipHead(head.length)
            self.answerSelf(405, detail: "This proxy is none that clients choose: it opens no tunnels.", closes: true)
            return
        }
        if case .length(let count) = head.framing, count > limit {
            self.skipHead(head.length)
            self.answerSelf(413, detail: "The body of the request is longer than the limit.", closes: true)
            return
        }
        var rewrite = RequestRewrite()
        rewrite.dropping = self.forwarded.dropped
        rewrite.passesUpgrade = head.requestsUpgrade
        var request = self.worker.spares.take()
        self.inbound.withUnsafeReadableBytes { bytes in
            self.parser.write(bytes, to: &request, rewrite: rewrite, reserving: self.forwarded.bound)
            self.forwarded.write(self.parser, bytes, to: &request)
        }
        HeadEnd.write(to: &request)
        self.skipHead(head.length)
        self.isReadingBody = head.framing != .none
        if self.isReadingBody {
            self.body = BodyReader(head.framing, limit: limit)
            if !self.takeFirstPart(into: &request) { return }
        }
        self.exchange.begin(
            request, method: head.method, hasBody: head.framing != .none, isComplete: !self.isReadingBody,
            allowsUpgrade: head.requestsUpgrade, context: self.pickContext)
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
        guard self.worker.settings.options.accessLog != nil else { return }
        self.logged = ("", "")
        if log {
            let head = self.parser.head
            self.inbound.withUnsafeReadableBytes { bytes in
                self.logged = (head.methodName.text(in: bytes), head.target.text(in: bytes))
            }
        }
    }

    /// The request is over.
    func count(isComplete: Bool) {
        guard self.isCounting else { return }
        self.isCounting = false
        let duration = self.worker.now - self.requestStart
        self.worker.traffic.activeRequests -= 1
        if self.status > 0 {
            self.worker.traffic.answers.count(status: self.status)
            self.worker.latency.record(nanoseconds: duration)
        }
        guard let logged, let log = self.worker.settings.options.accessLog else { return }
        self.logged = nil
        log.write(
            AccessLogEntry(
                time: log.clock.now, client: self.origin.clientText, method: logged.method, target: logged.target,
                status: self.status, bytes: self.answerBytes, duration: .nanoseconds(duration),
                endpoint: self.answersSelf ? nil : self.exchange.record?.endpoint.name,
                attempts: self.exchange.attempts,
                isComplete: isComplete))
    }
}
