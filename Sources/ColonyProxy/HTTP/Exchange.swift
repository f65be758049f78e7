import ColonyBalancing
import ColonyResilience
import NIOCore

/// One request on its way to an endpoint, and the answer on its way back.
///
/// It chooses the endpoint, gets a connection, tries again where that is safe, and settles the pick exactly once. It is used again for the next
/// request of the same connection, so that a request allocates nothing.
///
/// What is safe to try again: a request of which no byte was sent, on another endpoint; and one without a body whose method is idempotent,
/// as long as no byte of an answer has come. If that was on a connection that was kept, the endpoint has most likely closed it at the same
/// moment: it is tried once more on a fresh connection to the same endpoint, which is no failure of anybody.
///
/// `@unchecked Sendable` because it is used on the event loop of its worker only, also by the closures that wait for a connection.
final class Exchange: DeadlineOwner, @unchecked Sendable {
    private enum Phase {
        case idle
        /// A connection is being opened, or waited for.
        case connecting
        /// The endpoint has a part of the request, or all of it, and no head of an answer has been passed on.
        case sent
        case answering
        case tunnel
    }

    let worker: ProxyWorker
    unowned let client: any ExchangeClient
    private let timer: DeadlineTimer
    private var phase = Phase.idle
    /// Counts requests, so that a connection that comes late is not taken for a later request.
    private var generation: UInt64 = 0

    // The request.
    private(set) var method = RequestMethod.get
    private var hasBody = false
    /// What it began with, whatever settings come meanwhile.
    private(set) var route: WorkerRoute?
    private var admission: RouteAdmission?
    /// When all of it must be done; `max` if there is no such end.
    private var end = Int64.max
    private(set) var isRequestComplete = false
    /// Whether the client has asked for another protocol.
    private(set) var allowsUpgrade = false
    /// The head, and what there was of the body; kept as long as it may have to be sent again.
    private var request = ByteBuffer()
    private var context = PickContext()

    // The attempt.
    private var pick: Pick?
    private(set) var record: EndpointRecord?
    private var upstream: HTTP1Upstream?
    private(set) var attempts = 0
    private var avoided: [UInt64] = []
    private var hasRepeated = false
    /// Whether the endpoint is the one that the client has asked for with a cookie.
    private var isSticky = false
    private var status = 0
    private var lastActivity: Int64 = 0

    init(worker: ProxyWorker, client: any ExchangeClient) {
        self.worker = worker
        self.client = client
        self.timer = DeadlineTimer(worker: worker)
        self.timer.start(for: self)
    }

    var isActive: Bool { self.phase != .idle }

    // MARK: The request

    /// What is known of the last request is not that of the next one, which may be answered without an endpoint.
    func forget() {
        self.attempts = 0
        self.record = nil
    }

    /// Sends a request to an endpoint of the balancer's choice, after ``forget()``.
    ///
    /// - Parameter isComplete: Whether the head and what stands behind it is all of the request.
    func begin(_ request: consuming ForwardedRequest, isComplete: Bool) {
        self.generation &+= 1
        if self.route !== request.route { self.route = request.route }
        self.method = request.method
        self.hasBody = request.hasBody
        self.isRequestComplete = isComplete
        self.allowsUpgrade = request.allowsUpgrade
        self.context = request.context
        self.end = request.deadline
        self.request = request.bytes
        self.admission = request.admission.take()
        self.hasRepeated = false
        self.status = 0
        self.isSticky = false
        if !self.avoided.isEmpty { self.avoided = [] }
        self.phase = .connecting
        self.route?.plan.budget.deposit()
        self.stopTimer()
        self.attempt(after: .noneAvailable)
    }

    // MARK: Its deadline

    /// Sets the deadline for what is waited for, but not beyond the end of all.
    private func wait(until deadline: Int64) { self.timer.set(min(deadline, self.end)) }

    /// Nothing is waited for but the end of all, if there is one.
    private func stopTimer() {
        if self.end == .max { self.timer.clear() } else { self.timer.set(self.end) }
    }

    /// Whether the endpoint takes more of the request now; otherwise ``ExchangeClient/resumeRequest()`` comes.
    var takesRequest: Bool {
        switch self.phase {
        case .sent, .answering, .tunnel: self.upstream?.isWritable ?? false
        case .idle, .connecting: false
        }
    }

    func send(_ part: ByteBuffer) {
        guard let upstream else { return }
        self.record?.traffic.bytesTo &+= UInt64(part.readableBytes)
        upstream.write(part)
        if self.phase == .tunnel { self.touch() }
    }

    func flushRequest() {
        self.upstream?.flush()
        // The endpoint does not take the request: that, too, is a wait for the endpoint.
        if self.timer.deadline == self.end, !self.takesRequest { self.awaitEndpoint() }
    }

    /// Sets the deadline for what the endpoint has to do. While the client does not take the answer, or has not sent all of a request that the
    /// endpoint takes, the endpoint is not to blame; the client has a deadline of its own then.
    private func awaitEndpoint() {
        guard self.phase == .sent || self.phase == .answering else { return }
        guard self.client.takesAnswer, self.isRequestComplete || !self.takesRequest else {
            self.stopTimer()
            return
        }
        guard let plan = self.route?.plan else { return }
        self.wait(until: self.worker.now + (self.phase == .sent ? plan.answer : plan.endpointIdle))
    }

    /// All of the request was given to ``send(_:)``.
    func requestEnded() {
        self.isRequestComplete = true
        self.awaitEndpoint()
    }

    /// The endpoint takes more of the request again.
    func resumeRequest() {
        if self.phase == .sent || self.phase == .answering, !self.isRequestComplete { self.stopTimer() }
        self.client.resumeRequest()
    }

    /// In a tunnel: the client has ended its direction.
    func endTunnelRequest() { self.upstream?.endOutput() }

    /// The client has gone, or its request cannot be gone on with.
    func abandon() {
        guard self.isActive else { return }
        let isTunnel = self.phase == .tunnel
        let upstream = self.detach()
        if let pick = self.pick.take() { isTunnel ? pick.succeed() : pick.cancel() }
        self.settle(hasSucceeded: isTunnel ? true : nil)
        self.reset()
        upstream?.close()
    }

    // MARK: Attempts

    private func attempt(after failure: ExchangeFailure) {
        if !self.avoided.isEmpty { self.context.avoiding = self.avoided }
        guard let pool = self.route?.pool, let pick = pool.pick(self.context) else {
            self.fail(failure)
            return
        }
        self.attempts += 1
        let record = pool.endpoints.record(for: pick.number, pick.endpoint)
        self.record = record
        self.isSticky = pick.isSticky
        self.pick = consume pick
        self.connect(record)
    }

    private func connect(_ record: EndpointRecord) {
        if let idle = record.takeIdle() { self.attach(idle) } else { self.connectFresh(record) }
    }

    private func connectFresh(_ record: EndpointRecord) {
        if record.hasPlace {
            self.open(record)
        } else if record.wait(self) {
            self.wait(until: self.worker.now + record.rules.waitingTimeout)
        } else {
            self.fail(.overloaded)
        }
    }

    /// A connection is for this request; called by the pool for one that waited, too.
    func attach(_ upstream: HTTP1Upstream) {
        self.upstream = upstream
        self.phase = .sent
        upstream.begin(self)
        self.record?.traffic.requests &+= 1
        self.record?.traffic.bytesTo &+= UInt64(self.request.readableBytes)
        self.awaitEndpoint()
        upstream.write(self.request)
        let generation = self.generation
        upstream.flush()
        // If that has failed, the next attempt, or even the client's next request, has begun meanwhile.
        guard self.generation == generation, self.upstream === upstream else { return }
        if !self.isRepeatable { self.giveRequestBack() }
        if !self.isRequestComplete { self.client.resumeRequest() }
    }

    /// Opens a connection; called by the pool for a request that waited, too.
    func open(_ record: EndpointRecord) {
        let generation = self.generation
        self.stopTimer()
        record.connecting()
        HTTP1Upstream.connect(to: record, on: self.worker) { opening in
            switch opening {
            case .opened(let upstream):
                guard self.generation == generation, self.phase == .connecting, self.upstream == nil else {
                    record.give(upstream, on: self.worker)
                    return
                }
                self.attach(upstream)
            case .failed(let failure):
                record.failedToConnect()
                record.openForWaiting()
                guard self.generation == generation, self.phase == .connecting, self.upstream == nil else { return }
                self.attemptFailed(failure, as: failure == .timedOut ? .timedOut : .failed, isSafe: true)
            }
        }
    }

    private var isRepeatable: Bool { !self.hasBody && self.method.isIdempotent }

    /// Tries another endpoint if that is safe and allowed, and otherwise gives up.
    private func attemptFailed(_ failure: CallFailure, as answer: ExchangeFailure, isSafe: Bool) {
        self.upstream = nil
        self.record?.traffic.failures &+= 1
        if let pick = self.pick.take() {
            self.avoided.append(pick.number)
            pick.fail(failure)
        }
        guard isSafe, let plan = self.route?.plan, self.attempts < plan.attempts, self.worker.mayRetry(plan) else {
            self.fail(answer)
            return
        }
        self.phase = .connecting
        self.attempt(after: answer)
    }

    private func fail(_ failure: ExchangeFailure) {
        if let pick = self.pick.take() { pick.cancel() }
        let upstream = self.detach()
        self.settle(hasSucceeded: failure.isOfUpstream ? false : nil)
        self.reset()
        upstream?.close()
        self.client.answerFailed(failure)
    }

    // MARK: The answer

    /// A head has come. Called before anything else of the answer.
    func received(_ parser: borrowing ResponseHeadParser, _ bytes: UnsafeRawBufferPointer) {
        let head = parser.head
        if !head.isInterim {
            self.status = Int(head.status)
            self.phase = head.opensTunnel ? .tunnel : .answering
            self.giveRequestBack()
            // From here on, the client may be what is slow.
            if self.route?.plan.guards?.judgesSlowness == true { self.settleBreaker() }
        }
        self.client.answer(parser, bytes)
        if head.opensTunnel {
            self.touch()
            // A connection that speaks another protocol is no request any more.
            self.end = .max
            self.admission?.report(hasSucceeded: true)
            if let plan = self.route?.plan { self.timer.set(self.lastActivity + plan.relayIdle) }
            self.client.becameTunnel()
        }
    }

    func receivedBody(_ part: ByteBuffer) {
        if self.phase == .tunnel { self.touch() }
        self.client.answerBody(part)
    }

    /// What has come was passed on.
    func readEnded() {
        self.client.flushAnswer()
        // Interim answers do not move the deadline for the last one.
        if self.phase == .answering || !self.client.takesAnswer { self.awaitEndpoint() }
    }

    /// The client takes more of the answer again.
    func resumeAnswer() {
        self.awaitEndpoint()
        self.upstream?.resumeReading()
    }

    /// The answer is whole. The connection has been given back, or closed.
    func answerEnded() {
        self.upstream = nil
        let hasFailed = self.hasFailed
        if hasFailed { self.record?.traffic.failures &+= 1 }
        if let pick = self.pick.take() { hasFailed ? pick.fail(.error) : pick.succeed() }
        self.settle(hasSucceeded: !hasFailed)
        self.reset()
        self.client.answerEnded()
    }

    /// What the proxy or the endpoint cannot do at all says nothing of the endpoint's health.
    private var hasFailed: Bool { self.status >= 500 && self.status != 501 && self.status != 505 }

    /// Tells the breaker what it is to judge by, while the place among the requests stays taken.
    private func settleBreaker() { self.admission?.report(hasSucceeded: !self.hasFailed) }

    /// Tells the guards of the route what became of the request; once, whoever calls.
    private func settle(hasSucceeded: Bool?) {
        guard var admission = self.admission.take() else { return }
        admission.report(hasSucceeded: hasSucceeded)
    }

    /// The endpoint that the client is to be told of with a cookie; `nil` if it knows already, or need not.
    var endpointForCookie: (plan: StickyPlan, endpoint: EndpointName)? {
        guard !self.isSticky, let route, let plan = route.plan.sticky, let record else { return nil }
        route.sticky?.note(record.endpoint.name)
        return (plan, record.endpoint.name)
    }

    /// In a tunnel: the endpoint has ended its direction.
    func endTunnelAnswer() { self.client.tunnelEnded() }

    /// The connection has ended or broken before the answer was whole.
    ///
    /// - Parameter hasEnded: Whether the endpoint has said that it sends no more.
    func upstreamEnded(hasReceived: Bool, wasKept: Bool, hasEnded: Bool) {
        self.upstream = nil
        switch self.phase {
        case .idle, .connecting: break
        case .sent:
            if !hasReceived, wasKept, self.isRepeatable, !self.hasRepeated, let record {
                self.hasRepeated = true
                self.phase = .connecting
                self.worker.traffic.retries &+= 1
                self.connectFresh(record)
                return
            }
            self.attemptFailed(.error, as: .failed, isSafe: !hasReceived && self.isRepeatable)
        case .answering: self.broke(.error)
        case .tunnel where hasEnded: self.tunnelClosed()
        case .tunnel:
            if let pick = self.pick.take() { pick.succeed() }
            self.reset()
            self.client.answerBroke()
        }
    }

    /// What the endpoint sent is no HTTP. The connection is closed by the caller.
    func answerIsInvalid() {
        self.upstream = nil
        if self.phase == .sent {
            self.attemptFailed(.error, as: .failed, isSafe: false)
        } else {
            self.broke(.error)
        }
    }

    /// - Parameter failure: That of the endpoint; `nil` if the client was too slow.
    private func broke(_ failure: CallFailure?) {
        let upstream = self.detach()
        self.worker.traffic.brokenAnswers &+= 1
        let pick = self.pick.take()
        if let failure {
            self.record?.traffic.failures &+= 1
            pick?.fail(failure)
            self.settle(hasSucceeded: false)
        } else {
            pick?.cancel()
            self.settle(hasSucceeded: nil)
        }
        self.reset()
        upstream?.close()
        self.client.answerBroke()
    }

    private func tunnelClosed() {
        if let pick = self.pick.take() { pick.succeed() }
        self.reset()
        self.client.answerEnded()
    }

    // MARK: Ends

    private func detach() -> HTTP1Upstream? {
        let upstream = self.upstream
        self.upstream = nil
        upstream?.detach()
        if self.phase == .connecting { self.record?.stopWaiting(self) }
        return upstream
    }

    private func reset() {
        self.phase = .idle
        self.timer.clear()
        self.settle(hasSucceeded: nil)
        self.giveRequestBack()
    }

    private func giveRequestBack() {
        guard self.request.capacity > 0 else { return }
        var request = ByteBuffer()
        swap(&request, &self.request)
        self.worker.spares.give(request)
    }

    /// The client's connection has ended for good.
    ///
    /// - Parameter isBroken: Whether it broke in a tunnel, so that the endpoint must not take it for an end.
    func close(isBroken: Bool) {
        if isBroken { self.upstream?.reset() }
        self.abandon()
        self.timer.cancel()
    }

    private func touch() { self.lastActivity = self.worker.now }

    /// Whether the client is waited for, and not the endpoint.
    private var awaitsClient: Bool {
        !self.client.takesAnswer || (!self.isRequestComplete && self.takesRequest)
    }

    private var hasReachedEnd: Bool { self.end != .max && self.worker.now >= self.end }

    func deadlinePassed(_ timer: DeadlineTimer) {
        switch self.phase {
        case .idle: break
        case .connecting:
            // Only waiting for a place has a deadline here, besides the end of all; connecting has that of the channel.
            self.worker.traffic.timeouts &+= 1
            let isInLine = self.record?.hasInLine(self) ?? false
            self.fail(self.hasReachedEnd ? (isInLine ? .endedInLine : .timedOut) : .overloaded)
        case .sent where self.awaitsClient:
            self.worker.traffic.timeouts &+= 1
            self.fail(.clientTooSlow)
        case .sent:
            self.worker.traffic.timeouts &+= 1
            let upstream = self.detach()
            upstream?.close()
            self.attemptFailed(.timedOut, as: .timedOut, isSafe: false)
        case .answering:
            self.worker.traffic.timeouts &+= 1
            self.broke(self.awaitsClient ? nil : .timedOut)
        case .tunnel:
            let deadline = self.lastActivity + (self.route?.plan.relayIdle ?? 0)
            if deadline > self.worker.now {
                timer.set(deadline)
                return
            }
            self.worker.traffic.timeouts &+= 1
            let upstream = self.detach()
            upstream?.close()
            self.tunnelClosed()
        }
    }
}
