import NIOCore

extension HTTP1Client: ExchangeClient {
    var understandsChunks: Bool { !self.removesChunks }

    // MARK: What the exchange passes on

    func answer(_ parser: borrowing ResponseHeadParser, _ bytes: UnsafeRawBufferPointer) {
        let head = parser.head
        var rewrite = ResponseRewrite()
        if head.isInterim {
            // RFC 9110, section 15.2: a client of HTTP/1.0 knows no interim answers.
            if self.isHTTP10 { return }
        } else {
            self.status = Int(head.status)
            self.hasAnswered = true
            self.removesChunks = self.isHTTP10 && head.framing == .chunked
            if head.framing == .untilClose || self.removesChunks || self.isReadingBody || self.worker.isDraining {
                self.closesAfterAnswer = true
            }
            rewrite.removesChunks = self.isHTTP10
            rewrite.passesUpgrade = head.status == 101 || head.status == 426
            if head.opensTunnel {
                rewrite.connection = .unsaid
            } else if self.closesAfterAnswer {
                rewrite.connection = .close
            } else if self.isHTTP10 {
                rewrite.connection = .keepAlive
            }
        }
        let via = self.settings.via
        if !via.isEmpty { rewrite.dropping.insert(.via) }
        if self.outgoing.capacity == 0 { self.outgoing = self.worker.spares.take() }
        let before = self.outgoing.readableBytes
        let plan = head.isInterim ? nil : self.route?.plan
        if let plan, plan.rewritesResponse { rewrite.droppedNames = plan.rewrite.response.dropped }
        parser.write(bytes, to: &self.outgoing, rewrite: rewrite, reserving: via.count + 256)
        if !via.isEmpty { self.writeVia(parser, bytes, via) }
        if let plan {
            if plan.rewritesResponse { self.outgoing.writeBytes(plan.rewrite.response.lines) }
            if plan.sticky != nil { self.writeCookie() }
        }
        HeadEnd.write(to: &self.outgoing)
        self.countAnswer(self.outgoing.readableBytes - before)
    }

    private func writeVia(_ parser: borrowing ResponseHeadParser, _ bytes: UnsafeRawBufferPointer, _ via: [UInt8]) {
        self.outgoing.writeStaticString("Via: ")
        var index = parser.fields.firstIndex(of: .via)
        while let found = index {
            self.outgoing.writeBytes(parser.fields[found].value.bytes(in: bytes))
            self.outgoing.writeStaticString(", ")
            index = parser.fields.firstIndex(of: .via, from: found + 1)
        }
        self.outgoing.writeBytes(via)
    }

    private func writeCookie() {
        guard let (plan, endpoint) = self.exchange.endpointForCookie else { return }
        self.outgoing.writeStaticString("Set-Cookie: ")
        plan.write(endpoint, to: &self.outgoing)
        self.outgoing.writeStaticString("\r\n")
    }

    func answerBody(_ part: ByteBuffer) {
        self.countAnswer(part.readableBytes)
        if self.outgoing.readableBytes > 0 {
            if part.readableBytes <= Self.smallPart {
                var part = part
                self.outgoing.writeBuffer(&part)
                return
            }
            self.writeOutgoing()
        }
        self.hasUnflushed = true
        self.context?.write(self.wrapOutboundOut(part), promise: nil)
    }

    func answerEnded() {
        self.count(isComplete: true)
        self.removesChunks = false
        if self.phase == .tunnel {
            self.flushAnswer()
            self.closeAfterWrites()
            return
        }
        self.endAnswer()
    }

    func answerFailed(_ failure: ExchangeFailure) {
        self.answerSelf(failure.status, detail: failure.detail, closes: false)
    }

    func answerBroke() {
        self.count(isComplete: false)
        self.breakOff()
    }

    func flushAnswer() {
        if self.outgoing.readableBytes > 0 { self.writeOutgoing() }
        guard self.hasUnflushed, let context else { return }
        self.hasUnflushed = false
        context.flush()
        self.giveOutgoingBack()
    }

    func resumeRequest() {
        // While the head is being taken in, what follows is looked at anyway.
        self.process()
        self.resumeReading()
    }

    func becameTunnel() {
        self.phase = .tunnel
        self.awaitClient()
        if let options = self.context?.channel.syncOptions {
            try? options.setOption(.allowRemoteHalfClosure, value: true)
        }
        self.flushAnswer()
        self.process()
    }

    func tunnelEnded() {
        self.flushAnswer()
        // With both directions ended, what is not written yet would be thrown away.
        if self.inputEnded { self.closeAfterWrites() } else { self.context?.close(mode: .output, promise: nil) }
    }

    // MARK: Writing

    private func countAnswer(_ bytes: Int) {
        self.answerBytes &+= UInt64(bytes)
        self.worker.traffic.bytesToClients &+= UInt64(bytes)
    }

    private func writeOutgoing() {
        self.hasUnflushed = true
        self.context?.write(self.wrapOutboundOut(self.outgoing), promise: nil)
        self.giveOutgoingBack()
    }

    func giveOutgoingBack() {
        guard self.outgoing.capacity > 0 else { return }
        var outgoing = ByteBuffer()
        swap(&outgoing, &self.outgoing)
        self.worker.spares.give(outgoing)
    }

    /// Answers without an endpoint.
    ///
    /// - Parameter closes: Whether the connection cannot be gone on with, because it is not known where the next request begins.
    func answerSelf(_ status: Int, detail: StaticString, closes: Bool) {
        self.answer(DirectedAnswer(status, detail, closes: closes))
    }

    /// Answers without an endpoint.
    func answer(_ answer: DirectedAnswer) {
        self.status = answer.status
        self.answersSelf = true
        self.worker.traffic.ownAnswers &+= 1
        self.closesAfterAnswer =
            self.closesAfterAnswer || answer.closes || self.isReadingBody || self.worker.isDraining
        if self.outgoing.capacity == 0 { self.outgoing = self.worker.spares.take() }
        let before = self.outgoing.readableBytes
        OwnAnswer.write(
            answer, closes: self.closesAfterAnswer, isHTTP10KeepAlive: self.isHTTP10, hasBody: !self.isHead,
            to: &self.outgoing)
        self.countAnswer(self.outgoing.readableBytes - before)
        self.count(isComplete: true)
        self.flushAnswer()
        self.endAnswer()
    }

    /// The answer is written: on to the next request, or to the end.
    private func endAnswer() {
        self.answersSelf = false
        // The connection may have broken while the answer was written.
        guard self.context != nil else { return }
        if self.closesAfterAnswer {
            self.closeAfterAnswer()
            return
        }
        self.phase = .reading
        self.process()
    }

    // MARK: Closing

    /// Ends the connection so that the client gets all of the last answer. A connection that is closed with bytes in it that nobody has read
    /// is broken by the system, and the answer with it.
    private func closeAfterAnswer() {
        self.flushAnswer()
        if !self.isReadingBody, self.inbound.readableBytes == 0, self.status != 400 {
            self.closeAfterWrites()
            return
        }
        self.phase = .lingering
        self.isReadingBody = false
        self.inbound = ByteBuffer()
        // Until all is written this is a wait for the client to take it; from then on, one for the client to be done with sending.
        self.awaitTaking()
        self.context?.close(mode: .output, promise: nil)
        self.resumeReading()
    }

    func closeAfterWrites() {
        guard let context else { return }
        self.phase = .closed
        self.awaitTaking()
        let channel = context.channel
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: isWritten)
    }

    /// Ends the connection so that the client sees that the answer is not whole.
    func breakOff() {
        self.phase = .closed
        self.context?.reset()
    }

    func closeNow() {
        self.phase = .closed
        // What is left would be thrown away, and an answer without a length look whole.
        if self.unwrittenBytes > 0 { self.context?.reset() } else { self.context?.close(promise: nil) }
    }

    // MARK: Time and shutdown

    func deadlinePassed(_ timer: DeadlineTimer) {
        if self.isAwaitingTaking, self.unwrittenBytes > 0, self.takesSomething {
            self.awaitTaking()
            return
        }
        switch self.phase {
        case .reading where self.isAwaitingTaking:
            // It takes nothing.
            self.worker.traffic.timeouts &+= 1
            self.closeNow()
        case .reading:
            // A connection that has said nothing yet, or rests between two requests, is closed without a word.
            if self.inbound.readableBytes == 0 {
                if self.headDeadline != .max, !self.worker.isDraining { self.worker.traffic.timeouts &+= 1 }
                if self.unwrittenBytes > 0 { self.restAfterWrites() } else { self.closeNow() }
                return
            }
            self.worker.traffic.timeouts &+= 1
            self.beginCounting(log: false)
            self.phase = .serving
            self.isHead = false
            self.answerSelf(408, detail: "The head of the request did not come in time.", closes: true)
        case .serving:
            self.worker.traffic.timeouts &+= 1
            self.exchange.abandon()
            if self.isReadingBody, !self.hasAnswered {
                self.answerSelf(408, detail: "The body of the request did not come in time.", closes: true)
            } else {
                self.count(isComplete: false)
                self.breakOff()
            }
        case .tunnel:
            // The client takes nothing.
            self.worker.traffic.timeouts &+= 1
            self.context?.reset()
        case .lingering, .closed:
            if self.unwrittenBytes > 0 { self.worker.traffic.timeouts &+= 1 }
            self.closeNow()
        }
    }

    /// Between two requests: the time to rest begins when the client has taken all of the last answer.
    private func restAfterWrites() {
        guard let context else { return }
        self.awaitTaking()
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.whenSuccess {
            // The next request may have come meanwhile.
            if self.phase == .reading, self.isAwaitingTaking { self.process() }
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: isWritten)
    }

    func drain() {
        switch self.phase {
        case .reading where self.inbound.readableBytes == 0:
            // A request may be on its way, and would be lost with the connection.
            if !self.isAwaitingTaking {
                self.timer.set(min(self.timer.deadline, self.worker.now + Self.rest))
            }
        case .reading, .serving: self.closesAfterAnswer = true
        case .tunnel, .lingering, .closed: break
        }
    }

    func abort() {
        if self.phase == .serving || self.phase == .tunnel { self.context?.reset() } else { self.closeNow() }
    }
}
