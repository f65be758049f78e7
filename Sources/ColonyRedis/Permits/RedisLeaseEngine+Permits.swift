public import ColonyCoordination
public import ColonyCore
import ColonyRESP

extension RedisLeaseEngine: PermitEngine {
    /// - Complexity: One round trip; O(log *h*) in the holders of the name, and O(1) for each that has run out.
    public func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try request.check()
        let claim = request.claim.map { Self.microseconds($0) } ?? ""
        let call = try self.permitCall(
            PermitScripts.take, request.name,
            [
                request.owner.rawValue, String(request.permits), String(request.limit),
                Self.microseconds(request.duration), String(request.duration.clampedNanoseconds), claim, self.identity,
                self.space.channel,
            ])
        let sent = self.clock.now
        let answer = try await self.run(call)
        guard let parts = answer.elements, let kind = parts.first?.integer else { throw self.unexpected(answer) }
        switch (kind, parts.count) {
        case (1, 3):
            guard let token = parts[1].text.flatMap({ FencingToken($0) }), let left = parts[2].integer else { break }
            return .granted(
                Self.lease(request.name, request.owner, token, request.duration, .microseconds(left), sent))
        case (2, 2):
            throw LeaseError(
                .invalidRequest,
                "\(request.owner) holds \(parts[1].integer ?? 0) permits of \(request.name) and cannot ask for "
                    + "\(request.permits)")
        case (0, 5):
            guard let available = parts[1].integer, let owner = parts[2].bytes,
                let token = parts[3].text.flatMap({ FencingToken($0) }), let left = parts[4].integer
            else { break }
            return .refused(
                PermitRefusal(
                    available: Int(available),
                    holder: LeaseHolder(
                        owner: LeaseAnswer.owner(owner), token: token, remaining: .microseconds(max(1, left)))))
        default: break
        }
        throw self.unexpected(answer)
    }

    public func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try LeaseLimits.check(duration)
        let call = try self.permitCall(
            PermitScripts.renew, lease.name,
            [
                lease.owner.rawValue, lease.token.description, Self.microseconds(duration),
                String(duration.clampedNanoseconds),
            ])
        let sent = self.clock.now
        let answer = try await self.run(call)
        if answer.isNull { return nil }
        guard let left = answer.integer else { throw self.unexpected(answer) }
        return Self.lease(lease.name, lease.owner, lease.token, duration, .microseconds(left), sent)
    }

    @discardableResult
    public func returnPermits(
        _ name: LeaseName, owner: OwnerID, token: FencingToken?
    ) async throws(LeaseError) -> Bool {
        let answer = try await self.run(
            try self.permitCall(
                PermitScripts.giveBack, name, isRepeatable: false,
                [owner.rawValue, token?.description ?? "", self.space.channel]))
        guard let ended = answer.integer else { throw self.unexpected(answer) }
        return ended == 1
    }

    public func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        let answer = try await self.run(try self.permitCall(PermitScripts.inspect, name, []))
        guard let parts = answer.elements, let count = parts.first?.integer.map({ Int($0) }), count >= 0,
            parts.count >= 1 + 5 * count, (parts.count - 1 - 5 * count).isMultiple(of: 3)
        else { throw self.unexpected(answer) }
        var holders: [PermitHolder] = []
        for start in stride(from: 1, to: 1 + 5 * count, by: 5) {
            guard let owner = parts[start].bytes, let permits = parts[start + 1].integer,
                let token = parts[start + 2].text.flatMap({ FencingToken($0) }),
                let left = parts[start + 3].integer, let age = parts[start + 4].integer
            else { throw self.unexpected(answer) }
            holders.append(
                PermitHolder(
                    owner: LeaseAnswer.owner(owner), permits: Int(permits), token: token,
                    remaining: .microseconds(left), age: .microseconds(age)))
        }
        var claims: [PermitClaim] = []
        for start in stride(from: 1 + 5 * count, to: parts.count, by: 3) {
            guard let owner = parts[start].bytes, let permits = parts[start + 1].integer,
                let age = parts[start + 2].integer
            else { throw self.unexpected(answer) }
            claims.append(
                PermitClaim(owner: LeaseAnswer.owner(owner), permits: Int(permits), age: .microseconds(age)))
        }
        return PermitRecord(name: name, holders: holders.sorted { $0.token < $1.token }, claims: claims)
    }

    /// Waits for a message, and looks once a second. A return of permits tells the owner of the first claim only, or if
    /// nobody claims any, one message to each engine that waits.
    @discardableResult
    public func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try request.check()
        guard limit > .zero else { return false }
        let deadline = self.clock.now.advanced(by: limit)
        let hasClaim = request.claim != nil
        let call = try self.permitCall(
            PermitScripts.watch, request.name,
            [
                request.owner.rawValue, String(request.permits), String(request.limit), hasClaim ? "1" : "0",
                self.identity,
            ])
        let ends = call.keys[0]
        // As the owner of the first claim, or like everybody who has none.
        let wait = self.wakes.enter(
            Array("c".utf8) + ends + Array(" \(request.owner.rawValue)".utf8), Array("p".utf8) + ends)
        defer { self.wakes.leave(wait) }
        return try await self.waitUntil(deadline, wait, "permits of \(request.name)", call) { parts in
            guard parts.count == 3, let left = parts[1].integer, let rank = parts[2].integer else { return nil }
            // Those further behind have to wait for others first, who are told or counted as dead.
            return rank < 2 ? .microseconds(max(0, left)) : Self.longestWait
        }
    }

    private func permitCall(
        _ script: RedisScript, _ name: LeaseName, isRepeatable: Bool = true, _ arguments: [String]
    ) throws(LeaseError) -> RedisScriptCall {
        try self.companionCall(
            script, name, ["permits:", nil, "holders:", "claims:", "claimed:", "permit-watchers:"],
            isRepeatable: isRepeatable, arguments.map { Array($0.utf8) })
    }

    /// Whole microseconds, rounded up.
    static func microseconds(_ duration: Duration) -> String {
        let nanoseconds = duration.clampedNanoseconds
        return String(nanoseconds / 1_000 + (nanoseconds % 1_000 > 0 ? 1 : 0))
    }
}
