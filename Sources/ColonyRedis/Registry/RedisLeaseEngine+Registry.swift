public import ColonyCoordination
public import ColonyCore
import ColonyRESP

extension RedisLeaseEngine: RegistryEngine {
    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        var owner: OwnerID?
        var duration = Duration.zero
        if case .ephemeral(let whose, let time) = write.lifetime { (owner, duration) = (whose, time) }
        let condition = Self.words(write.condition)
        let answer = try await self.run(
            try self.registryCall(
                RegistryScripts.put, group, isRepeatable: write.condition == .always,
                [
                    Array(write.key.rawValue.utf8), write.value, Array((owner?.rawValue ?? "").utf8),
                    Array(Self.microseconds(duration).utf8), condition.kind, condition.value,
                    Array(String(RegistryLimits.records).utf8),
                ]))
        guard let parts = answer.elements, let kind = parts.first?.integer else { throw self.unexpected(answer) }
        switch (kind, parts.count) {
        case (1, 2):
            guard let version = parts[1].text.flatMap({ UInt64($0) }) else { break }
            return .written(
                RegistryRecord(
                    key: write.key, value: write.value, version: RegistryRevision(rawValue: version), owner: owner))
        case (0, 1): return .conflict(nil)
        case (0, 2):
            guard !parts[1].isNull else { return .conflict(nil) }
            guard let record = Self.record(write.key, parts[1]) else { break }
            return .conflict(record)
        case (2, 2):
            throw LeaseError(
                .invalidRequest,
                "the group \(group) has \(parts[1].integer ?? 0) records, which is the most")
        default: break
        }
        throw self.unexpected(answer)
    }

    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        let words = [key.rawValue, owner.rawValue, Self.microseconds(duration)]
        let answer = try await self.run(
            try self.registryCall(RegistryScripts.renew, group, words.map { Array($0.utf8) }))
        guard let renewed = answer.integer else { throw self.unexpected(answer) }
        return renewed == 1
    }

    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        let condition = Self.words(condition)
        let answer = try await self.run(
            try self.registryCall(
                RegistryScripts.remove, group, isRepeatable: false,
                [Array(key.rawValue.utf8), condition.kind, condition.value]))
        guard let removed = answer.integer else { throw self.unexpected(answer) }
        return removed == 1
    }

    /// - Complexity: One round trip; O(*n*) in the records of the group.
    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        let answer = try await self.run(try self.registryCall(RegistryScripts.snapshot, group, []))
        guard let parts = answer.elements, !parts.count.isMultiple(of: 2),
            let revision = parts[0].text.flatMap({ UInt64($0) })
        else { throw self.unexpected(answer) }
        var records: [RegistryRecord] = []
        for index in stride(from: 1, to: parts.count, by: 2) {
            guard let key = parts[index].bytes.flatMap({ try? LeaseName(utf8: $0) }),
                let record = Self.record(key, parts[index + 1])
            else { throw LeaseError(.storageFailed, "\(self.place): the group \(group) holds what is no record") }
            records.append(record)
        }
        return RegistrySnapshot(
            records: records.sorted { $0.key < $1.key }, revision: RegistryRevision(rawValue: revision))
    }

    /// Waits for a message, of which each engine that waits gets one for a change, and looks once a second.
    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        guard limit > .zero else { return false }
        let deadline = self.clock.now.advanced(by: limit)
        let call = try self.registryCall(
            RegistryScripts.watch, group, [Array(revision.description.utf8), Array(self.identity.utf8)])
        let wait = self.wakes.enter(Array("r".utf8) + call.keys[0])
        defer { self.wakes.leave(wait) }
        return try await self.waitUntil(deadline, wait, "a change of \(group)", call) { parts in
            guard parts.count == 2, let left = parts[1].integer else { return nil }
            return left < 0 ? Self.longestWait : .microseconds(left)
        }
    }

    private func registryCall(
        _ script: RedisScript, _ group: LeaseName, isRepeatable: Bool = true, _ arguments: [[UInt8]]
    ) throws(LeaseError) -> RedisScriptCall {
        var call = try self.companionCall(
            script, group, ["records:", nil, "ends:", nil, "record-watchers:"], isRepeatable: isRepeatable,
            [Array(self.space.channel.utf8)] + arguments)
        // Not of the group but of its slot, like the counter.
        call.keys[3] = Array(call.keys[1].dropLast("token".utf8.count)) + Array("dropped".utf8)
        return call
    }

    private static func words(_ condition: RegistryCondition) -> (kind: [UInt8], value: [UInt8]) {
        let (kind, value) =
            switch condition {
            case .always: ("always", "")
            case .absent: ("absent", "")
            case .version(let version): ("version", version.description)
            case .owner(let owner): ("owner", owner.rawValue)
            }
        return (Array(kind.utf8), Array(value.utf8))
    }

    /// Reads `VERSION OWNER`, a line end, and the value.
    private static func record(_ key: LeaseName, _ data: RESPValue) -> RegistryRecord? {
        guard let bytes = data.bytes, let end = bytes.firstIndex(of: UInt8(ascii: "\n")),
            let space = bytes[..<end].firstIndex(of: UInt8(ascii: " ")),
            let version = UInt64(String(decoding: bytes[..<space], as: UTF8.self))
        else { return nil }
        let owner = Array(bytes[(space + 1)..<end])
        return RegistryRecord(
            key: key, value: Array(bytes[(end + 1)...]), version: RegistryRevision(rawValue: version),
            owner: owner.isEmpty ? nil : LeaseAnswer.owner(owner))
    }
}
