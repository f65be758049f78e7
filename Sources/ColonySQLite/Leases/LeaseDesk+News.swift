import ColonyCore
import Synchronization

/// How the desk learns of changes, and whom it tells.
extension LeaseDesk {
    // MARK: From the writer of this process, after its commit

    func wasGranted(_ name: LeaseName) {
        self.tellObservers()
    }

    /// A name was released or broken, or somebody left its queue.
    func wasFreed(_ name: LeaseName) {
        let (changes, first) = self.state.withLock { state -> ([ChangeWait], TurnWait?) in
            guard let place = state.places[name] else { return ([], nil) }
            return (place.changes, place.turns.first)
        }
        for wait in changes { self.finish(wait, with: .success(true)) }
        if let first { self.ask(first) }
        self.tellObservers()
    }

    /// Has leases that ran out removed, in a transaction of its own.
    func sweepSoon() {
        self.writer.submit(.savepoint) { transaction throws(StoreError) in
            try self.sweep.walk(at: self.clock.now.nanoseconds, in: transaction)
        } completion: { _ in
            // A walk that failed is made again after the next grants.
        }
    }

    // MARK: From other processes

    /// Something may have been committed by another process; looks at it, once for any number of rings.
    func bellRang() {
        let mustLook = self.state.withLock { state in
            if state.isDead { return false }
            state.looksAgain = state.isLooking
            defer { state.isLooking = true }
            return !state.isLooking
        }
        if mustLook { self.look() }
    }

    private static let dataVersion = SQL("PRAGMA data_version")

    private struct News: Sendable {
        var isForeign = false
        var examinations: [LeaseName: LeaseExamination] = [:]
    }

    private func look() {
        self.writer.submit(.readOnly) { transaction throws(StoreError) -> News in
            // The version changes with the commits of other connections only, so that our own rings end here.
            let statement = try transaction.connection.prepared(Self.dataVersion)
            defer { statement.reset() }
            guard try statement.step() else { return News() }
            let seen = (generation: transaction.connection.generation, version: statement.integer(0))
            let isNew = self.state.withLock { state in
                defer { state.seen = seen }
                return state.seen.map { $0 != seen } ?? true
            }
            guard isNew else { return News() }
            let names = self.state.withLock { Array($0.places.keys) }
            return News(isForeign: true, examinations: try self.examined(names, on: transaction.connection))
        } completion: { result in
            if case .success(let news) = result, news.isForeign {
                self.take(news.examinations)
                self.tellObservers()
            }
            // A look that failed is made up for by the slow poll, and requests report the failure.
            let mustLook = self.state.withLock { state in
                defer { state.looksAgain = false }
                state.isLooking = state.looksAgain
                return state.looksAgain
            }
            if mustLook { self.look() }
        }
    }

    // MARK: Looking at names

    /// Looks at what became of these names and tells whom it concerns.
    func examine(_ names: [LeaseName]) {
        self.writer.submit(.readOnly) { transaction throws(StoreError) -> [LeaseName: LeaseExamination] in
            try self.examined(names, on: transaction.connection)
        } completion: { result in
            switch result {
            case .success(let examinations): self.take(examinations)
            case .failure(let error): self.fail(names, with: error)
            }
        }
    }

    private func examined(
        _ names: [LeaseName], on connection: Connection
    ) throws(StoreError) -> [LeaseName: LeaseExamination] {
        var examinations: [LeaseName: LeaseExamination] = [:]
        for name in names {
            let (tokens, ticket) = self.state.withLock { state -> ([Int64], Int64?) in
                let place = state.places[name]
                return (place?.changes.map(\.token) ?? [], place?.turns.first?.ticket)
            }
            if tokens.isEmpty, ticket == nil { continue }
            examinations[name] = try LeaseExamination.of(
                name, tokens: tokens, ticket: ticket, desk: self, on: connection)
        }
        return examinations
    }

    private func take(_ examinations: [LeaseName: LeaseExamination]) {
        var over: [ChangeWait] = []
        var turns: [TurnWait] = []
        self.state.withLock { state in
            for (name, examination) in examinations {
                guard let place = state.places[name] else { continue }
                over += place.changes.filter { examination.over.contains($0.token) }
                if examination.isTurn, let first = place.turns.first { turns.append(first) }
                Self.setAlarm(of: name, at: examination.until, in: &state)
            }
        }
        for wait in over { self.finish(wait, with: .success(true)) }
        for wait in turns { self.ask(wait) }
        self.setAlarm()
    }

    /// The store cannot be read: those who wait for a change learn it, those in a queue when they next ask.
    private func fail(_ names: [LeaseName], with error: StoreError) {
        let (changes, turns) = self.state.withLock { state -> ([ChangeWait], [TurnWait]) in
            let places = names.compactMap { state.places[$0] }
            return (places.flatMap(\.changes), places.compactMap(\.turns.first))
        }
        for wait in changes { self.finish(wait, with: .failure(LeaseError(error))) }
        for wait in turns { self.ask(wait) }
    }

    /// Sets when the desk looks at a name although nobody told it to; the end of time for never.
    static func setAlarm(of name: LeaseName, at instant: Int64, in state: inout State) {
        guard let place = state.places[name] else { return }
        if let alarm = place.alarm { state.alarms.remove(alarm) }
        state.places[name]?.alarm =
            instant == .max ? nil : state.alarms.insert(.name(name), at: MonotonicInstant(nanoseconds: instant))
    }

    // MARK: Observers

    func observe(engine: ObjectIdentifier) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.raiseInterest()
        let id = self.state.withLock { state in
            state.observerCount += 1
            state.observers[state.observerCount] = (engine, continuation)
            return state.observerCount
        }
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            let wasThere = self.state.withLock { $0.observers.removeValue(forKey: id) != nil }
            if wasThere { self.lowerInterest() }
        }
        self.watchBell()
        return stream
    }

    private func tellObservers() {
        let continuations = self.state.withLock { state in state.observers.values.map(\.continuation) }
        for continuation in continuations { continuation.yield() }
    }

    func endObservation(of engine: ObjectIdentifier) {
        let continuations = self.state.withLock { state in
            state.observers.values.filter { $0.engine == engine }.map(\.continuation)
        }
        for continuation in continuations { continuation.finish() }
    }
}
