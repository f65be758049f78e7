public import ColonyCoordination
public import ColonyCore

/// What the body of a ``PermitCase`` works with.
public typealias PermitCaseContext = CaseContext<any PermitEngine>

extension CaseContext where Engine == any PermitEngine {
    /// A request of an owner of this case.
    ///
    /// - Parameter duration: Without it, the permits do not run out while the case is running.
    public func request(
        _ permits: Int, of name: LeaseName, limit: Int, as number: Int, for duration: Duration? = nil,
        claim: Duration? = nil
    ) throws -> PermitRequest {
        PermitRequest(
            permits, of: name, limit: limit, owner: try self.owner(number), for: duration ?? self.ample, claim: claim)
    }

    /// Permits that have to be granted.
    @discardableResult
    public func take(_ request: PermitRequest, on engine: (any PermitEngine)? = nil) async throws -> Lease {
        switch try await (engine ?? self.engine).takePermits(request) {
        case .granted(let lease):
            try expect(
                lease.name == request.name && lease.owner == request.owner,
                "\(request.owner) asked for permits of \(request.name), and the lease is \(lease)")
            return lease
        case .refused(let refusal):
            throw ConformanceFailure(
                "\(request.owner) was refused \(request.permits) of \(request.limit) permits of \(request.name), which "
                    + "were free: \(refusal)")
        }
    }

    /// Permits that have to be refused.
    @discardableResult
    public func refusal(_ request: PermitRequest, on engine: (any PermitEngine)? = nil) async throws -> PermitRefusal {
        switch try await (engine ?? self.engine).takePermits(request) {
        case .granted(let lease):
            throw ConformanceFailure(
                "\(request.owner) was granted \(request.permits) of \(request.limit) permits of \(request.name) with "
                    + "token \(lease.token), and had to be refused")
        case .refused(let refusal):
            return refusal
        }
    }

    /// Asks again and again until permits are granted.
    ///
    /// - Parameter limit: At the scale of the harness: after this time and its grace, the case fails.
    /// - Returns: The lease, and a moment not before the grant.
    public func takeEventually(
        _ request: PermitRequest, upTo limit: Duration, on engine: (any PermitEngine)? = nil
    ) async throws -> (lease: Lease, at: MonotonicInstant) {
        let (lease, at) = try await self.answer(upTo: limit, "permits of \(request.name) for \(request.owner)") {
            try await (engine ?? self.engine).takePermits(request).lease
        }
        return (lease, at)
    }

    /// Permits that are held and have to be given back.
    public func giveBack(_ lease: Lease, on engine: (any PermitEngine)? = nil) async throws {
        let isEnded = try await (engine ?? self.engine).returnPermits(
            lease.name, owner: lease.owner, token: lease.token)
        try expect(isEnded, "\(lease.owner) holds permits of \(lease.name), and could not give them back")
    }

    /// Asks, waits until it may be granted, and asks again, as a block does that keeps turns.
    func acquire(_ request: PermitRequest, on engine: any PermitEngine) async throws -> Lease {
        while true {
            try Task.checkCancellation()
            let answer = try await self.patiently { try await engine.takePermits(request) }
            if let lease = answer.lease { return lease }
            try await self.patiently { _ = try await engine.waitForPermits(request, upTo: self.ample) }
        }
    }

    /// Asks again when the answer was `unavailable`, as every caller may: a store that many write to at once on a busy machine
    /// is entitled to it.
    func patiently<Value>(_ ask: () async throws -> Value) async throws -> Value {
        for _ in 1...20 {
            do {
                return try await ask()
            } catch let error as LeaseError where error.code == .unavailable {
                continue
            }
        }
        return try await ask()
    }

    /// Fails unless exactly these owners claim permits, in this order.
    func expectClaims(of name: LeaseName, _ numbers: [Int], _ when: String) async throws {
        let expected = try numbers.map { try self.owner($0) }
        let found = try await self.other.inspectPermits(name).claims.map(\.owner)
        try expect(found == expected, "\(when), \(expected) were to have claims in this order, and \(found) have")
    }

    /// Fails unless exactly these leases are held.
    func expectHolders(of name: LeaseName, _ leases: [Lease], _ when: String) async throws {
        let found = try await self.other.inspectPermits(name).holders
        try expect(
            found.map(\.owner) == leases.map(\.owner) && found.map(\.token) == leases.map(\.token),
            "\(when), \(leases.map(\.owner)) with tokens \(leases.map(\.token)) were to hold permits, and \(found) do")
    }

    /// More clients of the store, beside the two that each case has.
    func clients(_ count: Int) async throws -> [any PermitEngine] {
        var clients = [self.engine, self.other]
        while clients.count < count {
            guard let client = PermitConformance.client(try await self.harness.makeEngine()) else {
                throw ConformanceFailure("one more client has no power of permits")
            }
            clients.append(client)
        }
        return clients
    }
}
