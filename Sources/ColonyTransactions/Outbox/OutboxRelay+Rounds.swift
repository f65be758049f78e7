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
    }

    /// How often it looks how the outbox stands.
    private static let statusInterval: Duration = .seconds(1)
    /// The most queues of one round.
    private static let queuesAtOnce = 10_000

    func work() async throws {
        let now = self.clock.now
        var standing = Standing(leaseEnd: now, nextClaim: now, nextStatus: now)
        defer { self.counts.withLock { $0.isActive = false } }
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
        if standing.isActive { _ = try? await self.outbox.claim(self.owner, for: .zero) }
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
        guard standing.isActive else { return }
        standing.isActive = false
        self.counts.withLock { $0.isActive = false }
        self.hub.send(.stoodBy)
    }

    // MARK: A round

    private func round(_ standing: inout Standing) async throws(TransactionError) {
        // Counted before reading, so that nothing falls between.
        standing.changes = try await self.outbox.waitForChange(since: standing.changes, upTo: .zero)
        let queues = try await self.outbox.queues(limit: Self.queuesAtOnce)
        let due = standing.lanes.due(queues, at: self.clock.now)
        var mayHaveMore = false
        for report in await self.work(on: due, standing.lanes) {
            mayHaveMore = try self.take(report, &standing) || mayHaveMore
        }
        if self.clock.now >= standing.nextStatus {
            try await self.look(&standing)
            standing.nextStatus = self.clock.now.advanced(by: Self.statusInterval)
        }
        if mayHaveMore || self.end.isFired { return }
        var wake = min(self.clock.now.advanced(by: self.options.pollInterval), standing.nextClaim)
        if let end = standing.lanes.nextEnd { wake = min(wake, end) }
        let limit = self.clock.now.duration(to: wake)
        if limit > .zero { try await self.waitForNews(standing.changes, upTo: limit) }
    }

    /// Waits for news of the outbox, or until the relay is to end.
    private func waitForNews(_ seen: UInt64, upTo limit: Duration) async throws(TransactionError) {
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
                await self.pause(upTo: limit)
                return .success(())
            }
            defer { group.cancelAll() }
            return await group.next() ?? .success(())
        }
        try outcome.get()
    }

    private func work(on queues: [QueueName], _ lanes: OutboxLanes) async -> [LaneReport] {
        await withTaskGroup(of: LaneReport.self) { group in
            var reports: [LaneReport] = []
            var running = 0
            for queue in queues {
                if running == self.options.concurrency, let report = await group.next() {
                    reports.append(report)
                    running -= 1
                }
                let unremoved = lanes.unremoved(of: queue)
                group.addTask { await self.work(on: queue, removingFirst: unremoved) }
                running += 1
            }
            for await report in group { reports.append(report) }
            return reports
        }
    }

    /// - Returns: Whether more may wait for the queue.
    private func take(_ report: LaneReport, _ standing: inout Standing) throws(TransactionError) -> Bool {
        standing.lanes.worked(report.queue, unremoved: report.unremoved)
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
        guard report.failure != nil || report.hindrance != nil else {
            standing.lanes.recovered(report.queue)
            return report.mayHaveMore
        }
        // A queue that took something has not failed in a row.
        if report.sent > 0 { standing.lanes.recovered(report.queue) }
        standing.lanes.failed(report.queue, at: self.clock.now) { self.rest(after: $0) }
        return false
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
