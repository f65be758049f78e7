import ColonyCoordination
import ColonyCore
import ColonyMemory

/// An engine of permits with one mistake of choice: what the conformance suite has to find.
///
/// It passes on to the memory engine, and spoils on the way what the flaw spoils. Without a flaw it keeps all promises.
final class FlawedPermitEngine: PermitEngine {
    /// Each with the case that finds it.
    enum Flaw: String, CaseIterable {
        case ignoresLimit = "permits are granted to several owners up to the limit, and not beyond"
        case countsHolders = "permits are counted by their number, not by their holders"
        case checksThenActs = "of many who ask at once no more are granted than the limit, and no fewer"
        case checksWeightsThenActs = "of many who ask at once for several no more is granted than the limit"
        case repeatChangesToken = "a repeat keeps the token and takes no more permits"
        case takesAnotherNumber = "a holder that asks for another number is refused and keeps what it has"
        case tokenIsConstant = "tokens rise from grant to grant, over clients, returns, and repeats"
        case neverRunsOut = "permits that run out are free, and not earlier"
        case runsOutAtHalfTime = "a renewal keeps the token and extends the lease"
        case renewalRevives = "permits that have run out cannot be renewed"
        case renewalForgetsToken = "a renewal of what was returned, or of another grant, gives nothing"
        case returnForgetsOwner = "a return by another owner, or of another grant, does nothing"
        case returnForgetsToken = "who holds nothing any more asks anew"
        case returnIsTrueTwice = "a return frees the permits and is true once"
        case ignoresClaims = "claims are granted in the order in which they came"
        case smallOnesOvertake = "a claim holds up those who come later, however few they ask for"
        case everybodyClaims = "a refused request without a claim holds up nobody"
        case repeatLosesPlace = "a repeated claim keeps its place"
        case claimsNeverEnd = "any number of waiters that died delay others by one claim at the most"
        case claimOutlivesReturn = "a claim ends with a return by its owner, which is no end of a grant"
        case claimIsNotExtended = "a claim that is repeated in time stays for as long again"
        case waitMissesReturn = "a return wakes who waits, on both clients"
        case waitClaims = "a wait makes no claim"
        case waitIgnoresLimit = "a wait respects its limit"
        case waitIgnoresCancellation = "a cancelled wait throws cancelled promptly and leaves the claim as it was"
        case waitTakesAnyRequest = "an impossible wait is refused"
        case takesAnyRequest = "an impossible request is refused and does nothing"
        case hidesClaims = "a record shows who claims how many, the earliest first, and since when"
        case holdersAreUnordered = "a record shows who holds how many, in the order of tokens, and for how long"
        case namesIgnoreCase = "names differ by their bytes, whatever they hold"
        case meetsLeases = "permits and leases of one name do not meet"
    }

    private let flaw: Flaw?
    private let clock: any MonotonicClock
    private let engine: MemoryLeaseEngine

    init(_ flaw: Flaw?, clock: any MonotonicClock) {
        self.flaw = flaw
        self.clock = clock
        self.engine = MemoryLeaseEngine(clock: clock)
    }

    private func has(_ flaws: Flaw...) -> Bool { self.flaw.map { flaws.contains($0) } ?? false }

    private func name(_ name: LeaseName) -> LeaseName {
        self.has(.namesIgnoreCase) ? (try? LeaseName(name.rawValue.lowercased())) ?? name : name
    }

    /// The request as the flaw has it.
    private func spoiled(_ request: PermitRequest) -> PermitRequest {
        var (permits, limit, duration, claim) = (request.permits, request.limit, request.duration, request.claim)
        if self.has(.ignoresLimit, .checksThenActs, .checksWeightsThenActs) { limit = PermitLimits.permits }
        if self.has(.countsHolders) { permits = 1 }
        if self.has(.takesAnyRequest) {
            limit = max(1, min(limit, PermitLimits.permits))
            permits = max(1, min(permits, limit))
            duration = min(max(duration, LeaseLimits.duration.lowerBound), LeaseLimits.duration.upperBound)
            claim = claim.map { min(max($0, LeaseLimits.duration.lowerBound), LeaseLimits.duration.upperBound) }
        }
        if self.has(.neverRunsOut) { duration = LeaseLimits.duration.upperBound }
        if self.has(.runsOutAtHalfTime) { duration = max(duration / 2, LeaseLimits.duration.lowerBound) }
        if self.has(.ignoresClaims) { claim = nil }
        if self.has(.everybodyClaims) { claim = claim ?? .seconds(600) }
        if self.has(.claimsNeverEnd), claim != nil { claim = LeaseLimits.duration.upperBound }
        return PermitRequest(
            permits, of: self.name(request.name), limit: limit, owner: request.owner, for: duration, claim: claim)
    }
}

// MARK: The port of permits

extension FlawedPermitEngine {
    func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        if !self.has(.takesAnyRequest) { try request.check() }
        let spoiled = self.spoiled(request)
        let record = try await self.engine.inspectPermits(spoiled.name)
        let held = record.holders.first { $0.owner == request.owner }
        if self.has(.checksThenActs, .checksWeightsThenActs), held == nil {
            guard record.held + request.permits <= request.limit, record.claims.isEmpty else {
                return try await self.engine.takePermits(
                    PermitRequest(
                        request.permits, of: request.name, limit: request.limit, owner: request.owner,
                        for: request.duration, claim: request.claim))
            }
            // Long enough for others to check as well.
            try? await HostClock().sleep(for: .milliseconds(1))
        }
        if let held, self.has(.repeatChangesToken) || self.has(.takesAnotherNumber) && held.permits != request.permits {
            try await self.engine.returnPermits(spoiled.name, owner: request.owner, token: held.token)
        }
        if self.has(.claimIsNotExtended), record.claims.contains(where: { $0.owner == request.owner }) {
            let without = PermitRequest(
                spoiled.permits, of: spoiled.name, limit: spoiled.limit, owner: spoiled.owner, for: spoiled.duration)
            return try await self.engine.takePermits(without)
        }
        if self.has(.repeatLosesPlace), held == nil {
            try await self.engine.returnPermits(spoiled.name, owner: request.owner, token: nil)
        }
        var answer = try await self.engine.takePermits(spoiled)
        if self.has(.smallOnesOvertake), case .refused(let refusal) = answer, refusal.available >= request.permits {
            for claim in record.claims {
                try await self.engine.returnPermits(spoiled.name, owner: claim.owner, token: nil)
            }
            answer = try await self.engine.takePermits(spoiled)
        }
        guard case .granted(let lease) = answer else { return answer }
        if self.has(.meetsLeases) {
            _ = try await self.engine.tryAcquire(lease.name, owner: lease.owner, for: request.duration)
        }
        return .granted(
            Lease(
                name: request.name, owner: lease.owner,
                token: self.has(.tokenIsConstant) ? FencingToken(rawValue: 1) : lease.token, duration: request.duration,
                expiry: lease.expiry))
    }

    func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let name = self.name(lease.name)
        var token = lease.token
        if self.has(.renewalForgetsToken) || self.has(.tokenIsConstant) {
            let record = try await self.engine.inspectPermits(name)
            token = record.holders.first { $0.owner == lease.owner }?.token ?? token
        }
        let present = Lease(
            name: name, owner: lease.owner, token: token, duration: lease.duration, expiry: lease.expiry)
        let isHalf = self.has(.runsOutAtHalfTime)
        let renewed = try await self.engine.renewPermits(present, for: isHalf ? duration / 2 : duration)
        if renewed == nil, self.has(.renewalRevives) {
            let request = PermitRequest(1, of: name, limit: PermitLimits.permits, owner: lease.owner, for: duration)
            return try await self.engine.takePermits(request).lease
        }
        guard let renewed else { return nil }
        return Lease(
            name: lease.name, owner: lease.owner, token: lease.token, duration: duration,
            expiry: isHalf ? renewed.expiry.advanced(by: duration / 2) : renewed.expiry)
    }

    @discardableResult
    func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let name = self.name(name)
        var (owner, token) = (owner, token)
        let record = try await self.engine.inspectPermits(name)
        if self.has(.returnForgetsOwner), let holder = record.holders.first(where: { $0.token == token }) {
            owner = holder.owner
        }
        if self.has(.returnForgetsToken, .tokenIsConstant) { token = nil }
        if self.has(.claimOutlivesReturn), token == nil {
            token = record.holders.first { $0.owner == owner }?.token ?? FencingToken(rawValue: 0)
        }
        let isEnded = try await self.engine.returnPermits(name, owner: owner, token: token)
        return isEnded || self.has(.returnIsTrueTwice)
    }

    func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        let record = try await self.engine.inspectPermits(self.name(name))
        return PermitRecord(
            name: name, holders: self.has(.holdersAreUnordered) ? record.holders.reversed() : record.holders,
            claims: self.has(.hidesClaims) ? [] : record.claims)
    }

    @discardableResult
    func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        if !self.has(.waitTakesAnyRequest) { try request.check() }
        let request = self.has(.waitTakesAnyRequest) && (try? request.check()) == nil ? nil : request
        guard let request else { return true }
        if self.has(.waitClaims) { _ = try await self.engine.takePermits(request) }
        let spoiled = self.spoiled(request)
        if self.has(.waitMissesReturn) {
            do {
                try await self.clock.sleep(until: self.clock.now.advanced(by: limit), tolerance: nil)
            } catch {
                throw LeaseError(.cancelled, "the wait was cancelled", cause: error)
            }
            return true
        }
        if self.has(.waitIgnoresLimit) {
            return try await self.engine.waitForPermits(spoiled, upTo: .seconds(86_400))
        }
        if self.has(.waitIgnoresCancellation) {
            let engine = self.engine
            return await Task { (try? await engine.waitForPermits(spoiled, upTo: limit)) ?? false }.value
        }
        return try await self.engine.waitForPermits(spoiled, upTo: limit)
    }
}

// MARK: The port of leases, without flaws

extension FlawedPermitEngine {
    var guarantee: Guarantee { self.engine.guarantee }

    func tryAcquire(_ name: LeaseName, owner: OwnerID, for duration: Duration) async throws(LeaseError) -> Acquisition {
        try await self.engine.tryAcquire(name, owner: owner, for: duration)
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.engine.renew(lease, for: duration)
    }

    @discardableResult
    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.engine.release(name, owner: owner, token: token)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? { try await self.engine.inspect(name) }

    @discardableResult
    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.engine.waitForChange(of: name, from: token, upTo: limit)
    }
}
