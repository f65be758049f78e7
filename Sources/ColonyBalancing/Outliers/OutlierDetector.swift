public import ColonyCore

/// The decisions of passive health: what endpoints did with real calls in, ejections and returns out.
///
/// Active probes ask a page that was made to be asked. Calls ask for what is really needed, and an endpoint may answer its health page while
/// half of its calls fail. The difficulty is not to find the bad ones but not to take too many: when what all of them need is down, all look bad,
/// and taking them out makes it worse. Therefore
///
/// - never more than ``OutlierOptions/ejectionLimit(of:)`` endpoints are ejected, at any time: when the set shrinks, the earliest come back;
/// - each ejection ends by itself, and what was counted until then does not count again;
/// - the time grows with each ejection and shrinks with each good interval;
/// - ejected endpoints, whose few left-over calls say little, take no part in means and medians;
/// - if more are found than may be ejected, the worst are.
///
/// It is a value without a clock: the owner hands in time, asks ``nextChange``, and carries out what it is told.
///
/// ```swift
/// for decision in detector.evaluate(samples, at: clock.now) { carryOut(decision) }
/// ```
///
/// - SeeAlso: Envoy, `outlier_detection_impl.cc`; gRPC proposal A50, *xDS Outlier Detection Support*.
public struct OutlierDetector: Sendable {
    /// What a run of errors was made of.
    public enum ErrorKind: Hashable, Sendable {
        /// Errors of any kind, failures to connect included.
        case any
        /// Failures to connect only.
        case connecting
    }

    fileprivate struct Host: Sendable {
        var ejectedUntil: MonotonicInstant?
        var multiplier = 0
        var ejections = 0
        /// Whether it was ejected at any time of the interval under way. Its sample then mixes times that do not belong together.
        var wasEjected = false
        /// Whether something was found in the interval under way, with or without an ejection.
        var wasFound = false
        var lastFinding: String?
        var lastFindingAt: MonotonicInstant?
    }

    /// What the decisions are made by.
    public let options: OutlierOptions
    private var hosts: [EndpointName: Host] = [:]
    /// How many are ejected now.
    public private(set) var ejectedCount = 0
    /// When the next ejection ends, which ``advance(to:)`` then says; `nil` while none is ejected.
    public private(set) var nextChange: MonotonicInstant?
    private var generator: any RandomNumberGenerator & Sendable

    /// Makes a detector that knows no endpoints.
    ///
    /// - Parameter generator: Where the jitter of ejections comes from, and which of them are enforced.
    public init(
        _ options: OutlierOptions,
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.options = options
        self.generator = generator
    }

    // MARK: Endpoints

    /// How many endpoints are known; ejections are a share of them.
    public var count: Int { self.hosts.count }

    /// How many may be ejected at once now.
    public var ejectionLimit: Int { self.options.ejectionLimit(of: self.hosts.count) }

    /// Adds an endpoint that nothing is known of. A repeat changes nothing.
    ///
    /// - Complexity: O(1).
    public mutating func add(_ name: EndpointName) {
        if self.hosts[name] == nil { self.hosts[name] = Host() }
    }

    /// Forgets an endpoint. If more are ejected now than may be of those that are left, the ones that would return first return.
    ///
    /// - Returns: Those returns; nothing about the endpoint itself. A repeat returns nothing.
    /// - Complexity: O(*n* log *n*) if some return, else O(*n*).
    public mutating func remove(_ name: EndpointName) -> [OutlierDecision] {
        guard let host = self.hosts.removeValue(forKey: name) else { return [] }
        if host.ejectedUntil != nil { self.ejectedCount -= 1 }
        let decisions = self.restoreSurplus()
        self.findNextChange()
        return decisions
    }

    /// Adds those that are new and removes those that are not among `names`.
    ///
    /// - Returns: Returns, as ``remove(_:)`` gives them.
    /// - Complexity: O(*n* log *n*) if some return, else O(*n*).
    public mutating func setEndpoints(_ names: some Sequence<EndpointName>) -> [OutlierDecision] {
        let wanted = Set(names)
        for name in wanted { self.add(name) }
        for name in self.hosts.keys where !wanted.contains(name) {
            if self.hosts.removeValue(forKey: name)?.ejectedUntil != nil { self.ejectedCount -= 1 }
        }
        let decisions = self.restoreSurplus()
        self.findNextChange()
        return decisions
    }

    // MARK: Events

    /// Lets time pass.
    ///
    /// - Returns: The returns of those whose ejection has ended, the earliest first.
    /// - Complexity: O(1) if there are none, else O(*n* log *n*).
    public mutating func advance(to now: MonotonicInstant) -> [OutlierDecision] {
        guard let nextChange, nextChange <= now else { return [] }
        let due = self.ejected().filter { $0.until <= now }
        let decisions = due.map { host in self.restore(host.name, "its ejection is over") }
        self.findNextChange()
        return decisions
    }

    /// Judges a run of errors, which the owner counts: an endpoint that fails often enough in a row is ejected at once.
    ///
    /// - Parameters:
    ///   - name: An unknown one is ignored.
    ///   - count: How many calls in a row have failed, the latest included. It starts at zero with each success and each return.
    ///   - kind: What the run was made of. Runs of failures to connect may be counted beside the others.
    /// - Returns: The ejection, if there is one, and returns that were due.
    /// - Complexity: O(1) as long as the count is below the threshold, and O(*n*) otherwise.
    public mutating func recordConsecutiveFailures(
        _ name: EndpointName, count: Int, of kind: ErrorKind = .any, at now: MonotonicInstant
    ) -> [OutlierDecision] {
        let threshold = kind == .any ? self.options.consecutiveErrors : self.options.consecutiveConnectErrors
        guard let threshold, count >= threshold else { return [] }
        var decisions = self.advance(to: now)
        guard let host = self.hosts[name], host.ejectedUntil == nil else { return decisions }
        let what = kind == .any ? "calls" : "connections"
        if let ejection = self.eject(name, "\(count) \(what) in a row failed", at: now) { decisions.append(ejection) }
        self.findNextChange()
        return decisions
    }

    /// Compares the endpoints at the end of an interval.
    ///
    /// - Parameter samples: What each did since the last evaluation; of two samples of one name the last counts, and unknown names are ignored.
    ///   Who is missing had no calls. Who was ejected at any time of the interval is not judged, because left-over calls say little.
    /// - Returns: Returns that were due, and then ejections, the worst first.
    /// - Complexity: O(*n* log *n*).
    public mutating func evaluate(_ samples: [OutlierSample], at now: MonotonicInstant) -> [OutlierDecision] {
        var decisions = self.advance(to: now)
        var latest: [EndpointName: OutlierSample] = [:]
        for sample in samples {
            guard let host = self.hosts[sample.name], !host.wasEjected else { continue }
            latest[sample.name] = sample
        }
        for finding in OutlierFindings.find(in: Array(latest.values), self.options) {
            if let ejection = self.eject(finding.name, finding.reason, at: now) { decisions.append(ejection) }
        }
        for name in Array(self.hosts.keys) {
            self.hosts[name]?.endInterval()
        }
        self.findNextChange()
        return decisions
    }

    /// Notes that an active check of an endpoint passed, which ends its ejection only if ``OutlierOptions/passingCheckEndsEjection`` says so.
    ///
    /// - Returns: The return, if there is one.
    /// - Complexity: O(*n*) if it returns, else O(1).
    public mutating func recordPassingCheck(_ name: EndpointName, by check: String) -> OutlierDecision? {
        guard self.options.passingCheckEndsEjection, self.hosts[name]?.ejectedUntil != nil else { return nil }
        defer { self.findNextChange() }
        return self.restore(name, "the check \(check) passed")
    }

    /// Brings an endpoint back by the will of an operator, and forgives it: the next ejection is a first one again.
    ///
    /// - Returns: The return, or `nil` if it is not ejected.
    /// - Complexity: O(*n*).
    public mutating func uneject(_ name: EndpointName) -> OutlierDecision? {
        guard self.hosts[name]?.ejectedUntil != nil else { return nil }
        defer { self.findNextChange() }
        let decision = self.restore(name, "an operator brought it back")
        self.hosts[name]?.multiplier = 0
        return decision
    }

    // MARK: Looking at it

    /// What is known of an endpoint; `nil` if the endpoint is not known.
    ///
    /// - Complexity: O(1).
    public func status(of name: EndpointName) -> OutlierStatus? {
        self.hosts[name].map { host in
            OutlierStatus(
                name: name, ejectedUntil: host.ejectedUntil, multiplier: host.multiplier, ejections: host.ejections,
                lastFinding: host.lastFinding, lastFindingAt: host.lastFindingAt)
        }
    }

    /// What is known of all endpoints, in the order of their names.
    ///
    /// - Complexity: O(*n* log *n*).
    public var status: [OutlierStatus] {
        self.hosts.keys.sorted().compactMap { self.status(of: $0) }
    }

    // MARK: Ejecting and returning

    private mutating func eject(_ name: EndpointName, _ reason: String, at now: MonotonicInstant) -> OutlierDecision? {
        guard var host = self.hosts[name], host.ejectedUntil == nil else { return nil }
        defer { self.hosts[name] = host }
        host.lastFindingAt = now
        host.wasFound = true
        let limit = self.ejectionLimit
        guard self.ejectedCount < limit else {
            host.lastFinding =
                "\(reason); not ejected, because \(self.ejectedCount) of \(self.hosts.count) are ejected and \(limit) may be"
            return nil
        }
        guard self.isEnforced() else {
            host.lastFinding =
                "\(reason); not ejected, because only \(self.options.enforcing) of the ejections are enforced"
            return nil
        }
        let time = self.options.ejectionTime
        // It stops growing where the time does, so that a long outage is not paid for by as many good intervals.
        if host.multiplier == 0 || time.base * host.multiplier < time.maximum { host.multiplier += 1 }
        let length = min(time.base * host.multiplier, time.maximum).clampedNanoseconds
        let until = now.advanced(byNanoseconds: length).advanced(byNanoseconds: self.drawJitter(of: length))
        host.ejectedUntil = until
        host.wasEjected = true
        host.ejections += 1
        host.lastFinding = "\(reason); ejected for \(now.duration(to: until).text), time number \(host.multiplier)"
        self.ejectedCount += 1
        return .eject(name, until: until, reason: reason)
    }

    private mutating func restore(_ name: EndpointName, _ reason: String) -> OutlierDecision {
        self.hosts[name]?.ejectedUntil = nil
        self.ejectedCount -= 1
        return .restore(name, reason: reason)
    }

    private mutating func restoreSurplus() -> [OutlierDecision] {
        let surplus = self.ejectedCount - self.ejectionLimit
        guard surplus > 0 else { return [] }
        let limit = self.ejectionLimit
        return self.ejected().prefix(surplus).map { host in
            self.restore(host.name, "no more than \(limit) of \(self.hosts.count) may be ejected")
        }
    }

    /// Those that are ejected, in the order in which they return.
    private func ejected() -> [(name: EndpointName, until: MonotonicInstant)] {
        self.hosts.compactMap { name, host in host.ejectedUntil.map { (name, $0) } }
            .sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    }

    private mutating func findNextChange() {
        self.nextChange = self.ejectedCount == 0 ? nil : self.hosts.values.lazy.compactMap(\.ejectedUntil).min()
    }

    private mutating func isEnforced() -> Bool {
        // Nothing is drawn where chance has no say, so that runs with a seed do not depend on it.
        if self.options.enforcing >= 1 { return true }
        return Double.random(in: 0..<1, using: &self.generator) < self.options.enforcing
    }

    private mutating func drawJitter(of length: Int64) -> Int64 {
        let most = Int64(Double(length) * self.options.ejectionTime.jitter)
        return most == 0 ? 0 : .random(in: 0...most, using: &self.generator)
    }
}

extension OutlierDetector.Host {
    /// An interval in which nothing was held against it, and in which it was there, forgives one ejection.
    fileprivate mutating func endInterval() {
        if !self.wasEjected, !self.wasFound, self.multiplier > 0 { self.multiplier -= 1 }
        self.wasEjected = self.ejectedUntil != nil
        self.wasFound = false
    }
}
