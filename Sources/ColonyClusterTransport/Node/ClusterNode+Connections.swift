import ColonyCluster
import ColonyCore
import NIOCore
import NIOPosix
import Synchronization

extension ClusterNode {
    // MARK: From others

    /// Takes a connection, or closes it at once.
    func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        let limits = self.configuration.limits
        guard let source = channel.remoteAddress, let host = TransportAddress.host(source) else {
            return channel.close()
        }
        let isAllowed = self.isAllowed(source)
        let conversation = self.state.withLock { state -> SealedConversation? in
            guard isAllowed, state.phase.isRunning, state.incomingCount < limits.connections,
                state.incoming[host, default: 0] < limits.connectionsPerAddress
            else {
                state.statistics.connectionsRefused += 1
                return nil
            }
            state.statistics.connectionsAccepted += 1
            state.incomingCount += 1
            state.incoming[host, default: 0] += 1
            state.connections[ObjectIdentifier(channel)] = channel
            return state.conversation()
        }
        guard let conversation else { return channel.close() }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { state in
                state.incomingCount -= 1
                state.incoming[host, default: 1] -= 1
                if state.incoming[host] == 0 { state.incoming[host] = nil }
                state.connections[ObjectIdentifier(channel)] = nil
            }
        }
        return self.add(conversation, .accepting, to: channel)
    }

    private func add(
        _ conversation: SealedConversation, _ role: ConversationHandler.Role, to channel: any Channel
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                ConversationHandler(
                    conversation, role, mostPacketBytes: self.configuration.limits.exchangeBytes,
                    timeout: self.configuration.limits.connectionTimeout,
                    take: { [weak self] packet, source throws(ClusterRefusal) in
                        guard let self else { return [] }
                        return try self.takePacket(packet, from: source)
                    },
                    ended: { [weak self] end, source in self?.note(end, source) }))
        }
    }

    private func takePacket(_ packet: [UInt8], from source: SocketAddress) throws(ClusterRefusal) -> [[UInt8]] {
        let now = self.clock.now
        let errands = try self.decide { state throws(ClusterRefusal) in
            try state.take(packet, from: source, over: .connection, at: now)
        }
        self.run(errands)
        return errands.answers
    }

    private func note(_ end: ConversationHandler.End, _ source: SocketAddress?) {
        let now = self.clock.now
        self.decide { state in
            switch end {
            case .done: break
            case .refused(let refusal): state.refuse(refusal, from: source, at: now)
            case .timedOut, .broken: state.statistics.connectionsFailed += 1
            }
        }
    }

    // MARK: To others

    func make(_ call: NodeState.Call) {
        if let place = TransportAddress.socket(host: call.address.host, port: Int(call.address.port)) {
            return self.connect(to: place, call)
        }
        self.names.addresses(of: call.address.host) { [weak self] found in
            guard let self else { return }
            let host = self.state.withLock { found.randomElement(using: &$0.generator) }
            let place = host.flatMap {
                TransportAddress.socket(host: $0, port: Int(call.address.port))
            }
            if let place { self.connect(to: place, call) } else { self.forgetCall(hasFailed: true) }
        }
    }

    private func connect(to place: SocketAddress, _ call: NodeState.Call) {
        let conversation = self.state.withLock { $0.conversation() }
        let role = ConversationHandler.Role.dialling(saying: call.packet, expectsAnswer: call.expectsAnswer)
        ClientBootstrap(group: self.loop)
            .connectTimeout(.nanoseconds(self.configuration.limits.connectionTimeout.clampedNanoseconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { [weak self] channel in
                guard let self else { return channel.close() }
                return self.add(conversation, role, to: channel)
            }
            .connect(to: place)
            .whenComplete { [weak self] result in
                switch result {
                case .failure: self?.forgetCall(hasFailed: true)
                case .success(let channel):
                    guard let self else { return channel.close(promise: nil) }
                    let isWanted = self.state.withLock { state in
                        state.connections[ObjectIdentifier(channel)] = channel
                        return state.phase.isRunning
                    }
                    channel.closeFuture.whenComplete { _ in
                        self.state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(channel)) }
                        self.forgetCall(hasFailed: false)
                    }
                    if !isWanted { channel.close(promise: nil) }
                }
            }
    }

    private func forgetCall(hasFailed: Bool) {
        self.state.withLock { state in
            state.outgoingCount -= 1
            if hasFailed { state.statistics.connectionsFailed += 1 }
        }
    }
}
