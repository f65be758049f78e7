public import ColonyCoordination
public import ColonyCore

/// The permits of the daemon's store. On one whose store keeps none every member throws `unsupported`.
extension RemoteLeaseEngine: PermitEngine {
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        let sentAt = self.clock.now
        let answer = try await self.connection.post(
            "\(Self.path(ofSemaphore: request.name))/acquire", AcquirePermitsDocument(request))
        switch answer.status {
        case 200:
            let grant = try answer.decoded(as: GrantDocument.self)
            return .granted(grant.lease(request.name, request.owner, sentAt: sentAt))
        case 409 where answer.code == "permits_held":
            return .refused(try answer.decoded(as: PermitsHeldDocument.self).value())
        default: throw answer.powerError
        }
    }

    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let sentAt = self.clock.now
        let answer = try await self.connection.post(
            "\(Self.path(ofSemaphore: lease.name))/renew",
            RenewRequest(owner: lease.owner, token: lease.token, duration: duration))
        switch answer.status {
        case 200: return try answer.decoded(as: GrantDocument.self).lease(lease.name, lease.owner, sentAt: sentAt)
        case 409 where answer.code == "lost": return nil
        default: throw answer.powerError
        }
    }

    @discardableResult
    public func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let answer = try await self.connection.post(
            "\(Self.path(ofSemaphore: name))/release", ReleaseRequest(owner: owner, token: token))
        switch answer.status {
        case 200: return true
        case 409 where answer.code == "lost": return false
        default: throw answer.powerError
        }
    }

    public func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        let answer = try await self.connection.send(.get, Self.path(ofSemaphore: name))
        guard answer.status == 200 else { throw answer.powerError }
        return try answer.decoded(as: SemaphoreDocument.self).record()
    }

    @discardableResult
    public func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try request.check()
        let wait = max(.zero, min(limit, Self.longestWait))
        let answer = try await self.connection.send(
            .get,
            "\(Self.path(ofSemaphore: request.name))/free?owner=\(PercentEncoding.encoded(request.owner.rawValue))"
                + "&permits=\(request.permits)&limit=\(request.limit)&wait_ms=\(Self.milliseconds(of: wait))",
            waiting: wait)
        guard answer.status == 200 else { throw answer.powerError }
        // A wait that was cut to what the daemon takes ends early, after which the caller asks again.
        return try answer.decoded(as: FreePermitsDocument.self).free || wait < limit
    }

    private static func path(ofSemaphore name: LeaseName) -> String {
        "/v1/semaphores/\(PercentEncoding.encoded(name.rawValue))"
    }

    /// A wait in whole milliseconds, of which a short one still is a wait.
    static func milliseconds(of wait: Duration) -> Int64 { wait > .zero ? max(1, wait.clampedMilliseconds) : 0 }
}

extension RemoteLeaseEngine: PermitAdministration {
    /// Names of which permits are held or claimed now, as far as the token may see them, page by page in byte order. A store that
    /// cannot list them is `unsupported`.
    public func permitRecords(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [PermitRecord] {
        let query = try Self.page(withPrefix: prefix, after: name, limit: limit)
        let answer = try await self.connection.send(.get, "/v1/semaphores?\(query)")
        guard answer.status == 200 else { throw answer.powerError }
        var records: [PermitRecord] = []
        for document in try answer.decoded(as: SemaphorePageDocument.self).semaphores {
            records.append(try document.record())
        }
        return records
    }

    /// The query of a page of names.
    static func page(withPrefix prefix: String, after name: LeaseName?, limit: Int) throws(LeaseError) -> String {
        guard (1...LeaseLimits.batch).contains(limit) else {
            throw LeaseError(.invalidRequest, "a page has from 1 to \(LeaseLimits.batch) names, not \(limit)")
        }
        var query = "limit=\(limit)"
        if !prefix.isEmpty { query += "&prefix=\(PercentEncoding.encoded(prefix))" }
        if let name { query += "&after=\(PercentEncoding.encoded(name.rawValue))" }
        return query
    }
}

extension DaemonConnection.Answer {
    /// What a refusal means to who asked for a power that not every daemon has: one that does not know the route has not got it.
    var powerError: LeaseError {
        let error = self.error
        guard self.status == 404 || self.status == 405, error.code != .unsupported else { return error }
        return LeaseError(.unsupported, error.message, cause: error.cause)
    }
}
