import ColonyCore

extension Membership {
    /// Takes note of the time before anything is decided by it.
    ///
    /// A member that was stopped, or did not get to its work, finds everything overdue when it goes on, with the answers that would have changed it
    /// still unread. The fault is its own, and its own clock says so: it was to be woken long ago. So the time that it has missed does not count for
    /// what others were given to answer and to contradict. Lifeguard's local health finds the same out later, from answers that are missing.
    ///
    /// A clock that goes back, which a monotonic one never does, takes what is waited for with it.
    mutating func note(_ now: MonotonicInstant) {
        defer { self.lastNow = now }
        guard let last = self.lastNow else { return }
        if now < last {
            let step = last.duration(to: now)
            self.shiftWaits(by: step)
            self.nextGossip = self.nextGossip?.advanced(by: step)
            self.nextExchange = self.nextExchange?.advanced(by: step)
            self.restsUntil = min(self.restsUntil, now)
            return
        }
        guard let due = self.nextWake else { return }
        let missed = due.duration(to: now)
        if missed > self.settings.pingTimeout { self.shiftWaits(by: missed) }
    }

    private mutating func shiftWaits(by duration: Duration) {
        self.nextPeriod = self.nextPeriod?.advanced(by: duration)
        if let asksAt = self.probe?.asksAt { self.probe?.asksAt = asksAt.advanced(by: duration) }
        for id in self.suspects { self.peers[id]?.suspicion?.shift(by: duration) }
    }
}
