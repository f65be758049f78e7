public import ColonyCore
public import ServiceLifecycle
import Synchronization

/// Clears the marks of a barrier away when their transactions are over, and have been for long enough.
///
/// ```swift
/// let sweeper = try BarrierSweeper(SQLiteBarrierMarks(database), journal)
/// try await sweeper.run()
/// ```
///
/// A mark must outlive every call that can still come, also one that has been under way for hours. So a sweeper asks the journal which
/// transactions are over, writes that down beside the marks, and removes them only ``retention`` later. Run one where both the participant's
/// database and the journal can be reached; several do not hurt one another.
public final class BarrierSweeper: Service {
    /// What a look has found and done.
    public struct Report: Hashable, Sendable {
        /// Transactions of which it is written down now that they are over.
        public var ended = 0
        /// Those that go on, or of which the journal knows nothing.
        public var open = 0
        /// How many of them it is not known of, because their name is none or their record cannot be read. The first is told in ``failure``.
        public var unclear = 0
        /// Marks that were removed.
        public var removed = 0
        /// What failed first; it is tried again with the next look.
        public var failure: String?

        mutating func note(_ failure: String) {
            // The first is the cause of others more often than not.
            if self.failure == nil { self.failure = failure }
        }
    }

    /// How long marks stay after it was found that their transaction is over.
    public let retention: Duration
    /// How often it looks.
    public let interval: Duration

    private let marks: any BarrierMarks
    private let journal: any TransactionJournal
    private let countsUnknown: Bool
    private let clock: any MonotonicClock
    private let hub = ListenerHub<Report>()

    private static let page = 100
    /// The most marks that are removed in one transaction, so that no participant waits for long.
    private static let sweptAtOnce = 1_000

    /// Makes a sweeper, which does nothing before ``run()`` or ``sweep()``.
    ///
    /// - Parameters:
    ///   - marks: Those of a participant.
    ///   - journal: That of the coordinators who call it.
    ///   - retention: From zero to ten years. A day is longer than a call is under way, with all the queues and retries between coordinator and
    ///     participant.
    ///   - interval: From 10 milliseconds to a day.
    ///   - unknown: Whether a transaction that the journal does not know counts as over: see
    ///     ``TransactionJournal/ended(among:countingUnknown:)``. Without it, marks of a transaction that ended while no sweeper ran for longer
    ///     than the journal keeps it stay for ever.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`, which quotes the value.
    public init(
        _ marks: any BarrierMarks, _ journal: any TransactionJournal, retention: Duration = .seconds(86_400),
        interval: Duration = .seconds(60), countingUnknown unknown: Bool = false,
        clock: any MonotonicClock = HostClock()
    ) throws(TransactionError) {
        let defect =
            SettingRange.defect(of: retention, in: .zero ... .seconds(315_360_000), as: "the time that marks stay")
            ?? SettingRange.defect(
                of: interval, in: .milliseconds(10) ... .seconds(86_400), as: "the interval of the looks for marks")
        if let defect { throw TransactionError(.invalidDefinition, defect) }
        self.marks = marks
        self.journal = journal
        self.retention = retention
        self.interval = interval
        self.countsUnknown = unknown
        self.clock = clock
    }

    /// What each look finds and does from here on.
    ///
    /// - Parameter capacity: How many reports are kept for a listener that is slow; older ones are dropped.
    public func reports(keepingNewest capacity: Int = 100) -> AsyncStream<Report> {
        self.hub.listen(keepingNewest: capacity)
    }

    /// Looks again and again, until graceful shutdown or cancellation.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                _ = await self.sweep()
                try await self.clock.sleep(for: self.interval)
            }
        }
    }

    /// Looks once. What is found out about one transaction does not depend on the others, and what may be removed is removed in any case.
    ///
    /// - Complexity: A read of the journal for each transaction that is not known to be over.
    @discardableResult
    public func sweep() async -> Report {
        var report = Report()
        do { try await self.look(&report) } catch { report.note("\(error)") }
        do { try await self.clear(&report) } catch { report.note("\(error)") }
        self.hub.send(report)
        return report
    }

    /// Writes down which transactions are over.
    private func look(_ report: inout Report) async throws {
        var last: String?
        while true {
            try Task.checkCancellation()
            let page = try await self.marks.transactions(after: last, upTo: Self.page)
            // A name that is not even text may be told for ever.
            guard let next = page.last, next != last else { return }
            var ended: [TransactionID] = []
            for name in page {
                if let id = try await self.over(name, &report) { ended.append(id) }
            }
            if !ended.isEmpty { try await self.marks.end(ended) }
            report.ended += ended.count
            report.open += page.count - ended.count
            last = next
        }
    }

    /// - Returns: `nil` if it goes on, or if that cannot be found out.
    private func over(_ name: String, _ report: inout Report) async throws(TransactionError) -> TransactionID? {
        do {
            let id = try TransactionID(name)
            return try await self.journal.isOver(id, countingUnknown: self.countsUnknown) ? id : nil
        } catch {
            if let error = error as? TransactionError, !error.isAboutDamage { throw error }
            report.unclear += 1
            report.note("\(error)")
            return nil
        }
    }

    private func clear(_ report: inout Report) async throws {
        var removed = 0
        repeat {
            try Task.checkCancellation()
            removed = try await self.marks.sweep(endedFor: self.retention, upTo: Self.sweptAtOnce)
            report.removed += removed
        } while removed == Self.sweptAtOnce
    }
}
