import ColonyBalancing
import ColonyCore
import NIOCore
import NIOHPACK

extension HTTP2Stream {
    /// Begins to serve the request with these fields, of whose body something may have come with them.
    func start(_ headers: HPACKHeaders) {
        self.phase = .serving
        // Known before anything is answered: an answer to HEAD has no body.
        self.isHead = headers.first(name: ":method") == "HEAD"
        self.connection.adoptSettings()
        self.settings = self.connection.settings
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
            case .complete(let length) where length == bytes.readableBytes: self.direct(bytes)
            case .complete, .needMore:
                self.connection.parser.reset()
                self.answerSelf(400, detail: "The head has an end within.")
            case .failed(let defect):
                self.connection.parser.reset()
                self.answerSelf(Int(defect.status), detail: defect.reason)
            }
        }
    }

    /// Does what is to be done with the request whose head the parser has just read.
    private func direct(_ bytes: ByteBuffer) {
        let head = self.connection.parser.head
        var direction: Direction?
        bytes.withUnsafeReadableBytes { bytes in
            direction = RequestDirector.direct(
                self.connection.parser, bytes, of: self.connection.identity, on: self.worker, start: self.requestStart,
                route: &self.route)
            if self.logged != nil {
                let client = self.connection.identity.client(self.connection.parser, bytes).address
                self.logged?.client = client
            }
        }
        self.route?.counts.traffic.activeRequests += 1
        switch direction.take() {
        case .none: break
        case .answer(let answer): self.answer(answer)
        case .forward(let request): self.forward(request, head.framing)
        }
    }

    private func forward(_ request: consuming ForwardedRequest, _ framing: BodyFraming) {
        self.bodyLimit = request.bodyLimit
        self.sendsChunks = framing == .chunked
        if case .length(let count) = framing { self.bodyLength = count }
        if self.inputEnded, !self.sendsChunks, self.bodyBytes != self.bodyLength ?? 0 {
            self.answerSelf(400, detail: "The body of the request has not the length that was said.")
            return
        }
        if framing != .none {
            if self.inputEnded, !self.sendsChunks, self.inbound.readableBytes <= Self.smallBody {
                request.bytes.writeBuffer(&self.inbound)
                self.inbound = ByteBuffer()
            } else {
                self.isReadingBody = true
            }
        }
        self.exchange.begin(request, isComplete: !self.isReadingBody)
        // The endpoint is not asked to hurry while the client takes nothing, so somebody has to look at the client.
        if self.phase == .serving, !self.takesAnswer { self.awaitClient() }
    }

    // MARK: Counting

    private func beginCounting(_ headers: HPACKHeaders) {
        self.isCounting = true
        self.exchange.forget()
        self.requestStart = self.worker.now
        self.worker.traffic.requests &+= 1
        self.worker.traffic.activeRequests += 1
        guard self.settings.options.accessLog != nil else { return }
        self.logged = LoggedRequest(
            client: self.connection.origin.clientText, method: headers.first(name: ":method") ?? "",
            target: headers.first(name: ":path") ?? "")
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
                status: self.status, bytes: self.answerBytes, duration: .nanoseconds(duration),
                endpoint: self.answersSelf ? nil : self.exchange.record?.endpoint.name,
                attempts: self.exchange.attempts, isComplete: isComplete))
    }
}
