#if Etcd
internal import ColonyCore
internal import SwiftProtobuf
internal import Synchronization

/// Calls to a cluster, over one connection to one of its members at a time.
///
/// A member that does not answer, cannot be reached, or has lost its leader is left for the next one. Members are tried in
/// rounds; after a round without success there is a pause with full jitter. A connection is used for calls once the member
/// has answered a linearizable read on it: so a call that fails later may have been carried out, and one that fails
/// before was not sent.
final class EtcdClient: Sendable {
    private struct State {
        var link: EtcdLink?
        /// The member to try first.
        var next = 0
        var isConnecting = false
        var waiters: [ObjectIdentifier: OneShotSignal] = [:]
        /// Rounds without success in a row, and what the last one ended with.
        var failures = 0
        var rounds = 0
        var lastFailure: EtcdFailure?
        var notBefore: MonotonicInstant?
        var isClosed = false
    }

    let options: EtcdOptions
    let clock: any MonotonicClock
    private let state = Mutex(State())
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    init(_ options: EtcdOptions) {
        self.options = options
        self.clock = options.clock
        self.generator = Mutex(options.makeGenerator())
    }

    /// Asks and waits for the answer, within the time-out of the options.
    func call<Request, Answer>(
        _ method: EtcdMethod<Request, Answer>, _ request: Request
    ) async throws(EtcdFailure) -> Answer {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let link = try await self.link(until: deadline)
        do throws(EtcdFailure) {
            return try await self.ask(link, method, request, until: deadline)
        } catch {
            guard error.kind == .staleToken, let user = self.options.user, let password = self.options.password else {
                throw error
            }
            // Nothing was done. A token lives for minutes, so a second refusal is not about its age.
            try await link.authenticate(as: user, password, upTo: try self.remaining(until: deadline))
            return try await self.ask(link, method, request, until: deadline)
        }
    }

    private func ask<Request, Answer>(
        _ link: EtcdLink, _ method: EtcdMethod<Request, Answer>, _ request: Request, until deadline: MonotonicInstant
    ) async throws(EtcdFailure) -> Answer {
        do throws(EtcdFailure) {
            return try await link.call(method, request, upTo: try self.remaining(until: deadline))
        } catch {
            if self.state.withLock({ $0.isClosed }) { throw Self.closed }
            if error.kind == .unreachable { self.drop(link) }
            throw error
        }
    }

    private func remaining(until deadline: MonotonicInstant) throws(EtcdFailure) -> Duration {
        let remaining = self.clock.now.duration(to: deadline)
        guard remaining > .zero else {
            throw EtcdFailure(.unreachable, "no answer within \(self.options.timeout.text)")
        }
        return remaining
    }

    /// Leaves a member for the next one.
    func drop(_ link: EtcdLink) {
        let count = self.options.servers.count
        let index = self.options.servers.firstIndex(of: link.address) ?? 0
        self.state.withLock { state in
            guard state.link === link else { return }
            state.link = nil
            state.next = (index + 1) % count
        }
        link.close(within: self.options.timeout)
    }

    /// How long to wait after `failures` failed attempts, by the chance of the options.
    func delay(_ backoff: Backoff, after failures: Int) -> Duration {
        self.generator.withLock { backoff.delay(after: failures, using: &$0) }
    }

    /// Leaves the present member, which has not answered on a stream.
    func suspect() {
        if let link = self.state.withLock({ $0.link }) { self.drop(link) }
    }

    /// Ends everything; calls fail with `closed` from now on.
    func close() {
        let (link, waiters) = self.state.withLock { state in
            defer {
                state.isClosed = true
                state.link = nil
                state.waiters = [:]
            }
            return (state.link, Array(state.waiters.values))
        }
        link?.close(within: self.options.timeout)
        for waiter in waiters { waiter.fire() }
    }

    static let closed = EtcdFailure(.closed, "the engine was closed")
}

// MARK: Connecting

extension EtcdClient {
    /// A connection on which a member has answered.
    func link(until deadline: MonotonicInstant) async throws(EtcdFailure) -> EtcdLink {
        enum Next { case use(EtcdLink), wait(mustConnect: Bool, round: Int), closed }
        var waitedFor: Int?
        while true {
            let signal = OneShotSignal()
            let (next, failure) = self.state.withLock { state -> (Next, EtcdFailure?) in
                if state.isClosed { return (.closed, nil) }
                if let link = state.link { return (.use(link), nil) }
                if let waitedFor, state.rounds > waitedFor, let failure = state.lastFailure {
                    return (.closed, failure)
                }
                state.waiters[ObjectIdentifier(signal)] = signal
                let mustConnect = !state.isConnecting
                state.isConnecting = true
                return (.wait(mustConnect: mustConnect, round: state.rounds), nil)
            }
            if let failure { throw failure }
            switch next {
            case .use(let link):
                return link
            case .closed:
                throw Self.closed
            case .wait(let mustConnect, let round):
                waitedFor = waitedFor ?? round
                if mustConnect {
                    Task(executorPreference: EtcdLink.executor) { await self.connect() }
                }
                defer { self.state.withLock { $0.waiters[ObjectIdentifier(signal)] = nil } }
                let isFired: Bool
                do {
                    isFired = try await signal.wait(until: deadline, on: self.clock)
                } catch {
                    throw EtcdFailure(.cancelled, "the call was cancelled", cause: error)
                }
                if !isFired {
                    let last = self.state.withLock { $0.lastFailure }
                    throw EtcdFailure(
                        .unreachable,
                        "no server answered within \(self.options.timeout.text)" + (last.map { ": \($0)" } ?? ""))
                }
            }
        }
    }

    /// One round over all members, after the pause that the round before has earned.
    private func connect() async {
        if let notBefore = self.state.withLock({ $0.notBefore }) {
            try? await self.clock.sleep(until: notBefore, tolerance: nil)
        }
        let servers = self.options.servers
        let first = self.state.withLock { $0.next }
        var failures: [EtcdFailure] = []
        for offset in 0..<servers.count {
            if self.state.withLock({ $0.isClosed }) { break }
            let address = servers[(first + offset) % servers.count]
            do throws(EtcdFailure) {
                let link = try await self.establish(address)
                self.publish(link)
                return
            } catch {
                failures.append(error)
                // Another member of the cluster would say the same.
                if error.kind == .refused { break }
            }
        }
        self.fail(failures)
    }

    private func establish(_ address: EtcdAddress) async throws(EtcdFailure) -> EtcdLink {
        // Several members share the time of one call, so that a silent one does not use it up.
        let count = self.options.servers.count
        let limit = count == 1 ? self.options.timeout : max(self.options.timeout / 3, .milliseconds(50))
        let link = try EtcdLink(address, self.options)
        do throws(EtcdFailure) {
            if let user = self.options.user, let password = self.options.password {
                try await link.authenticate(as: user, password, upTo: limit)
            }
            var probe = WireRangeRequest()
            probe.key = EtcdKeys(prefix: self.options.keyPrefix).probe
            probe.keysOnly = true
            do throws(EtcdFailure) {
                _ = try await link.call(.range, probe, upTo: limit)
            } catch {
                // Whoever may not read this key may read others; each call is judged by itself. The library underneath
                // takes an answer that is not gRPC for `unimplemented`.
                guard error.message.contains("permission denied") else { throw error }
            }
            return link
        } catch {
            link.close(within: .zero)
            throw error
        }
    }

    private func publish(_ link: EtcdLink) {
        let (isClosed, waiters) = self.state.withLock { state in
            if !state.isClosed { state.link = link }
            state.isConnecting = false
            state.failures = 0
            state.notBefore = nil
            state.lastFailure = nil
            defer { state.waiters = [:] }
            return (state.isClosed, Array(state.waiters.values))
        }
        if isClosed { link.close(within: .zero) }
        for waiter in waiters { waiter.fire() }
    }

    private func fail(_ failures: [EtcdFailure]) {
        let refusal = failures.first { $0.kind == .refused }
        let failure =
            refusal
            ?? EtcdFailure(
                .unreachable, failures.map(\.message).joined(separator: "; "), cause: failures.last?.cause)
        let waiters = self.state.withLock { state -> [OneShotSignal] in
            state.isConnecting = false
            state.failures += 1
            state.rounds += 1
            state.lastFailure = failure
            state.notBefore = self.clock.now.advanced(
                by: self.delay(self.options.backoff, after: state.failures))
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.fire() }
    }
}
#endif
