import ColonyCluster
import ColonyCore
import ColonyResilience
import NIOCore
import Synchronization

extension ClusterNode {
    /// The longest datagram that any member may send.
    static let mostDatagramBytes = 8_192 + DatagramPost<SocketAddress>.overhead

    func takeDatagram(_ bytes: [UInt8], from source: SocketAddress) {
        let now = self.clock.now
        let isAllowed = self.isAllowed(source)
        let errands = self.decide { state -> NodeState.Errands in
            state.statistics.datagramsReceived += 1
            state.statistics.datagramBytesReceived += bytes.count
            var errands = NodeState.Errands(socket: state.socket)
            do throws(ClusterRefusal) {
                guard isAllowed else { throw .rateLimited }
                guard bytes.count <= Self.mostDatagramBytes else { throw .oversized }
                let received = state.post.receive(bytes, from: source)
                if let letter = received.letter {
                    errands = try state.take(letter, from: source, over: .datagram, at: now)
                }
                errands.datagrams += received.outgoing
                if let refusal = received.refusal { throw refusal }
            } catch {
                state.refuse(error, from: source, at: now)
            }
            return errands
        }
        self.run(errands)
    }

    func isAllowed(_ source: SocketAddress) -> Bool {
        guard let host = TransportAddress.host(source) else { return false }
        return (try? self.limiter.take(for: host))?.isAllowed ?? false
    }

    /// Does outside the lock what was decided under it.
    func run(_ errands: NodeState.Errands) {
        if !errands.datagrams.isEmpty { self.send(errands.datagrams, over: errands.socket) }
        for call in errands.calls { self.make(call) }
        for host in errands.lookups {
            self.names.addresses(of: host) { [weak self] found in
                guard let self else { return }
                let now = self.clock.now
                self.state.withLock { $0.note(host, leadsTo: found, at: now) }
            }
        }
    }

    private func send(_ datagrams: [DatagramPost<SocketAddress>.Outgoing], over socket: (any Channel)?) {
        self.state.withLock { state in
            state.statistics.datagramsSent += datagrams.count
            state.statistics.datagramBytesSent += datagrams.reduce(0) { $0 + $1.bytes.count }
            if socket == nil { state.statistics.datagramsFailed += datagrams.count }
        }
        guard let socket else { return }
        for datagram in datagrams {
            let envelope = AddressedEnvelope(
                remoteAddress: datagram.place, data: ByteBuffer(bytes: datagram.bytes))
            socket.write(envelope).whenFailure { [weak self] _ in
                self?.state.withLock { $0.statistics.datagramsFailed += 1 }
            }
        }
        socket.flush()
    }
}
