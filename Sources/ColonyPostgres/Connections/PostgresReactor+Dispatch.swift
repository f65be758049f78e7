#if Postgres
import ColonyCore
import DequeModule

/// Which call goes to which connection, and when one is opened or given up.
extension PostgresReactor {
    /// Ends what has taken too long.
    func expire(at now: MonotonicInstant) {
        for connection in self.desk.connections {
            if let call = connection.call, connection.deadline <= now {
                // The server ends the statement by its own time limit; this connection is of no more use until then.
                let what = call.isFinished ? "a cancelled call" : "the server"
                connection.breakOff(self.timeOut(what))
            } else if connection.isConnecting, connection.deadline <= now {
                connection.breakOff(self.timeOut("the server, while connecting,"))
            } else if connection.isClearing, connection.deadline <= now {
                connection.breakOff(self.timeOut("the server, after a transaction,"))
            } else if let session = connection.session, session.deadline <= now {
                // The server rolls the transaction back when its connection is gone.
                connection.breakOff(self.timeOut("a transaction"))
            }
        }
        if case .asked(let until) = self.desk.resolution, until <= now {
            self.desk.resolution = .none
            self.attemptFailed(self.timeOut("the look-up of the server's name"), at: now)
        }
        self.removeBroken(at: now)
        self.retireIdle(at: now)
        if self.desk.nextDeadline <= now {
            let waiting = self.desk.connections.isEmpty ? "while connecting" : "while waiting for a connection"
            for call in self.waiting where call.deadline <= now {
                call.finish(.failure(self.timeOut("the server, \(waiting),")))
            }
            self.forgetFinished()
            let deadlines = self.waiting.map(\.deadline)
            self.desk.nextDeadline = deadlines.min() ?? MonotonicInstant(nanoseconds: .max)
        }
    }

    private func timeOut(_ what: String) -> PostgresFailure {
        PostgresFailure(
            kind: .unreachable, message: "\(what) did not answer within \(self.options.timeout.text)")
    }

    private func removeBroken(at now: MonotonicInstant) {
        let wasListening = self.desk.hasListened
        var failed: PostgresFailure?
        var hasLostAttempt = false
        self.desk.connections.removeAll { connection in
            guard case .broken(let failure) = connection.phase else { return false }
            failed = failure
            if !connection.wasConnected { hasLostAttempt = true }
            return true
        }
        if wasListening, !self.desk.connections.contains(where: \.isListening) { self.desk.hasListened = false }
        if let failed, hasLostAttempt { self.attemptFailed(failed, at: now) }
    }

    /// After a failed attempt to connect: when the next one comes, and who need not wait for it.
    private func attemptFailed(_ failure: PostgresFailure, at now: MonotonicInstant) {
        self.desk.failures += 1
        self.desk.resolution = .none
        let pause = self.options.backoff.delay(after: self.desk.failures, using: &self.desk.generator)
        self.desk.nextAttempt = now.advanced(by: pause)
        // Those who can still be served by another connection wait for it.
        guard self.desk.connections.isEmpty else { return }
        self.failWaiting(failure)
    }

    /// Keeps one connection, and the one that listens.
    private func retireIdle(at now: MonotonicInstant) {
        guard self.desk.connections.count > 1 else { return }
        let hasListener = self.desk.connections.contains(where: \.isListening)
        var kept = hasListener ? 1 : 0
        self.desk.connections.removeAll { connection in
            guard case .idle(let since) = connection.phase, !connection.isListening, connection.session == nil else {
                if !connection.isListening { kept += 1 }
                return false
            }
            guard since.advanced(by: self.options.idleLimit) <= now, kept > 0 else {
                kept += 1
                return false
            }
            return true
        }
    }

    /// Gives work to connections without any, and opens what is missing.
    func dispatch(at now: MonotonicInstant) {
        if self.desk.wantsChannel { self.keepListening(at: now) }
        self.dispatchSessions(at: now)
        for connection in self.desk.connections where connection.isFree {
            guard let call = self.nextCall() else { break }
            connection.send(call, listenCommand: self.listenCommand, at: now)
        }
        self.removeBroken(at: now)
        let mustListen =
            self.desk.wantsChannel && self.desk.nextListen <= now
            && !self.desk.connections.contains { $0.isListening || $0.isAboutToListen || $0.isFree }
        let wanted = self.desk.urgent.count + self.desk.queue.count + (mustListen ? 1 : 0)
        let opening = self.desk.connections.count(where: \.isConnecting)
        // After a failure one attempt shows whether the server is back.
        let useful = self.desk.failures > 0 ? min(wanted, 1) : wanted
        let room = self.options.connections - self.desk.connections.count
        for _ in 0..<max(0, min(useful - opening, room)) {
            guard self.open(at: now) else { break }
        }
    }

    private func keepListening(at now: MonotonicInstant) {
        if self.desk.connections.contains(where: \.isListening) {
            self.desk.listenCall = nil
            self.channelIsOpen(at: now)
            return
        }
        if case .failure(let failure)? = self.desk.listenCall?.finished {
            // A standby does not listen. Who waits is told; the others are served by the next attempt.
            self.desk.listenCall = nil
            self.desk.nextListen = now.advanced(by: .seconds(1))
            for call in self.desk.listeners { call.finish(.failure(failure)) }
            self.desk.listeners = []
        }
        guard now >= self.desk.nextListen, !self.desk.connections.contains(where: \.isAboutToListen),
            let connection = self.desk.connections.first(where: \.isFree)
        else { return }
        let call = PostgresCall(.listen, deadline: now.advanced(by: self.options.timeout))
        self.desk.listenCall = call
        connection.send(call, listenCommand: self.listenCommand, at: now)
    }

    /// Sends what belongs to a transaction to its connection, or tells that there is none any more.
    private func dispatchSessions(at now: MonotonicInstant) {
        var waiting: [PostgresCall] = []
        for call in self.desk.sessionCalls {
            let own = self.desk.connections.first { $0.session != nil && $0.session === call.session }
            guard let own else {
                if call.session?.isOpening == true {
                    waiting.append(call)
                    continue
                }
                let message = "the connection of the transaction is gone, and the transaction with it"
                call.finish(.failure(PostgresFailure(kind: .unreachable, message: message)))
                continue
            }
            if own.isIdle { own.send(call, listenCommand: self.listenCommand, at: now) } else { waiting.append(call) }
        }
        self.desk.sessionCalls = waiting
    }

    private func nextCall() -> PostgresCall? {
        while let call = self.desk.urgent.popFirst() ?? self.desk.queue.popFirst() {
            if !call.isFinished { return call }
        }
        return nil
    }

    /// When there will be something to do even if no socket becomes ready.
    func nextInstant() -> MonotonicInstant {
        var next = self.desk.nextDeadline
        for connection in self.desk.connections {
            switch connection.phase {
            case .connecting, .preparing, .busy, .clearing: next = min(next, connection.deadline)
            case .idle(let since):
                if let session = connection.session {
                    next = min(next, session.deadline)
                } else if self.desk.connections.count > 1, !connection.isListening {
                    next = min(next, since.advanced(by: self.options.idleLimit))
                }
            case .broken: return MonotonicInstant(nanoseconds: .min)
            }
        }
        if case .asked(let until) = self.desk.resolution { next = min(next, until) }
        if self.desk.wantsChannel, !self.desk.hasListened, self.desk.connections.contains(where: \.isFree) {
            next = min(next, self.desk.nextListen)
        }
        let isShort =
            !self.desk.queue.isEmpty || !self.desk.urgent.isEmpty || (self.desk.wantsChannel && !self.desk.hasListened)
        // With all connections open or an attempt under way, nothing comes of the next attempt's moment.
        if isShort, self.desk.connections.count < self.options.connections,
            !self.desk.connections.contains(where: \.isConnecting), self.isReadyToResolve
        {
            next = min(next, self.desk.nextAttempt)
        }
        return next
    }

    private var isReadyToResolve: Bool {
        if case .asked = self.desk.resolution { false } else { true }
    }
}

// MARK: - Connecting

extension PostgresReactor {
    /// Begins one connection, or the look-up that has to come first.
    ///
    /// - Returns: Whether another may be begun at once.
    private func open(at now: MonotonicInstant) -> Bool {
        guard now >= self.desk.nextAttempt else { return false }
        let addresses: PostgresAddresses
        switch self.desk.resolution {
        case .known(let known, let until) where now < until:
            addresses = known
        case .none, .known:
            if let numeric = PostgresAddresses(numeric: self.options.servers) {
                addresses = numeric
                break
            }
            self.desk.resolution = .asked(until: now.advanced(by: self.options.timeout))
            if self.desk.lookUps > 0 { return false }
            self.desk.lookUps += 1
            PostgresAddresses.resolve(self.options.servers) { [weak self] in self?.take($0) }
            return false
        case .asked:
            return false
        }
        let deadline = now.advanced(by: self.options.timeout)
        let parameters = self.options.connectionParameters(addresses, attempt: self.desk.failures)
        guard let connection = PostgresConnection(parameters, deadline: deadline) else {
            self.attemptFailed(PostgresFailure(kind: .unreachable, message: "there is no memory to connect"), at: now)
            return false
        }
        self.desk.connections.append(connection)
        return true
    }

    func resolved(_ addresses: PostgresAddresses, at now: MonotonicInstant) {
        self.desk.lookUps -= 1
        // A look-up that comes later than its limit is as good as one in time.
        if let failure = addresses.failure {
            if case .asked = self.desk.resolution { self.attemptFailed(failure, at: now) }
        } else {
            // A name may be moved to another server, so it is looked up again from time to time.
            self.desk.resolution = .known(addresses, until: now.advanced(by: .seconds(10)))
        }
    }
}
#endif
