package import ColonyCore

/// Who holds and who claims the permits of one name: what an engine must decide in one step, as a value.
///
/// An engine that reads all rows of a name, decides, and writes what has changed in one transaction needs nothing else.
package struct PermitBook: Sendable {
    package struct Holder: Sendable {
        package let owner: OwnerID
        package let permits: Int
        package let token: FencingToken
        package let granted: MonotonicInstant
        package var duration: Duration
        package var expiry: MonotonicInstant

        package init(
            owner: OwnerID, permits: Int, token: FencingToken, granted: MonotonicInstant, duration: Duration,
            expiry: MonotonicInstant
        ) {
            self.owner = owner
            self.permits = permits
            self.token = token
            self.granted = granted
            self.duration = duration
            self.expiry = expiry
        }

        /// The holder's lease of `name`, as its engine answers.
        package func lease(of name: LeaseName) -> Lease {
            Lease(name: name, owner: self.owner, token: self.token, duration: self.duration, expiry: self.expiry)
        }
    }

    package struct Claim: Sendable {
        package let owner: OwnerID
        package var permits: Int
        package let since: MonotonicInstant
        package var expiry: MonotonicInstant

        package init(owner: OwnerID, permits: Int, since: MonotonicInstant, expiry: MonotonicInstant) {
            self.owner = owner
            self.permits = permits
            self.since = since
            self.expiry = expiry
        }
    }

    /// In the order of their tokens.
    package private(set) var holders: [Holder]
    /// In the order of arrival.
    package private(set) var claims: [Claim]

    /// Puts a book together from what a store keeps of a name.
    ///
    /// - Parameters:
    ///   - holders: In the order of their tokens.
    ///   - claims: In the order of arrival.
    package init(holders: [Holder] = [], claims: [Claim] = []) {
        self.holders = holders
        self.claims = claims
    }

    package var isEmpty: Bool { self.holders.isEmpty && self.claims.isEmpty }

    /// When the next of them is over by itself.
    package var earliestEnd: MonotonicInstant? {
        let ends = self.holders.lazy.map(\.expiry).min()
        return [ends, self.claims.lazy.map(\.expiry).min()].compactMap(\.self).min()
    }

    package func holder(_ owner: OwnerID) -> Holder? { self.holders.first { $0.owner == owner } }

    /// What the owner of `request` holds already.
    ///
    /// - Throws: ``ColonyCore/LeaseError`` with `invalidRequest` if that is another number than it asks for.
    package func present(_ request: PermitRequest) throws(LeaseError) -> Holder? {
        guard let present = self.holder(request.owner) else { return nil }
        guard present.permits == request.permits else {
            throw LeaseError(
                .invalidRequest,
                "\(request.owner) holds \(present.permits) permits of \(request.name) and cannot ask for "
                    + "\(request.permits)")
        }
        return present
    }

    /// Forgets what has run out.
    package mutating func sweep(at now: MonotonicInstant) {
        self.holders.removeAll { $0.expiry <= now }
        self.claims.removeAll { $0.expiry <= now }
    }

    /// What keeps `request` from being granted; `nil` if nothing does.
    ///
    /// Only the earliest claim may be granted, for if a later one could go first, whoever asks for many would wait for ever.
    package func obstacle(to request: PermitRequest, at now: MonotonicInstant) -> PermitRefusal? {
        let available = max(0, request.limit - self.holders.reduce(0) { $0 + $1.permits })
        if let first = self.claims.first, first.owner != request.owner {
            let holder = LeaseHolder(
                owner: first.owner, token: FencingToken(rawValue: 0), remaining: now.duration(to: first.expiry))
            return PermitRefusal(available: available, holder: holder)
        }
        guard available < request.permits, let next = self.holders.min(by: { $0.expiry < $1.expiry }) else {
            return nil
        }
        let holder = LeaseHolder(owner: next.owner, token: next.token, remaining: now.duration(to: next.expiry))
        return PermitRefusal(available: available, holder: holder)
    }

    /// Whether `request` would be granted now.
    package func allows(_ request: PermitRequest) -> Bool {
        self.holder(request.owner) != nil || self.obstacle(to: request, at: MonotonicInstant(nanoseconds: 0)) == nil
    }

    package mutating func grant(_ request: PermitRequest, _ token: FencingToken, at now: MonotonicInstant) -> Holder {
        let holder = Holder(
            owner: request.owner, permits: request.permits, token: token, granted: now, duration: request.duration,
            expiry: now.advanced(by: request.duration))
        self.holders.append(holder)
        self.claims.removeAll { $0.owner == request.owner }
        return holder
    }

    /// Keeps or renews the place of a refused request.
    package mutating func claim(_ request: PermitRequest, at now: MonotonicInstant) {
        guard let claim = request.claim else { return }
        let expiry = now.advanced(by: claim)
        if let index = self.claims.firstIndex(where: { $0.owner == request.owner }) {
            self.claims[index].permits = request.permits
            self.claims[index].expiry = expiry
        } else {
            self.claims.append(Claim(owner: request.owner, permits: request.permits, since: now, expiry: expiry))
        }
    }

    /// A renewal asks for at least `duration` from now; an end that is further away stays.
    package mutating func renew(
        _ owner: OwnerID, _ token: FencingToken, for duration: Duration, at now: MonotonicInstant
    ) -> Holder? {
        let index = self.holders.firstIndex { $0.owner == owner && $0.token == token && $0.expiry > now }
        guard let index else { return nil }
        self.holders[index].duration = duration
        self.holders[index].expiry = max(self.holders[index].expiry, now.advanced(by: duration))
        return self.holders[index]
    }

    /// Ends what `owner` holds, and without a token also what it claims.
    ///
    /// - Returns: Whether a grant ended, and whether anything did.
    package mutating func end(_ owner: OwnerID, _ token: FencingToken?) -> (grant: Bool, any: Bool) {
        let held = self.holders.count
        let claimed = self.claims.count
        self.holders.removeAll { $0.owner == owner && (token == nil || $0.token == token) }
        if token == nil { self.claims.removeAll { $0.owner == owner } }
        let grant = self.holders.count < held
        return (grant, grant || self.claims.count < claimed)
    }

    package func record(_ name: LeaseName, at now: MonotonicInstant) -> PermitRecord {
        PermitRecord(
            name: name,
            holders: self.holders.map { holder in
                PermitHolder(
                    owner: holder.owner, permits: holder.permits, token: holder.token,
                    remaining: now.duration(to: holder.expiry), age: holder.granted.duration(to: now))
            },
            claims: self.claims.map { claim in
                PermitClaim(owner: claim.owner, permits: claim.permits, age: claim.since.duration(to: now))
            })
    }
}
