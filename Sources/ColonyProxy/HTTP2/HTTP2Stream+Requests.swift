import ColonyBalancing
import ColonyCore
import NIOCore
import NIOHPACK

extension HTTP2Stream {
    /// Begins to serve the request with these fields, of whose body something may have come with them.
    func start(_ headers: HPACKHeaders) {
        self.phase = .serving
        self.beginCounting(headers)
        let body: HTTP2RequestHead.Body = self.inputEnded ? .whole(self.inbound.readableBytes) : .open
        var bytes = self.worker.spares.take()
        defer { self.worker.spares.give(bytes) }
        switch HTTP2RequestHead.write(headers, body: body, to: &bytes) {
        case .malformed(let reason): self.answerSelf(400, detail: reason)
        case .tunnel:
            self.answerSelf(405, detail: "This proxy is none that clients choose: it opens no tunnels.")
        case .written:
            self.worker.traffic.bytesFromClients &+= UInt64(bytes.readableBytes)
            switch bytes.withUnsafeReadableBytes({ self.connection.parser.parse($0) }) {
            case .complete(let length) where length == bytes.readableBytes: self.forward(bytes)
            case .complete, .needMore:
                self.connection.parser.reset()
                self.answerSelf(400, detail: "The head is none.")
            case .failed(let defect):
                self.connection.parser.reset()
                self.answerSelf(Int(defect.status), detail: defect.reason)
            }
        }
    }

    /// Sends the request whose head the parser has just read.
    private func forward(_ bytes: ByteBuffer) {
        let head = self.connection.parser.head
        self.isHead = head.method == .head
        if let limit = self.worker.settings.options.limits.bodyBytes { self.bodyLimit = UInt64(limit) }
        if case .length(let count) = head.framing, count > self.bodyLimit {
            self.answerSelf(413, detail: "The body of the request is longer than the limit.")
            return
        }
        var rewrite = RequestRewrite()
        rewrite.dropping = self.connection.forwarded.dropped
        var request = self.worker.spares.take()
        bytes.withUnsafeReadableBytes { bytes in
            self.connection.parser.write(
                bytes, to: &request, rewrite: rewrite, reserving: self.connection.forwarded.bound)
            self.connection.forwarded.write(self.connection.parser, bytes, to: &request)
        }
        HeadEnd.write(to: &request)
        let hasBody = head.framing != .none
        self.sendsChunks = head.framing == .chunked
        if hasBody {
            if self.inputEnded, !self.sendsChunks, self.inbound.readableBytes <= Self.smallBody {
                request.writeBuffer(&self.inbound)
                self.inbound = ByteBuffer()
            } else {
                self.isReadingBody = true
            }
        }
        self.exchange.begin(
            request, method: head.method, hasBody: hasBody, isComplete: !self.isReadingBody, allowsUpgrade: false,
            context: self.connection.pickContext)
    }

    // MARK: Counting

    private func beginCounting(_ headers: HPACKHeaders) {
        self.isCounting = true
        self.exchange.forget()
        self.requestStart = self.worker.now
        self.worker.traffic.requests &+= 1
        self.worker.traffic.activeRequests += 1
        guard self.worker.settings.options.accessLog != nil else { return }
        self.logged = (headers.first(name: ":method") ?? "", headers.first(name: ":path") ?? "")
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
                time: log.clock.now, client: self.connection.origin.clientText, method: logged.method,
                target: logged.target, status: self.status, bytes: self.answerBytes, duration: .nanoseconds(duration),
                endpoint: self.answersSelf ? nil : self.exchange.record?.endpoint.name,
                attempts: self.exchange.attempts, isComplete: isComplete))
    }
}
