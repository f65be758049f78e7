import ColonyCore
import ColonyQueues
import Synchronization

extension OutboxRelay {
    /// What the relay remembers from one round to the next.
    private struct Standing {
        var lanes = OutboxLanes()
        /// Until when it may count on its lease, and when it asks again.
        var leaseEnd: MonotonicInstant
        var nextClaim: MonotonicInstant
        var isActive = false
        var nextStatus: MonotonicInstant
        var isLate = false
        var changes: UInt64 = 0
        var failures = 0
        /// How often it has lost its lease. What was begun before concerns another relay.
        var generation = 0
    }

    /// How often it looks how the outbox stands.
    private static let statusInterval: Duration = .seconds(1)
    /// The most queues of one round.
    private static let queuesAtOnce = 10_000

    func work() async throws {
        let now = self.clock.now
        var standing = Standing(leaseEnd: now, nextClaim: now, nextStatus: now)
        defer {
            self.counts.withLock { $0.isActive = false }
            self.desk.cancel()
        }
        while !self.end.isFired {
            do throws(TransactionError) {
                try await self.keepLease(&standing)
                if standing.isActive {
                    try await self.round(&standing)
                } else {
                    // Soon after the lease of another has run out, and never busily.
                    await self.pause(upTo: max(.milliseconds(5), min(.seconds(1), self.options.lease / 4)))
                }
                standing.failures = 0
            } catch {
                if error.code == .closed {
                    if let cause = error.cause as? QueueError { throw cause }
                    throw error
                }
                standing.failures += 1
                self.note(error)
                await self.pause(upTo: self.rest(after: standing.failures))
            }
        }
        await self.drain(&standing)
        // What hangs is given up before another may have the lease.
        self.desk.cancel()
        if standing.isActive { _ = try? await self.outbox.claim(self.owner, for: .zero) }
    }

    /// Lets what is under way end, for no longer than the lease lasts; a publish that hangs is given up then.
    private func drain(_ standing: inout Standing) async {
        let deadline = standing.leaseEnd
        while true {
            for report in self.desk.take() { _ = try? self.take(report, &standing) }
            if self.desk.running.isEmpty || self.clock.now >= deadline { break }
            _ = try? await self.desk.signal().wait(until: deadline, on: self.clock)
        }
    }

    private func pause(upTo limit: Duration) async {
        // Cancelled: the loop looks whether it is to end.
        _ = try? await self.end.wait(until: self.clock.now.advanced(by: limit), on: self.clock)
    }

    private func note(_ error: TransactionError) {
        self.counts.withLock { $0.failures += 1 }
        self.hub.send(.storeFailed(error))
    }

    private func keepLease(_ standing: inout Standing) async throws(TransactionError) {
        let now = self.clock.now
        if standing.isActive, now < standing.nextClaim { return }
        let isGranted: Bool
        do throws(TransactionError) {
            isGranted = try await self.outbox.claim(self.owner, for: self.options.lease)
        } catch {
            if now >= standing.leaseEnd { self.stand(by: &standing) }
            throw error
        }
        guard isGranted else { return self.stand(by: &standing) }
        standing.leaseEnd = now.advanced(by: self.options.lease)
        standing.nextClaim = now.advanced(by: self.options.lease / 3)
        if standing.isActive { return }
        standing.isActive = true
        self.counts.withLock { $0.isActive = true }
        self.hub.send(.began)
    }

    private func stand(by standing: inout Standing) {
        // What it had published and not removed is another's business now.
        standing.lanes = OutboxLanes()
        standing.generation += 1
        guard standing.isActive else { return }
        standing.isActive = false
        self.counts.withLock { $0.isActive = false }
        self.hub.send(.stoodBy)
    }

    // MARK: A round

    private func round(_ standing: inout Standing) async throws(TransactionError) {
        for report in self.desk.take() { try self.take(report, &standing) }
        // Counted before reading, so that nothing falls between.
        standing.changes = try await self.outbox.waitForChange(since: standing.changes, upTo: .zero)
        let now = self.clock.now
        let running = self.desk.running
        if running.count < self.options.concurrency {
            let queues = try await self.outbox.queues(limit: Self.queuesAtOnce)
            let due = standing.lanes.due(queues, at: now).filter { !running.contains($0) }
            for queue in due.prefix(self.options.concurrency - running.count) { self.begin(queue, &standing) }
        }
        if self.clock.now >= standing.nextStatus {
            try await self.look(&standing)
            standing.nextStatus = self.clock.now.advanced(by: Self.statusInterval)
        }
        if self.end.isFired { return }
        var wake = min(self.clock.now.advanced(by: self.options.pollInterval), standing.nextClaim)
        // One whose rest was over by `now` is worked on, or waits for another to end, and that end wakes the relay by itself.
        if let end = standing.lanes.nextEnd(after: now) { wake = min(wake, end) }
        let limit = self.clock.now.duration(to: wake)
        if limit > .zero { try await self.waitForNews(standing.changes, upTo: limit) }
    }

    private func begin(_ queue: QueueName, _ standing: inout Standing) {
        let unremoved = standing.lanes.begun(queue)
        let generation = standing.generation
        self.desk.begin(queue) {
            self.spawn {
                var report = await self.work(on: queue, removingFirst: unremoved)
                report.generation = generation
                self.desk.end(report)
            }
        }
    }

    /// Waits for news of the outbox, for the end of the work on a queue, or until the relay is to end.
    private func waitForNews(_ seen: UInt64, upTo limit: Duration) async throws(TransactionError) {
        let report = self.desk.signal()
        if report.isFired { return }
        let deadline = self.clock.now.advanced(by: limit)
        let outcome = await withTaskGroup(of: Result<Void, TransactionError>.self) { group in
            group.addTask {
                do throws(TransactionError) {
                    _ = try await self.outbox.waitForChange(since: seen, upTo: limit)
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                _ = try? await report.wait(until: deadline, on: self.clock)
                return .success(())
            }
            group.addTask {
                await self.pause(upTo: limit)
                return .success(())
            }
            defer { group.cancelAll() }
            return await group.next() ?? .success(())
        }
        try outcome.get()
    }

    private func take(_ report: LaneReport, _ standing: inout Standing) throws(TransactionError) {
        self.counts.withLock { counts in
            counts.sent += UInt64(report.sent)
            counts.duplicates += UInt64(report.duplicates)
            counts.parked += UInt64(report.parked)
            if report.hindrance != nil { counts.held += 1 }
        }
        if let failure = report.failure {
            if failure.code == .closed { throw failure }
            self.note(failure)
        }
        if let hindrance = report.hindrance {
            if hindrance.code == .closed {
                throw TransactionError(.closed, hindrance.message, cause: hindrance)
            }
            self.hub.send(.held(report.queue, hindrance))
        }
        guard report.generation == standing.generation else { return }
        standing.lanes.worked(report.queue, unremoved: report.unremoved)
        guard report.failure != nil || report.hindrance != nil else {
            standing.lanes.recovered(report.queue)
            if report.sent == 0, report.parked == 0 {
                // Nothing was there, whatever the list of queues says: no sooner than without news.
                standing.lanes.rest(report.queue, until: self.clock.now.advanced(by: self.options.pollInterval))
            }
            return
        }
        // A queue that took something has not failed in a row.
        if report.sent > 0 { standing.lanes.recovered(report.queue) }
        standing.lanes.failed(report.queue, at: self.clock.now) { self.rest(after: $0) }
    }

    private func look(_ standing: inout Standing) async throws(TransactionError) {
        let status = try await self.outbox.status()
        let age = status.oldest.map { oldest -> Duration in
            let (passed, overflow) = self.wall.now.millisecondsSince1970.subtractingReportingOverflow(
                oldest.millisecondsSince1970)
            return overflow ? .zero : .milliseconds(max(0, passed))
        }
        self.counts.withLock { counts in
            counts.waiting = status.waiting
            counts.oldestAge = age ?? .zero
        }
        let isLate = age.map { $0 > self.options.lateAfter } ?? false
        if isLate, !standing.isLate { self.hub.send(.late(age: age ?? .zero, waiting: status.waiting)) }
        standing.isLate = isLate
    }
}
