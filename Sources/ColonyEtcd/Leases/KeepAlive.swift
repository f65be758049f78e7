#if Etcd
internal import ColonyCore
internal import Synchronization

/// Signs of life for all leases of an engine, on one stream.
final class KeepAlive: Sendable {
    /// One sign of life that is under way.
    final class Sign: Sendable {
        enum Answer { case timeToLive(Int64), broken }

        let lease: ServerLease
        let sentAt: MonotonicInstant
        let signal = OneShotSignal()
        private let answer = Mutex<Answer?>(nil)

        init(_ lease: ServerLease, sentAt: MonotonicInstant) {
            self.lease = lease
            self.sentAt = sentAt
        }

        func settle(_ answer: Answer) {
            switch answer {
            case .timeToLive(let seconds) where seconds > 0: self.lease.confirm(from: self.sentAt)
            case .timeToLive: self.lease.retire()
            case .broken: break
            }
            self.answer.withLock { $0 = answer }
            self.signal.fire()
        }

        var outcome: Answer? { self.answer.withLock { $0 } }
    }

    private struct State {
        /// What waits for its answer, by lease, oldest first, with the opening of the stream that it went out on. The server
        /// answers the questions about one lease in their order.
        var pending: [Int64: [(sign: Sign, opening: Int)]] = [:]
        var stream: EtcdStream<WireLeaseKeepAliveRequest, WireLeaseKeepAliveResponse>?
    }

    private let client: EtcdClient
    private let state = Mutex(State())

    init(_ client: EtcdClient) {
        self.client = client
        let stream = EtcdStream(
            client, .leaseKeepAlive,
            onAnswer: { [weak self] answer, opening in self?.take(answer, opening) },
            onEnd: { [weak self] opening in self?.ended(opening) })
        self.state.withLock { $0.stream = stream }
    }

    /// Sends a sign of life; its answer is counted from this moment.
    func send(_ lease: ServerLease) -> Sign {
        var request = WireLeaseKeepAliveRequest()
        request.id = lease.id
        return self.state.withLock { state in
            // Read under the lock, so that the order of the signs is that of their moments.
            let sign = Sign(lease, sentAt: self.client.clock.now)
            if let opening = state.stream?.send(request) {
                state.pending[lease.id, default: []].append((sign, opening))
            } else {
                sign.settle(.broken)
            }
            return sign
        }
    }

    /// Waits for the answer to a sign of life.
    ///
    /// - Throws: `leaseNotFound` if the lease is gone.
    func outcome(of sign: Sign) async throws(EtcdFailure) {
        let deadline = sign.sentAt.advanced(by: self.client.options.timeout)
        let isFired: Bool
        do {
            isFired = try await sign.signal.wait(until: deadline, on: self.client.clock)
        } catch {
            throw EtcdFailure(.cancelled, "the call was cancelled", cause: error)
        }
        guard isFired, let outcome = sign.outcome else {
            self.client.suspect()
            throw EtcdFailure(.unreachable, "a sign of life was not answered in time")
        }
        switch outcome {
        case .timeToLive(let seconds) where seconds > 0: return
        case .timeToLive: throw EtcdFailure(.leaseNotFound, "the lease of this client is gone")
        case .broken: throw EtcdFailure(.unreachable, "the connection broke before a sign of life was answered")
        }
    }

    private func take(_ answer: WireLeaseKeepAliveResponse, _ opening: Int) {
        let sign = self.state.withLock { state -> Sign? in
            guard let first = state.pending[answer.id]?.first, first.opening == opening else { return nil }
            state.pending[answer.id]?.removeFirst()
            if state.pending[answer.id]?.isEmpty == true { state.pending[answer.id] = nil }
            return first.sign
        }
        sign?.settle(.timeToLive(answer.ttl))
    }

    private func ended(_ opening: Int) {
        let broken = self.state.withLock { state -> [Sign] in
            var broken: [Sign] = []
            for (id, signs) in state.pending {
                broken += signs.filter { $0.opening == opening }.map(\.sign)
                let others = signs.filter { $0.opening != opening }
                state.pending[id] = others.isEmpty ? nil : others
            }
            return broken
        }
        for sign in broken { sign.settle(.broken) }
    }

    func close() {
        let stream = self.state.withLock { $0.stream }
        stream?.close()
    }
}
#endif
