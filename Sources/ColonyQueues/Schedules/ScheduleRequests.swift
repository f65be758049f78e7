package import ColonyCore

/// What every engine refuses before it does anything to schedules, in the same words.
package enum ScheduleRequests {
    package static func check(
        _ tick: WallTime, publishing ticks: [WallTime], next: WallTime?
    ) throws(QueueError) {
        try QueueRequests.check(batch: ticks.count)
        let all = ticks + [next].compactMap { $0 }
        let isRising = zip(all, all.dropFirst()).allSatisfy { $0 < $1 }
        guard isRising, ticks.first.map({ $0 >= tick }) ?? true, next.map({ $0 > tick }) ?? true else {
            throw QueueError(
                .invalidRequest,
                "the ticks that are taken with that of \(tick.rfc3339) must rise from it on to the next one, and do not"
            )
        }
    }

    package static func tooMany(_ schedule: ScheduleName) -> QueueError {
        QueueError(
            .invalidRequest,
            "there are \(MessageLimits.schedules) schedules, which is the most, and \"\(schedule)\" would be one more")
    }

    package static func taken(_ schedule: ScheduleName, _ tick: WallTime, next: WallTime) -> QueueError {
        QueueError(
            .conflict,
            "the schedule \"\(schedule)\" cannot go on at \(next.rfc3339): its tick of \(tick.rfc3339) has been taken")
    }
}

extension ScheduleRecord {
    /// Whether a schedule may be put in the place of this one with that first tick.
    package func canGoOn(at next: WallTime?) -> Bool {
        guard let next, let lastTaken else { return true }
        return next > lastTaken
    }

    /// The record after a tick was taken and so many of the messages were published.
    ///
    /// - Returns: `nil` if there was room for none of them.
    package func taking(_ ticks: [WallTime], published count: Int, next: WallTime?) -> ScheduleRecord? {
        var record = self
        record.next = next
        if count < ticks.count {
            if count == 0 { return nil }
            record.next = ticks[count]
        }
        record.taken += count
        if count > 0 { record.lastTaken = ticks[count - 1] }
        return record
    }
}
