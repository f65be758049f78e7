import ColonyCoordination
import ColonyCore
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Responder {
    /// Answers a request to one of the routes of semaphores and of the registry.
    func answerCoordination(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?, _ client: Client
    ) async throws(Problem) -> Answer {
        switch match.route {
        case .listSemaphores: return try await self.permits.list(match.query, token: token)
        case .acquirePermits, .renewPermits, .releasePermits, .inspectSemaphore, .awaitPermits, .evictHolder:
            return try await self.answerSemaphore(match, request, token, client)
        case .listGroups: return try await self.registry.list(match.query, token: token)
        case .readGroup, .groupChanges:
            let group = try self.name(match.name, of: "group", token)
            return match.route == .readGroup
                ? try await self.registry.read(group, query: match.query)
                : try await self.registry.changes(of: group, query: match.query, client: client)
        case .putRecord, .readRecord, .removeRecord, .renewRecord:
            return try await self.answerRecord(match, request, token)
        default: preconditionFailure("\(match.route) is no route of semaphores or of the registry")
        }
    }

    private func answerSemaphore(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?, _ client: Client
    ) async throws(Problem) -> Answer {
        // Renewals are no news, as those of leases are none.
        defer { if match.route.method != .get, match.route != .renewPermits { self.hub.poke(.semaphores) } }
        let name = try self.name(match.name, of: "semaphore", token)
        switch match.route {
        case .acquirePermits:
            return try await self.permits.acquire(name, body: try await self.body(of: request), client: client)
        case .renewPermits: return try await self.permits.renew(name, body: try await self.body(of: request))
        case .releasePermits: return try await self.permits.release(name, body: try await self.body(of: request))
        case .awaitPermits: return try await self.permits.awaitFree(name, query: match.query, client: client)
        case .evictHolder:
            let text = try PercentDecoding.name(match.item, of: "owner", atMost: NameRules.maximumBytes)
            let owner: OwnerID
            do throws(InvalidName) {
                owner = try OwnerID(text)
            } catch {
                throw Problem(error)
            }
            return try await self.permits.evict(name, owner, query: match.query)
        default: return try await self.permits.inspect(name, query: match.query)
        }
    }

    private func answerRecord(
        _ match: RouteMatch, _ request: Request, _ token: AccessToken?
    ) async throws(Problem) -> Answer {
        defer { if match.route == .putRecord || match.route == .removeRecord { self.hub.poke(.registry) } }
        let group = try self.name(match.name, of: "group", token)
        // Whoever may use a group may use all of its keys.
        let key = try self.name(match.item, of: "key", nil)
        if match.route != .readRecord { try Self.checkWritable(group, token) }
        switch match.route {
        case .putRecord:
            if let type = request.headers[.contentType] { try Self.check(contentType: type) }
            let most = PutRecordRequest.bodyBytes
            let body = try await self.bytes(of: request, atMost: most) { _ in Self.tooLarge(most) }
            return try await self.registry.put(key, in: group, body: body)
        case .renewRecord: return try await self.registry.renew(key, in: group, body: try await self.body(of: request))
        case .removeRecord: return try await self.registry.remove(key, from: group, query: match.query)
        default: return try await self.registry.read(key, in: group, query: match.query)
        }
    }

    /// Groups of Colony's own, such as that of segments, are looked at and not written: who changed one could have identifiers
    /// given twice.
    private static func checkWritable(_ group: LeaseName, _ token: AccessToken?) throws(Problem) {
        // Or writing a record would move a switch, which needs more where it is asked for as such.
        if group == Switchboard.positions { try token?.demand(.admin) }
        guard group.rawValue.hasPrefix("colony/") else { return }
        throw Problem(.forbidden, "the group \(NameRules.quoted(group.rawValue)) is Colony's own and cannot be written")
    }

    private func name(
        _ text: Substring.UTF8View, of role: String, _ token: AccessToken?
    ) throws(Problem) -> LeaseName {
        let text = try PercentDecoding.name(text, of: role, atMost: self.limits.nameBytes)
        try token?.check(text)
        do throws(InvalidName) {
            return try LeaseName(text)
        } catch {
            throw Problem(error)
        }
    }
}
