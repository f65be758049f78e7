import ColonyBalancing
import ColonyResilience
import NIOCore

/// A client's connection and the endpoint's connection that it is joined with.
///
/// While no endpoint is connected, no byte has been sent to any, so an endpoint that refuses is no loss: another one is tried. Once two are
/// joined, the connection stays with its endpoint to the end.
///
/// `@unchecked Sendable` because it is used on the event loop of its worker only; both channels live there.
final class TCPSession: ClientConnection, DeadlineOwner, @unchecked Sendable {
    private enum Phase { case new, connecting, joined, ended }

    private let worker: ProxyWorker
    private let origin: ConnectionOrigin
    private var context = PickContext()
    private let timer: DeadlineTimer
    private(set) var client: TCPSide?
    /// The endpoint's side, once it is connected: before that nothing may be written to it, or it would be lost with a refusal.
    private(set) var upstream: TCPSide?
    private var phase = Phase.new
    private var pick: Pick?
    /// What it began with, whatever settings come meanwhile.
    private var route: WorkerRoute?
    private var record: EndpointRecord?
    private var avoided: [UInt64] = []
    private var attempts = 0
    /// What the client sent before an endpoint was there: at most what the system had already received when it ended.
    private var early: [ByteBuffer] = []
    private var clientHasEnded = false
    private var hasAnswered = false
    private var endpointFailed = false
    private var lastActivity: Int64 = 0
    private var isAdmitted = false

    init(worker: ProxyWorker, origin: ConnectionOrigin) {
        self.worker = worker
        self.origin = origin
        self.timer = DeadlineTimer(worker: worker)
    }

    /// Makes the side that goes into the client's pipeline.
    func makeClientSide() -> TCPSide {
        let side = TCPSide(session: self, isClient: true)
        self.client = side
        return side
    }

    // MARK: Connecting

    /// The client is known; an endpoint is wanted.
    func clientIsReady() {
        guard self.phase == .new else { return }
        guard self.worker.admit(self, from: self.origin) else {
            self.phase = .ended
            self.client?.reset()
            return
        }
        self.isAdmitted = true
        self.timer.start(for: self)
        self.phase = .connecting
        // Read only now: the PROXY protocol may have changed it.
        self.context = PickContext(clientAddress: self.origin.clientText)
        let route = self.worker.routes[0]
        self.route = route
        route.plan.budget.deposit()
        self.connect()
    }

    private func connect() {
        var context = self.context
        context.avoiding = self.avoided
        guard let route, let pool = route.pool, let pick = pool.pick(context) else {
            self.giveUp()
            return
        }
        self.attempts += 1
        let record = pool.endpoints.record(for: pick.number, pick.endpoint)
        self.pick = consume pick
        record.connecting()
        EndpointConnector.connect(to: record.target, on: self.worker, allowsHalfClosure: true) { channel in
            try channel.pipeline.syncOperations.addHandler(TCPSide(session: self, isClient: false))
        }
        .whenComplete { result in
            switch result {
            case .success(let channel):
                // A name with several addresses is tried with several channels; this is the one that was first.
                if let side = try? channel.pipeline.syncOperations.handler(type: TCPSide.self), side.context != nil {
                    self.connected(side, record)
                } else {
                    // It was opened and closed before anybody could be told; nothing was sent.
                    self.failedToConnect(record, .connectFailed)
                }
            case .failure(let error):
                self.failedToConnect(record, EndpointConnector.failure(of: error))
            }
        }
    }

    private func connected(_ upstream: TCPSide, _ record: EndpointRecord) {
        record.connected()
        guard self.phase == .connecting, let client, let route else {
            // The client has gone meanwhile, and the pick is settled.
            record.closed()
            upstream.reset()
            return
        }
        self.phase = .joined
        self.upstream = upstream
        self.record = record
        self.touch()
        self.timer.set(self.lastActivity + route.plan.relayIdle)
        if let version = self.worker.settings.options.proxyProtocol.sends {
            var header = ByteBuffer()
            ProxyProtocolHeader(self.origin).write(version, to: &header)
            upstream.write(header)
        }
        for bytes in self.early {
            record.traffic.bytesTo &+= UInt64(bytes.readableBytes)
            upstream.write(bytes)
        }
        self.early = []
        upstream.flush()
        if self.clientHasEnded { upstream.endOutput() }
        client.resumeReading()
        upstream.resumeReading()
    }

    private func failedToConnect(_ record: EndpointRecord, _ failure: CallFailure) {
        record.failedToConnect()
        guard self.phase == .connecting, let failed = self.pick.take() else { return }
        self.avoided.append(failed.number)
        failed.fail(failure)
        guard let route, self.attempts < route.plan.attempts, self.worker.mayRetry(route.plan) else {
            self.giveUp()
            return
        }
        self.connect()
    }

    /// No endpoint takes the connection. TCP has no words for it but a reset.
    private func giveUp() {
        self.worker.traffic.brokenAnswers &+= 1
        self.client?.reset()
    }

    // MARK: What the sides say

    func count(_ bytes: Int, fromClient: Bool) {
        if fromClient {
            self.worker.traffic.bytesFromClients &+= UInt64(bytes)
            if self.phase == .joined { self.record?.traffic.bytesTo &+= UInt64(bytes) }
        } else {
            self.hasAnswered = true
            self.worker.traffic.bytesToClients &+= UInt64(bytes)
            self.record?.traffic.bytesFrom &+= UInt64(bytes)
        }
        self.touch()
    }

    private func touch() { self.lastActivity = self.worker.now }

    func keep(_ bytes: ByteBuffer) { self.early.append(bytes) }

    func clientEndedEarly() { self.clientHasEnded = true }

    func ended(_ side: TCPSide) {
        if side === self.client {
            self.client = nil
            if side.isBroken { self.upstream?.reset() } else { self.upstream?.finish() }
        } else if side === self.upstream {
            self.upstream = nil
            self.endpointFailed = side.isBroken && !self.hasAnswered
            self.record?.closed()
            if side.isBroken { self.client?.reset() } else { self.client?.finish() }
        }
        guard self.client == nil, self.upstream == nil, self.phase != .ended else { return }
        let wasJoined = self.phase == .joined
        self.phase = .ended
        self.timer.cancel()
        self.early = []
        if let pick = self.pick.take() {
            if !wasJoined {
                pick.cancel()
            } else if self.endpointFailed {
                pick.fail(.error)
            } else {
                pick.succeed()
            }
        }
        if self.isAdmitted { self.worker.ended(self) }
    }

    // MARK: Ends

    func deadlinePassed(_ timer: DeadlineTimer) {
        guard self.phase == .joined, let route else { return }
        let deadline = self.lastActivity + route.plan.relayIdle
        if deadline > self.worker.now {
            self.timer.set(deadline)
            return
        }
        self.worker.traffic.timeouts &+= 1
        self.abort()
    }

    /// A relay does not know when its work is done; it runs on until its ends close it, or the time for draining is over.
    func drain() {}

    func abort() {
        self.upstream?.reset()
        self.client?.reset()
    }
}
