import ColonyCore
import ColonyRESP

extension RedisRouter {
    /// Sends commands and gives their answers, in the same order; errors of the server are among them.
    ///
    /// In a cluster each command goes to the owner of its key, those of one owner in one write, and follows redirections
    /// until the deadline.
    ///
    /// - Complexity: One round trip, and one more for each redirection.
    func execute<Command: RedisRequest>(_ commands: [Command]) async throws(RedisFailure) -> [RESPValue] {
        let deadline = self.deadline()
        if self.options.isCluster { return try await self.executeInCluster(commands, until: deadline) }
        let call = try await self.call(commands.count, until: deadline) { bytes in
            for command in commands { command.write(self.settings.prefix, to: &bytes) }
        }
        return try call.answers()
    }

    /// Sends commands to the only server, and waits until they have ended.
    @inline(__always)
    func call(
        _ count: Int, until deadline: MonotonicInstant, _ write: (inout [UInt8]) -> Void
    ) async throws(RedisFailure) -> RedisCall {
        guard let node = self.onlyNode else { throw RedisFailure.closed }
        let call = RedisCall(expected: count, deadline: deadline)
        node.link().send(call, write)
        await call.wait()
        return call
    }

    /// Where a command goes next.
    private struct Route: Hashable {
        var address: RedisAddress
        /// Whether the server takes it only after `ASKING`.
        var asks = false
    }

    private func executeInCluster<Command: RedisRequest>(
        _ commands: [Command], until deadline: MonotonicInstant
    ) async throws(RedisFailure) -> [RESPValue] {
        var answers = [RESPValue?](repeating: nil, count: commands.count)
        let slots = commands.map { HashSlot.of($0.routingKey(self.settings.prefix)) }
        var unanswered = Array(commands.indices)
        var asked: [Int: RedisAddress] = [:]
        var failures = 0
        var generator = self.options.makeGenerator()
        while true {
            let map = try await self.map(until: deadline)
            var routes: [Route: [Int]] = [:]
            var mustWait = false
            var why = RedisFailure(
                .unavailable, "no server of the cluster has the slot of \(commands[unanswered[0]].subject)")
            for index in unanswered {
                if let address = asked[index] {
                    routes[Route(address: address, asks: true), default: []].append(index)
                } else if let address = map.owner(of: slots[index]) {
                    routes[Route(address: address), default: []].append(index)
                } else {
                    mustWait = true
                }
            }
            asked = [:]
            let round = self.start(routes, commands, deadline)
            for sent in round { await sent.call.wait() }
            for sent in round {
                do throws(RedisFailure) {
                    // `ASKING` has an answer of its own, before that of its command.
                    let values = try sent.call.answers()
                    let step = sent.route.asks ? 2 : 1
                    for (position, index) in sent.indices.enumerated() {
                        let value = values[position * step + step - 1]
                        let redirection = value.errorText.flatMap(RedisReply.redirection)
                        switch redirection {
                        case .moved(let slot, let host, let port):
                            // A server that does not know its own address leaves it out.
                            let host = host.isEmpty ? sent.route.address.host : host
                            self.moved(slot, to: RedisAddress(host: host, port: port))
                        case .ask(let host, let port):
                            let host = host.isEmpty ? sent.route.address.host : host
                            asked[index] = RedisAddress(host: host, port: port)
                        case .later:
                            mustWait = true
                            why = RedisReply.failure(value.errorText ?? "")
                            self.startRefresh()
                        case nil:
                            if value.errorText?.hasPrefix("READONLY") == true {
                                mustWait = true
                                why = RedisReply.failure(value.errorText ?? "")
                                self.startRefresh()
                            } else {
                                answers[index] = value
                            }
                        }
                    }
                } catch {
                    guard error.code == .unavailable,
                        !error.wasSent || sent.indices.allSatisfy({ commands[$0].isRepeatable })
                    else { throw error }
                    why = error
                    mustWait = true
                    self.startRefresh()
                }
            }
            unanswered = unanswered.filter { answers[$0] == nil }
            if unanswered.isEmpty { return answers.compactMap { $0 } }
            if self.options.clock.now >= deadline { throw why }
            if mustWait {
                failures += 1
                try await self.pause(failures, until: deadline, why, using: &generator)
            }
        }
    }

    /// Sends the commands of each route in one write, without waiting in between.
    private func start(
        _ routes: [Route: [Int]], _ commands: [some RedisRequest], _ deadline: MonotonicInstant
    ) -> [(route: Route, indices: [Int], call: RedisCall)] {
        routes.map { route, indices in
            let call = RedisCall(expected: indices.count * (route.asks ? 2 : 1), deadline: deadline)
            guard let node = self.node(route.address) else {
                call.fail(RedisFailure.closed)
                return (route, indices, call)
            }
            node.link().send(call) { bytes in
                for index in indices {
                    // Directly before its command: the server forgets it with the next one.
                    if route.asks { RESPCommandEncoding.append(command: "ASKING", to: &bytes) }
                    commands[index].write(self.settings.prefix, to: &bytes)
                }
            }
            return (route, indices, call)
        }
    }

    private func pause(
        _ failures: Int, until deadline: MonotonicInstant, _ why: RedisFailure,
        using generator: inout any RandomNumberGenerator & Sendable
    ) async throws(RedisFailure) {
        let clock = self.options.clock
        let wait = self.options.backoff.delay(after: failures, using: &generator)
        let until = min(deadline, clock.now.advanced(by: wait))
        do {
            try await clock.sleep(until: until, tolerance: nil)
        } catch {
            throw RedisFailure(.cancelled, "the calling task was cancelled", cause: why)
        }
        if clock.now >= deadline { throw why }
    }
}
