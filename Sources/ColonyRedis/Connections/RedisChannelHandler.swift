import ColonyCore
import ColonyRESP
import DequeModule
import NIOCore

/// One connection: matches answers with calls, in order.
///
/// Lives on the event loop of its channel and is used there only.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let link: RedisLink
    private var context: ChannelHandlerContext?
    private var parser: RESPParser
    /// The calls whose answers have not all come, in the order in which they were sent.
    private var pending: Deque<RedisCall> = []
    private var sending = ByteBuffer()
    private var failure: RedisFailure?
    /// How many keep-alive checks in a row have found that nothing was received.
    private var silentChecks = 0
    private(set) var isReady = false
    /// Whether the greeting was taken, also after the end.
    private(set) var wasReady = false
    private(set) var isListening = false
    /// Whether the command is on its way.
    private var asksToListen = false

    init(link: RedisLink, limits: RESPLimits) {
        self.link = link
        self.parser = RESPParser(limits: limits)
    }

    // MARK: Sending

    var isWritable: Bool { self.context?.channel.isWritable ?? false }

    /// Sends the commands of `calls` in one write.
    func send(_ bytes: [UInt8], _ calls: [RedisCall]) {
        guard let context, self.failure == nil else {
            let failure = self.failure ?? self.link.lost("the connection was closed", wasSent: false)
            for call in calls { self.link.abandon(call, failure) }
            return
        }
        self.pending.append(contentsOf: calls)
        // The buffer is used again unless the channel still holds on to it.
        self.sending.clear()
        self.sending.writeBytes(bytes)
        context.writeAndFlush(self.wrapOutboundOut(self.sending), promise: nil)
    }

    /// Sends commands of the connection's own.
    private func send(
        _ commands: Int, _ write: (inout [UInt8]) -> Void, _ completion: @escaping @Sendable (RedisCall) -> Void
    ) {
        var bytes: [UInt8] = []
        write(&bytes)
        let call = RedisCall(expected: commands, deadline: self.link.deadline(), completion: completion)
        self.link.admitted(call)
        self.send(bytes, [call])
        self.link.wake(at: call.deadline)
    }

    // MARK: Handshake

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        self.greet()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive, self.context == nil {
            self.context = context
            self.greet()
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    private func greet() {
        let options = self.link.settings.options
        let listener = self.link.wantsToListen ? self.link.settings.listener : nil
        let handler = NIOLoopBound(self, eventLoop: self.link.eventLoop)
        self.send(1 + (options.database == 0 ? 0 : 1) + (listener == nil ? 0 : 1)) { bytes in
            RESPCommandEncoding.begin(options.password == nil ? 4 : 7, &bytes)
            for word in ["HELLO", "3"] { RESPCommandEncoding.append(word: word, to: &bytes) }
            if let password = options.password {
                for word in ["AUTH", options.user ?? "default", password] {
                    RESPCommandEncoding.append(word: word, to: &bytes)
                }
            }
            for word in ["SETNAME", "colony"] { RESPCommandEncoding.append(word: word, to: &bytes) }
            if options.database != 0 {
                RESPCommandEncoding.append(command: "SELECT", "\(options.database)", to: &bytes)
            }
            listener?.writeBeginning(to: &bytes)
        } _: { call in
            handler.value.greeted(call, listens: listener != nil)
        }
    }

    private func greeted(_ call: RedisCall, listens: Bool) {
        do throws(RedisFailure) {
            for answer in try call.answers() {
                guard let text = answer.errorText else { continue }
                throw RedisReply.refusalOfGreeting(text, by: self.link.address)
            }
        } catch {
            self.end(error)
            return
        }
        self.isReady = true
        self.wasReady = true
        // Before the link looks whether to ask for it: a server refuses to track the same prefix twice.
        if listens { self.listeningBegan() }
        self.link.becameReady(self)
    }

    // MARK: Listening

    /// Asks the server for what the listener wants to hear, on a connection that is ready and did not ask yet.
    func listen() {
        if self.isListening || self.asksToListen || !self.isReady { return }
        guard let listener = self.link.settings.listener else { return }
        self.asksToListen = true
        let handler = NIOLoopBound(self, eventLoop: self.link.eventLoop)
        self.send(1) {
            listener.writeBeginning(to: &$0)
        } _: { call in
            let handler = handler.value
            do throws(RedisFailure) {
                if let text = try call.single().errorText {
                    throw RedisReply.refusalOfGreeting(text, by: handler.link.address)
                }
            } catch {
                handler.end(error)
                return
            }
            handler.listeningBegan()
        }
    }

    private func listeningBegan() {
        if self.isListening { return }
        self.isListening = true
        self.link.settings.listener?.began()
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        self.silentChecks = 0
        buffer.withUnsafeReadableBytes { self.parser.feed($0) }
        var answered = 0
        defer { self.link.settled(answered) }
        do {
            while let value = try self.parser.next() {
                if case .push(let values) = value {
                    self.link.settings.listener?.heard(values)
                    continue
                }
                answered += 1
                guard let call = self.pending.first else {
                    let text = value.errorText ?? "an answer that nobody asked for"
                    answered -= 1
                    self.end(self.link.lost("the server said \(NameRules.quoted(text))", wasSent: true))
                    return
                }
                // The end of a call of our own may send others behind it, or end the connection.
                if call.receive(value) { _ = self.pending.popFirst() }
                if self.failure != nil { return }
                if RedisReply.endsConnection(value) {
                    self.end(self.link.lost("the server ended the connection", wasSent: true))
                    return
                }
            }
        } catch {
            self.end(self.link.lost("what came is not the protocol: \(error)", wasSent: true, cause: error))
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.link.flush() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Time

    /// Ends the calls whose time is over. Answers are still due for them.
    ///
    /// - Returns: The earliest deadline of the others.
    func expire(_ now: MonotonicInstant) -> MonotonicInstant? {
        var earliest: MonotonicInstant?
        for call in self.pending where !call.isFinished {
            if call.deadline <= now {
                self.link.expire(call, wasSent: true)
            } else if earliest.map({ call.deadline < $0 }) ?? true {
                earliest = call.deadline
            }
        }
        return earliest
    }

    /// Looks whether the peer is alive; called at even intervals.
    func checkAlive() {
        self.silentChecks += 1
        if self.silentChecks > 2, !self.pending.isEmpty {
            self.end(self.link.lost("the server has been silent for too long", wasSent: true))
            return
        }
        // Only who listens learns nothing from its calls: a dead peer says nothing either.
        if self.silentChecks > 1, self.pending.isEmpty, self.isListening {
            self.send(1) {
                RESPCommandEncoding.append(command: "PING", to: &$0)
            } _: { _ in
            }
        }
    }

    // MARK: End

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.end(self.link.lost("the connection broke", wasSent: true, cause: error))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(self.link.lost("the server closed the connection", wasSent: true))
    }

    /// Closes the connection and fails what waits for answers.
    func end(_ failure: RedisFailure) {
        if self.failure != nil { return }
        self.failure = failure
        self.isReady = false
        let calls = self.pending
        self.pending = []
        self.context?.close(promise: nil)
        var sent = failure
        sent.wasSent = true
        for call in calls { self.link.abandon(call, sent) }
        self.link.ended(self, failure)
    }
}
