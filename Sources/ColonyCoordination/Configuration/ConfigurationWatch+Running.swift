import ColonyCore
import Synchronization

extension ConfigurationWatch {
    /// Watches until the task is cancelled, through outages of any length.
    ///
    /// - Throws: ``CoordinationError``: `cancelled`; `ownerBusy` if this watch runs already, as nothing then changes for the other;
    ///   or what no later attempt would mend: `invalidRequest`, `storageFailed`, or `closed`. Readers of ``values()`` see the same
    ///   error, except `cancelled`, which ends their sequence.
    public func run() async throws(CoordinationError) {
        let isFirst = self.state.withLock { state -> Bool in
            defer { state.isRunning = true }
            if !state.isRunning { state.end = nil }
            return !state.isRunning
        }
        guard isFirst else {
            throw CoordinationError(.ownerBusy, "the configuration \(self.group) is watched by this value already")
        }
        var work = ConfigurationWork(watch: self)
        let failure: CoordinationError
        do throws(LeaseError) {
            while true { try await work.step() }
        } catch {
            failure = CoordinationError(error)
        }
        let waiters = self.state.withLock { state -> [OneShotSignal] in
            state.isRunning = false
            state.end = failure
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fire() }
        throw failure
    }

    func publish(_ snapshot: ConfigurationSnapshot<Value>) {
        let waiters = self.state.withLock { state -> [OneShotSignal] in
            state.snapshot = snapshot
            state.version += 1
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fire() }
    }

    func report(_ event: ConfigurationEvent) { self.onEvent?(event) }
}

/// What one run of a watch knows: the last good bytes and values, and what of them is in the file.
struct ConfigurationWork<Value: Decodable & Sendable> {
    private let watch: ConfigurationWatch<Value>
    private var changes: GroupWatch
    private var good: [LeaseName: (bytes: [UInt8], value: Value)] = [:]
    private var saved: [LeaseName: [UInt8]]?
    private var hasRead = false

    init(watch: ConfigurationWatch<Value>) {
        self.watch = watch
        self.changes = GroupWatch(watch.engine, watch.group, watch.room.calls)
    }

    mutating func step() async throws(LeaseError) {
        switch try await self.changes.next() {
        case .fresh(let snapshot):
            await self.take(snapshot)
        case .stale(let since, let error):
            self.watch.report(.unavailable(error))
            if let current = self.watch.current {
                self.watch.publish(current.stale(since: since))
            } else {
                await self.restore(since: since)
            }
        }
    }

    private func isWatched(_ key: LeaseName) -> Bool { self.watch.keys?.contains(key) ?? true }

    private mutating func take(_ snapshot: RegistrySnapshot) async {
        var defects: [LeaseName: String] = [:]
        var next: [LeaseName: (bytes: [UInt8], value: Value)] = [:]
        for record in snapshot.records where self.isWatched(record.key) {
            if let last = self.good[record.key], last.bytes == record.value {
                next[record.key] = last
                continue
            }
            do {
                next[record.key] = (record.value, try self.watch.decode(record.value))
            } catch {
                let reason = "\(error)"
                if self.watch.current?.defects[record.key] != reason {
                    self.watch.report(.undecodable(record.key, reason: reason))
                }
                defects[record.key] = reason
                if self.good[record.key] == nil { await self.readFile() }
                next[record.key] = self.good[record.key]
            }
        }
        self.good = next
        self.watch.publish(
            ConfigurationSnapshot(
                values: next.mapValues(\.value), defects: defects, source: .engine, freshness: .current))
        await self.save()
    }

    /// Nothing is known and the engine is away: what the file knows is better than nothing.
    private mutating func restore(since: MonotonicInstant?) async {
        guard let file = await self.readFile() else { return }
        let age = Duration.milliseconds(
            max(0, self.watch.wallClock.now.millisecondsSince1970 - file.savedAt.millisecondsSince1970))
        self.watch.report(.restored(age: age))
        self.watch.publish(
            ConfigurationSnapshot(
                values: self.good.mapValues(\.value), defects: [:], source: .file(saved: file.savedAt, age: age),
                freshness: .stale(since: since)))
    }

    /// Reads the file, once a run, and takes from it what was not known better.
    @discardableResult
    private mutating func readFile() async -> LastKnownGood? {
        guard !self.hasRead, let file = self.watch.file else { return nil }
        self.hasRead = true
        do {
            let content = try await Task(executorPreference: self.watch.fileExecutor) { try file.read() }.value
            guard let content else { return nil }
            let known = try LastKnownGood.read(content, group: self.watch.group)
            self.saved = known.bytes
            for (key, bytes) in known.bytes where self.isWatched(key) && self.good[key] == nil {
                // A value that an older program wrote may not be one of this.
                do {
                    self.good[key] = (bytes, try self.watch.decode(bytes))
                } catch {
                    self.watch.report(.undecodable(key, reason: "in the file: \(error)"))
                }
            }
            return known
        } catch {
            self.watch.report(.notRestored(reason: "\(error)"))
            return nil
        }
    }

    private mutating func save() async {
        guard let file = self.watch.file else { return }
        let bytes = self.good.mapValues(\.bytes)
        guard bytes != self.saved else { return }
        do {
            let content = try RecordCodec.bytes(
                of: LastKnownGood(group: self.watch.group, savedAt: self.watch.wallClock.now, values: bytes))
            try await Task(executorPreference: self.watch.fileExecutor) { try file.write(content) }.value
            self.saved = bytes
        } catch {
            self.watch.report(.notSaved(reason: "\(error)"))
        }
    }
}
