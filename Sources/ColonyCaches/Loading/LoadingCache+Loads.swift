import ColonyCore

/// The course of a load: started, timed, stored, or given up.
extension LoadingCache {
    /// Starts a reload behind an entry that is served, unless one is under way.
    func reload(behind key: Key) {
        guard let flight = self.flights.reload(key, work: { LoadWork() }) else { return }
        // Nobody waits for it, so it is no part of the load that may have caused it.
        LoadChain.$innermost.withValue(nil) { self.start(flight.work, [flight], isReload: true) }
    }

    /// Calls the loader for flights that share a call.
    func start(_ work: LoadWork, _ flights: [Load], isReload: Bool) {
        let began = self.now
        let load = Task {
            await self.run(work, flights, isReload: isReload)
        }
        var timer: Task<Void, Never>?
        if self.options.softTimeOut != nil || self.options.hardTimeOut != nil || self.options.abandonAfter != nil {
            timer = Task { await self.time(work, flights, from: began) }
        }
        work.attach(load: load, timer: timer)
    }

    private func run(_ work: LoadWork, _ flights: [Load], isReload: Bool) async {
        if let limiter = self.limiter {
            do {
                try await limiter.acquire(for: work)
            } catch {
                return self.fail(flights, with: error)
            }
        }
        guard work.begin(at: self.now, holdsPlace: self.limiter != nil) else {
            self.limiter?.release()
            return self.fail(flights, with: CancellationError())
        }
        self.counters.loadStarted(isReload: isReload)
        let frame = LoadChain.Frame(
            cache: ObjectIdentifier(self), work: work, flights: flights, parent: LoadChain.innermost)
        do {
            let values = try await LoadChain.$innermost.withValue(frame) { try await self.load(flights.map(\.key)) }
            self.end(work, failed: false)
            for flight in flights { self.succeed(flight, with: values[flight.key]) }
        } catch {
            self.end(work, failed: true)
            self.fail(flights, with: error)
        }
    }

    private func load(_ keys: [Key]) async throws -> [Key: Value] {
        switch self.source {
        case .bulk(let loader): return try await loader(keys)
        case .single(let loader):
            // A flight of a single loader has its call for itself.
            guard let key = keys.first, let value = try await loader(key) else { return [:] }
            return [key: value]
        }
    }

    /// Counts the end of a call, and lets the next one in.
    private func end(_ work: LoadWork, failed: Bool) {
        let isCancelled = work.isStopped
        let (began, holdsPlace) = work.end()
        if let began {
            self.counters.loadEnded(
                after: began.duration(to: self.now), failed: failed, cancelled: isCancelled && failed)
        }
        if holdsPlace { self.limiter?.release() }
    }

    // MARK: Ending well or badly

    private func succeed(_ flight: Load, with value: Value?) {
        // Older loads of the key would bring older values.
        for overtaken in flight.overtaken { overtaken.detach() }
        let content: LoadedEntry<Value>.Content = value.map { .value($0) } ?? .absent
        if !self.store(content, flight.key, if: { !flight.isDetached }) { self.counters.discardedValue() }
        self.flights.remove(flight, withOvertaken: true)
        flight.finish(.loaded(value))
        flight.leaveWork()
    }

    private func fail(_ flights: [Load], with error: any Error) {
        for flight in flights {
            self.noteFailure(of: flight, error)
            self.flights.remove(flight, withOvertaken: false)
            flight.finish(.failed(error))
            flight.leaveWork()
        }
    }

    /// Lets a value that may still be served rest for a while, or keeps the error if the options ask for it.
    private func noteFailure(of flight: Load, _ error: any Error) {
        if flight.isDetached || flight.work.isStopped && error is CancellationError { return }
        let now = self.now
        if let present = self.cache.peek(flight.key), present.isValue, now < self.rules.end(of: present) {
            guard self.options.failureThrottle > .zero else { return }
            let resting = self.rules.throttled(present, at: now)
            self.cache.update(flight.key) { entry in
                if let current = entry, current.isValue, current.writtenAt == present.writtenAt { entry = resting }
            }
        } else if let timeToLive = self.options.errorTimeToLive?(error), timeToLive > .zero {
            let entry = self.rules.entry(LoadedEntry<Value>.Content.failure(error), at: now, timeToLive: timeToLive)
            _ = self.cache.set(flight.key, to: entry, if: { !flight.isDetached })
        }
    }

    /// Stores what a load or the program came to, as long as the times to live say.
    ///
    /// - Returns: `false` if `permit` did not hold.
    @discardableResult
    func store(_ content: LoadedEntry<Value>.Content, _ key: Key, if permit: () -> Bool) -> Bool {
        let timeToLive: Duration?
        switch content {
        case .value(let value):
            timeToLive = self.options.timeToLivePerEntry.map { $0(key, value) } ?? self.options.timeToLive
        case .absent:
            guard let absent = self.options.absentTimeToLive else { return self.drop(key, if: permit) }
            timeToLive = absent
        case .failure: return true
        }
        if let timeToLive, timeToLive <= .zero { return self.drop(key, if: permit) }
        return self.cache.set(key, to: self.rules.entry(content, at: self.now, timeToLive: timeToLive), if: permit)
    }

    /// Removes what a load has shown to be gone, or not to be kept.
    private func drop(_ key: Key, if permit: () -> Bool) -> Bool { self.cache.remove(key, if: permit) }

    // MARK: Time

    /// Passes the soft and the hard time-out, and gives the load up at last.
    private func time(_ work: LoadWork, _ flights: [Load], from began: MonotonicInstant) async {
        let clock = self.options.clock
        do {
            if let soft = self.options.softTimeOut {
                try await clock.sleep(until: began.advanced(by: soft), tolerance: nil)
                for flight in flights { flight.passSoftTimeOut() }
            }
            if let hard = self.options.hardTimeOut {
                try await clock.sleep(until: began.advanced(by: hard), tolerance: nil)
                for flight in flights {
                    // First it goes out of the way, so that whoever asks after having been told starts a new load.
                    self.flights.setAside(flight)
                    flight.finish(.timedOut)
                    self.counters.timedOut()
                }
            }
            guard let abandonment = self.options.abandonment else { return }
            try await clock.sleep(until: began.advanced(by: abandonment), tolerance: nil)
        } catch {
            return
        }
        work.cancelLoad()
        self.end(work, failed: true)
        let limit = self.options.abandonment ?? .zero
        for flight in flights { flight.detach() }
        self.fail(flights, with: CacheError(.loadTimedOut, "the load was given up after \(limit.text)"))
    }

    /// Stops a load that nobody waits for.
    func stop(_ flight: Load) {
        // It is in no table from here on, so nobody could keep it from storing an old value.
        flight.detach()
        self.flights.remove(flight, withOvertaken: false)
        flight.leaveWork()
    }
}
