import ColonyCore

/// When the next dead letters may be redriven, and how many at once: evenly, without a burst at the beginning or after a delay of the
/// store.
struct RedrivePace: Equatable {
    /// Letters a second; `nil` for no limit.
    private let rate: Double?
    private var nextStart: MonotonicInstant

    init(rate: Double?, from start: MonotonicInstant) throws(QueueError) {
        if let rate, !(rate > 0 && rate.isFinite) {
            throw QueueError(.invalidRequest, "a rate is greater than zero, and \(rate) is not")
        }
        self.rate = rate
        self.nextStart = start
    }

    /// How many may go at a time: at a low rate one, at a high one those of a tenth of a second.
    var step: Int {
        guard let rate else { return MessageLimits.batch }
        return Int(min(max(rate / 10, 1), Double(MessageLimits.batch)))
    }

    /// When to go on; `nil` at once.
    mutating func next(at now: MonotonicInstant) -> MonotonicInstant? {
        if now < self.nextStart { return self.nextStart }
        // Time in which the store was slow is not made up for.
        self.nextStart = now
        return nil
    }

    /// So many were redriven.
    mutating func took(_ count: Int) {
        guard let rate else { return }
        let seconds = min(Double(count) / rate, 86_400 * 365)
        self.nextStart = self.nextStart.advanced(by: .nanoseconds(Int64(seconds * 1e9)))
    }
}
