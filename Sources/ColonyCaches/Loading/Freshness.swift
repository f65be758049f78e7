public import ColonyCore

/// What may be done with an entry of a ``LoadingCache`` at a point in time.
public enum Freshness: String, CaseIterable, Hashable, Sendable {
    /// It is served. It becomes `refreshDue` or `softExpired`, or leaves.
    case fresh
    /// It is fresh and served, and a reload is to be started behind it.
    case refreshDue
    /// Its time is over; it is served while a reload goes on behind it.
    case stale
    /// Its time is over and its last reload failed a moment ago; it is served, and nothing is started until the pause is over.
    case throttled
    /// Its time is over; it is served only if a load fails or is slow.
    case softExpired
    /// It counts as if it were not there.
    case absent
}

/// The rules by which entries of a ``LoadingCache`` age: a value, without clock or store, so that each rule can be tried at
/// each instant.
///
/// A value passes these points, of which all but the first are optional:
///
/// ```text
/// written ── refreshAt ── freshUntil ── + staleWhileRevalidate ── + failSafe
///    fresh       refreshDue        stale                  softExpired        absent
/// ```
///
/// Both windows count from `freshUntil`. A reload that failed moves `refreshAt` to the end of a pause, and until then the
/// entry is served in whichever window it is (`throttled`). Absences and errors have no windows: their time is over when
/// it is over.
///
/// - SeeAlso: M. Nottingham, *HTTP Cache-Control Extensions for Stale Content*, RFC 5861, for the two windows.
public struct FreshnessRules: Hashable, Sendable {
    let refreshAfterWrite: Int64
    let staleWhileRevalidate: Int64
    /// The longer of both windows: how long a value is kept after its time is over.
    let keeping: Int64
    let throttle: Int64

    /// Makes rules.
    ///
    /// - Parameters:
    ///   - refreshAfterWrite: How old a value may become before a get starts a reload; `nil` for never before its end.
    ///   - staleWhileRevalidate: How long after its end a value is still served while it is reloaded; zero or more.
    ///   - failSafe: How long after its end a value may take the place of a load that fails or is slow; zero or more.
    ///   - throttle: How long after a failed reload the next one is started; zero or more.
    public init(
        refreshAfterWrite: Duration? = nil, staleWhileRevalidate: Duration = .zero, failSafe: Duration = .zero,
        throttle: Duration = .zero
    ) {
        self.refreshAfterWrite = refreshAfterWrite?.clampedNanoseconds ?? .max
        self.staleWhileRevalidate = staleWhileRevalidate.clampedNanoseconds
        self.keeping = max(self.staleWhileRevalidate, failSafe.clampedNanoseconds)
        self.throttle = throttle.clampedNanoseconds
    }

    /// An entry that is stored now.
    ///
    /// - Parameter timeToLive: How long it is fresh; `nil` for no end.
    public func entry<Value>(
        _ content: LoadedEntry<Value>.Content, at now: MonotonicInstant, timeToLive: Duration?
    ) -> LoadedEntry<Value> {
        let end = timeToLive.map(now.advanced(by:)) ?? Self.never
        var refresh = end
        if case .value = content, self.refreshAfterWrite != .max {
            refresh = min(end, now.advanced(byNanoseconds: self.refreshAfterWrite))
        }
        return LoadedEntry(content, writtenAt: now, refreshAt: refresh, freshUntil: end)
    }

    /// What may be done with an entry.
    ///
    /// - Complexity: O(1), at most three comparisons.
    public func freshness<Value>(of entry: LoadedEntry<Value>, at now: MonotonicInstant) -> Freshness {
        let isDue = entry.refreshAt <= now
        if now < entry.freshUntil { return isDue ? .refreshDue : .fresh }
        guard now < self.end(of: entry) else { return .absent }
        guard isDue else { return .throttled }
        return now < entry.freshUntil.advanced(byNanoseconds: self.staleWhileRevalidate) ? .stale : .softExpired
    }

    /// When an entry counts as absent, and may be reclaimed.
    public func end<Value>(of entry: LoadedEntry<Value>) -> MonotonicInstant {
        guard entry.isValue, entry.freshUntil != Self.never else { return entry.freshUntil }
        return entry.freshUntil.advanced(byNanoseconds: self.keeping)
    }

    /// The entry after a reload that failed now: served until the pause is over, though never beyond its end.
    public func throttled<Value>(_ entry: LoadedEntry<Value>, at now: MonotonicInstant) -> LoadedEntry<Value> {
        var entry = entry
        entry.refreshAt = min(now.advanced(byNanoseconds: self.throttle), self.end(of: entry))
        return entry
    }

    static var never: MonotonicInstant { MonotonicInstant(nanoseconds: .max) }
}
