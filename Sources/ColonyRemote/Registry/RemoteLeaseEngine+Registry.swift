public import ColonyCoordination
public import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The records of the daemon's store. On one whose store keeps none every member throws `unsupported`.
extension RemoteLeaseEngine: RegistryEngine {
    /// A group of the most records of the largest values, in base 64.
    private static let groupBytes = RegistryLimits.records * (RegistryLimits.value * 6 + 4_096)

    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        let answer = try await self.connection.send(
            .put, Self.path(of: write.key, in: group), body: Data(JSONText(write).bytes))
        switch answer.status {
        case 200:
            let owner: OwnerID? = if case .ephemeral(let owner, _) = write.lifetime { owner } else { nil }
            let version = try answer.decoded(as: WrittenRecordDocument.self).version
            return .written(
                RegistryRecord(
                    key: write.key, value: write.value, version: RegistryRevision(rawValue: version), owner: owner))
        case 409 where answer.code == "record_conflict":
            return .conflict(try answer.decoded(as: RecordConflictDocument.self).record?.record())
        default: throw answer.powerError
        }
    }

    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        let answer = try await self.connection.post(
            "\(Self.path(of: key, in: group))/renew",
            RenewRecordRequest(owner: owner.rawValue, ttl_ms: duration.clampedMilliseconds))
        switch answer.status {
        case 200: return true
        case 409 where answer.code == "lost": return false
        default: throw answer.powerError
        }
    }

    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        let query: String
        switch condition {
        case .always: query = ""
        // A record that is not there is not removed, and one that is there does not meet it.
        case .absent: return false
        case .version(let version): query = "?if_version=\(version)"
        case .owner(let owner): query = "?if_owner=\(PercentEncoding.encoded(owner.rawValue))"
        }
        let answer = try await self.connection.send(.delete, Self.path(of: key, in: group) + query)
        switch answer.status {
        case 200: return true
        case 404 where answer.code == "not_found": return false
        default: throw answer.powerError
        }
    }

    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        try await self.document(of: group).snapshot()
    }

    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let wait = max(.zero, min(limit, Self.longestWait))
        let answer = try await self.connection.send(
            .get, "\(Self.path(ofGroup: group))/changes?since=\(revision)&wait_ms=\(Self.milliseconds(of: wait))",
            waiting: wait)
        guard answer.status == 200 else { throw answer.powerError }
        // A wait that was cut to what the daemon takes ends early, after which the caller looks again.
        return try answer.decoded(as: ChangeDocument.self).changed || wait < limit
    }

    private func document(of group: LeaseName) async throws(LeaseError) -> GroupDocument {
        let answer = try await self.connection.send(.get, Self.path(ofGroup: group), answerBytes: Self.groupBytes)
        guard answer.status == 200 else { throw answer.powerError }
        return try answer.decoded(as: GroupDocument.self)
    }

    private static func path(ofGroup group: LeaseName) -> String {
        "/v1/registry/\(PercentEncoding.encoded(group.rawValue))"
    }

    private static func path(of key: LeaseName, in group: LeaseName) -> String {
        "\(Self.path(ofGroup: group))/records/\(PercentEncoding.encoded(key.rawValue))"
    }
}

extension RemoteLeaseEngine: RegistryAdministration {
    /// Groups that have records now, as far as the token may see them, page by page in byte order. A store that cannot list them is
    /// `unsupported`.
    public func groups(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [RegistryGroupSummary] {
        let query = try Self.page(withPrefix: prefix, after: name, limit: limit)
        let answer = try await self.connection.send(.get, "/v1/registry?\(query)")
        guard answer.status == 200 else { throw answer.powerError }
        let page = try answer.decoded(as: GroupPageDocument.self)
        do {
            return try page.groups.map { RegistryGroupSummary(name: try LeaseName($0.group), records: $0.records) }
        } catch {
            throw LeaseError(.unavailable, "the daemon described a group that cannot be: \(error)")
        }
    }

    /// The records of a group, and what is left of those that run out, where the store behind the daemon tells it.
    public func standing(of group: LeaseName) async throws(LeaseError) -> RegistryStanding {
        let document = try await self.document(of: group)
        let snapshot = try document.snapshot()
        var remaining: [LeaseName: Duration] = [:]
        for (record, told) in zip(snapshot.records, document.records) {
            // What is left is cut to whole milliseconds on the way, and a record that is there has something left.
            if let left = told.remaining_ms { remaining[record.key] = max(.nanoseconds(1), .milliseconds(left)) }
        }
        return RegistryStanding(snapshot: snapshot, remaining: remaining)
    }
}
