import ColonyCore
import Synchronization

/// A lease engine in the plainest way, with one mistake of choice built in: what the conformance suite has to find.
///
/// Without a flaw it keeps all promises, which shows that a case fails for the flaw and for nothing else.
final class FlawedLeaseEngine: LeaseEngine {
    enum Flaw: CaseIterable {
        case grantsWhatIsHeld, checksThenActs, grantsAtHalfTime, neverRunsOut, namesWrongHolder
        case tokenIsConstant, tokenStartsAgainAfterRelease, tokenStartsAgainAfterExpiry, tokenChangesOnRepeat
        case repeatDoesNotExtend, repeatIsNotCounted
        case renewalRevivesExpired, renewalRevivesReleased, renewalForgetsOwner, renewalForgetsToken
        case renewalDoesNotExtend, renewalIsNotCounted
        case releaseForgetsOwner, releaseForgetsToken, releaseNeedsToken, releaseIsTrueTwice, releaseIsTrueAfterExpiry
        case releaseDoesNotFree
        case releaseWakesNobody, releaseWakesOne, breakWakesNobody, waitMissesWhatIsOver, waitEndsOnRenewal
        case waitIgnoresLimit, waitIgnoresCancellation, waitEndsBeforeExpiry, waitKeepsFirstExpiry,
            waitReportsOtherError
        case namesAreCharacters, namesAreTrimmed, namesIgnoreCase, namesAreCut, namesAreDecoded, namesArePaths
        case ownersAreCharacters
        case takesAnyDuration, takesAnyRenewal, refusesShortestDuration, recordsExpired, recordsWrongAge
        case ageStartsAtRenewal, remainingIsDuration
        case listIsUnordered, listOrdersCharacters, listRepeatsLastName, listIgnoresPrefix, listReadsPatterns
        case listShowsExpired, listTakesAnyLimit, breakGivesNothing, breakOfExpired
        case batchIsAllOrNothing, batchIsUnordered, batchUsesOneDuration, batchTakesAnyCount, batchForgetsToken
        case servesLastFirst, outsidersOvertake, limitKeepsTurn, cancelledKeepsTurn,
            turnIsUncancellable
        case turnIgnoresExpiry, turnIgnoresBreak, durationCountsFromRequest, queueIsHidden, waiterHasNoAge,
            zeroLimitWaits
        case fairTakesAnyDuration
        case announcesNothing, announcesNoBreak, announcesEverything
    }

    struct Grant {
        var name: LeaseName
        var owner: OwnerID
        var token: UInt64
        var granted: MonotonicInstant
        var duration: Duration
        var expiry: MonotonicInstant
        var renewals: UInt64 = 0
    }

    struct Turn {
        let id: UInt64
        let owner: OwnerID
        let since: MonotonicInstant
    }

    struct State {
        var grants: [String: Grant] = [:]
        var lastToken: UInt64 = 0
        var waiters: [(key: String, signal: OneShotSignal)] = []
        /// Who stands in the queue of a name, the first one first.
        var queues: [String: [Turn]] = [:]
        var lastTurn: UInt64 = 0
        var readers: [AsyncStream<Void>.Continuation] = []
    }

    let flaw: Flaw?
    let clock: any MonotonicClock
    let state = Mutex(State())

    init(_ flaw: Flaw?, clock: any MonotonicClock) {
        self.flaw = flaw
        self.clock = clock
    }

    var guarantee: Guarantee { Guarantee(reach: .process, survival: .nothing) }

    func has(_ flaw: Flaw) -> Bool { self.flaw == flaw }

    /// The bytes under which a name is kept, as hexadecimal digits, since a `String` would compare characters.
    func key(_ name: LeaseName) -> String {
        var text = name.rawValue
        if self.has(.namesAreTrimmed) { while text.last == " " { text.removeLast() } }
        if self.has(.namesIgnoreCase) { text = text.lowercased() }
        if self.has(.namesAreCut) { text = String(text.prefix(200)) }
        if self.has(.namesAreDecoded) { text = text.replacing("%2F", with: "/") }
        if self.has(.namesArePaths) { text = text.replacing("./", with: "") }
        if self.has(.namesAreCharacters) { return text }
        return text.utf8.map { NameRules.hexadecimal($0, digits: 2) }.joined()
    }

    func isSame(_ first: OwnerID, _ second: OwnerID) -> Bool {
        self.has(.ownersAreCharacters) ? first.rawValue == second.rawValue : first == second
    }

    func isAlive(_ grant: Grant, at now: MonotonicInstant) -> Bool {
        if self.has(.neverRunsOut) { return true }
        if self.has(.grantsAtHalfTime) { return grant.expiry.advanced(by: grant.duration / -2) > now }
        return grant.expiry > now
    }

    func lease(_ grant: Grant) -> Lease {
        Lease(
            name: grant.name, owner: grant.owner, token: FencingToken(rawValue: grant.token), duration: grant.duration,
            expiry: grant.expiry)
    }

    func record(_ grant: Grant, _ turns: [Turn]? = nil, at now: MonotonicInstant) -> LeaseRecord {
        LeaseRecord(
            name: grant.name, owner: grant.owner, token: FencingToken(rawValue: grant.token), duration: grant.duration,
            remaining: self.has(.remainingIsDuration) ? grant.duration : now.duration(to: grant.expiry),
            age: self.has(.recordsWrongAge) ? .zero : grant.granted.duration(to: now), renewals: grant.renewals,
            waiters: self.waiters(turns, at: now))
    }

    func nextToken(in state: inout State, after previous: Grant?) -> UInt64 {
        if self.has(.tokenIsConstant) { return 1 }
        if self.has(.tokenStartsAgainAfterRelease), previous == nil { return 1 }
        if self.has(.tokenStartsAgainAfterExpiry), previous != nil { return 1 }
        if self.has(.tokenStartsAgainAfterRelease), let previous { return previous.token + 1 }
        state.lastToken += 1
        return state.lastToken
    }

    /// Ends a grant and gives back whom to wake.
    func end(_ key: String, isBreak: Bool, in state: inout State) -> [OneShotSignal] {
        state.grants[key] = nil
        if !(isBreak && self.has(.announcesNoBreak)) { self.announce(&state) }
        if self.has(isBreak ? .breakWakesNobody : .releaseWakesNobody) || (isBreak && self.has(.turnIgnoresBreak)) {
            return []
        }
        let waiters = state.waiters.filter { $0.key == key }.map(\.signal)
        return self.has(.releaseWakesOne) ? Array(waiters.prefix(1)) : waiters
    }

    func announce(_ state: inout State) {
        if self.has(.announcesNothing) { return }
        for reader in state.readers { reader.yield() }
    }
}

// MARK: The port

extension FlawedLeaseEngine {
    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        if !self.has(.takesAnyDuration) { try LeaseLimits.check(duration) }
        if self.has(.refusesShortestDuration), duration <= LeaseLimits.duration.lowerBound {
            throw LeaseError(.invalidRequest, "too short")
        }
        let key = self.key(name)
        let wasFree = self.state.withLock { state in
            let now = self.clock.now
            return state.grants[key].map { !self.isAlive($0, at: now) } ?? true
        }
        if self.has(.checksThenActs) { await Task.yield() }
        return self.state.withLock { state in
            let now = self.clock.now
            let present = state.grants[key]
            let mayTake = self.has(.grantsWhatIsHeld) || (self.has(.checksThenActs) && wasFree)
            if var grant = present, self.isAlive(grant, at: now), !mayTake {
                guard self.isSame(grant.owner, owner) else {
                    return .held(
                        LeaseHolder(
                            owner: self.has(.namesWrongHolder) ? owner : grant.owner,
                            token: FencingToken(rawValue: grant.token), remaining: now.duration(to: grant.expiry)))
                }
                if !self.has(.repeatDoesNotExtend) {
                    grant.expiry = max(grant.expiry, now.advanced(by: duration))
                    grant.duration = duration
                }
                if !self.has(.repeatIsNotCounted) { grant.renewals += 1 }
                if self.has(.tokenChangesOnRepeat) { grant.token = self.nextToken(in: &state, after: grant) }
                state.grants[key] = grant
                return .granted(self.lease(grant))
            }
            if let first = self.next(in: state.queues[key]), !self.isSame(first.owner, owner),
                !self.has(.outsidersOvertake)
            {
                return .held(LeaseHolder(owner: first.owner, token: FencingToken(rawValue: 0), remaining: .seconds(1)))
            }
            let grant = Grant(
                name: name, owner: owner, token: self.nextToken(in: &state, after: present), granted: now,
                duration: duration, expiry: now.advanced(by: duration))
            state.grants[key] = grant
            self.announce(&state)
            return .granted(self.lease(grant))
        }
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        if !self.has(.takesAnyRenewal) { try LeaseLimits.check(duration) }
        let (renewed, waiters) = self.state.withLock { state in
            let renewed = self.renew(lease, for: duration, in: &state)
            let key = self.key(lease.name)
            return (renewed, self.has(.waitEndsOnRenewal) ? state.waiters.filter { $0.key == key } : [])
        }
        waiters.forEach { $0.signal.fire() }
        return renewed
    }

    func renew(_ lease: Lease, for duration: Duration, in state: inout State) -> Lease? {
        let now = self.clock.now
        let key = self.key(lease.name)
        if self.has(.renewalRevivesReleased), state.grants[key] == nil {
            state.grants[key] = Grant(
                name: lease.name, owner: lease.owner, token: lease.token.rawValue, granted: now, duration: duration,
                expiry: now.advanced(by: duration))
        }
        guard
            var grant = state.grants[key],
            self.isAlive(grant, at: now) || self.has(.renewalRevivesExpired),
            self.isSame(grant.owner, lease.owner) || self.has(.renewalForgetsOwner),
            grant.token == lease.token.rawValue || self.has(.renewalForgetsToken)
        else { return nil }
        if !self.has(.renewalDoesNotExtend) {
            grant.expiry = max(grant.expiry, now.advanced(by: duration))
            grant.duration = duration
        }
        if self.has(.ageStartsAtRenewal) { grant.granted = now }
        if !self.has(.renewalIsNotCounted) { grant.renewals += 1 }
        state.grants[key] = grant
        var answer = self.lease(grant)
        if self.has(.renewalDoesNotExtend) {
            answer = Lease(
                name: lease.name, owner: lease.owner, token: lease.token, duration: duration,
                expiry: now.advanced(by: duration))
        }
        return answer
    }

    @discardableResult
    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        let key = self.key(name)
        let (wasAlive, waiters) = self.state.withLock { state -> (Bool, [OneShotSignal]) in
            let now = self.clock.now
            if token == nil, !self.has(.cancelledKeepsTurn) {
                state.queues[key]?.removeAll { self.isSame($0.owner, owner) }
            }
            guard let grant = state.grants[key] else { return (self.has(.releaseIsTrueTwice), []) }
            let isToken = token.map { $0.rawValue == grant.token } ?? !self.has(.releaseNeedsToken)
            guard
                self.isSame(grant.owner, owner) || self.has(.releaseForgetsOwner),
                isToken || self.has(.releaseForgetsToken)
            else { return (false, []) }
            let wasAlive = self.isAlive(grant, at: now) || self.has(.releaseIsTrueAfterExpiry)
            if self.has(.releaseDoesNotFree) { return (wasAlive, []) }
            return (wasAlive, self.end(key, isBreak: false, in: &state))
        }
        waiters.forEach { $0.fire() }
        return wasAlive
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        self.state.withLock { state in
            let now = self.clock.now
            guard let grant = state.grants[self.key(name)], self.isAlive(grant, at: now) || self.has(.recordsExpired)
            else { return nil }
            return self.record(grant, state.queues[self.key(name)], at: now)
        }
    }

    @discardableResult
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let key = self.key(name)
        let signal = OneShotSignal()
        self.state.withLock { $0.waiters.append((key, signal)) }
        defer { self.state.withLock { $0.waiters.removeAll { $0.signal === signal } } }
        let deadline =
            self.has(.waitIgnoresLimit) ? MonotonicInstant(nanoseconds: .max) : self.clock.now.advanced(by: limit)
        while true {
            let end = self.state.withLock { state -> MonotonicInstant? in
                guard let grant = state.grants[key], grant.token == token.rawValue,
                    self.isAlive(grant, at: self.clock.now)
                else { return nil }
                return self.has(.waitEndsBeforeExpiry) ? grant.expiry.advanced(by: grant.duration / -2) : grant.expiry
            }
            if end == nil, !self.has(.waitMissesWhatIsOver) { return true }
            if self.clock.now >= deadline { return false }
            do {
                let until = min(end ?? deadline, deadline)
                if self.has(.waitIgnoresCancellation) {
                    _ = try await Task { try await signal.wait(until: until, on: self.clock) }.value
                } else if try await signal.wait(until: until, on: self.clock) {
                    return true
                }
            } catch {
                throw LeaseError(self.has(.waitReportsOtherError) ? .unavailable : .cancelled, "the wait was cancelled")
            }
            if self.has(.waitEndsBeforeExpiry) || self.has(.waitKeepsFirstExpiry) { return self.forgetAndSay(key) }
        }
    }

    /// Says that the grant is over, and makes it so.
    private func forgetAndSay(_ key: String) -> Bool {
        self.state.withLock { $0.grants[key] = nil }
        return true
    }
}

// MARK: The powers

extension FlawedLeaseEngine: LeaseAdministration, BatchLeaseEngine, LeaseObservation {
    func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        guard (1...LeaseLimits.batch).contains(limit) || self.has(.listTakesAnyLimit) else {
            throw LeaseError(.invalidRequest, "a page of \(limit) is not possible")
        }
        let now = self.clock.now
        var grants = self.state.withLock { Array($0.grants.values) }
        grants = grants.filter { grant in
            let text = grant.name.rawValue
            let isInside =
                self.has(.listReadsPatterns)
                ? self.matches(text, prefix: prefix)
                : text.utf8.starts(with: prefix.utf8) || self.has(.listIgnoresPrefix)
            let isAfter = name.map { self.has(.listRepeatsLastName) ? grant.name >= $0 : grant.name > $0 } ?? true
            return isInside && isAfter && (self.isAlive(grant, at: now) || self.has(.listShowsExpired))
        }
        if self.has(.listOrdersCharacters) {
            grants.sort { $0.name.rawValue.lowercased() < $1.name.rawValue.lowercased() }
        } else if !self.has(.listIsUnordered) {
            grants.sort { $0.name < $1.name }
        }
        return grants.prefix(max(0, limit)).map { self.record($0, at: now) }
    }

    /// As a pattern of SQL's `LIKE` reads the prefix: `%` and `_` stand for anything.
    private func matches(_ text: String, prefix: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        for (index, wanted) in prefix.unicodeScalars.enumerated() {
            if wanted == "%" { return true }
            guard index < scalars.count, wanted == "_" || scalars[index] == wanted else { return false }
        }
        return true
    }

    func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        let key = self.key(name)
        let (record, waiters) = self.state.withLock { state -> (LeaseRecord?, [OneShotSignal]) in
            let now = self.clock.now
            guard let grant = state.grants[key] else { return (nil, []) }
            let isShown = self.isAlive(grant, at: now) || self.has(.breakOfExpired)
            let waiters = self.end(key, isBreak: true, in: &state)
            return (isShown && !self.has(.breakGivesNothing) ? self.record(grant, at: now) : nil, waiters)
        }
        waiters.forEach { $0.fire() }
        return record
    }

    func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        guard leases.count <= LeaseLimits.batch || self.has(.batchTakesAnyCount) else {
            throw LeaseError(.invalidRequest, "\(leases.count) leases are too many")
        }
        return self.state.withLock { state in
            var answers = leases.map { lease in
                var lease = lease
                if self.has(.batchForgetsToken), let grant = state.grants[self.key(lease.name)] {
                    lease = self.lease(grant)
                }
                let duration = self.has(.batchUsesOneDuration) ? leases[0].duration : lease.duration
                return self.renew(lease, for: duration, in: &state)
            }
            if self.has(.batchIsUnordered) { answers.sort { ($0?.name.rawValue ?? "") < ($1?.name.rawValue ?? "") } }
            if self.has(.batchIsAllOrNothing), answers.contains(where: { $0 == nil }) {
                answers = leases.map { _ in nil }
            }
            return answers
        }
    }

    func changes() -> AsyncStream<Void> {
        let policy: AsyncStream<Void>.Continuation.BufferingPolicy =
            self.has(.announcesEverything) ? .unbounded : .bufferingNewest(1)
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: policy)
        self.state.withLock { $0.readers.append(continuation) }
        return stream
    }
}
