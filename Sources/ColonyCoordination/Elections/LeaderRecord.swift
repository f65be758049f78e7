import ColonyCore

/// What a leader says of itself, as it lies in the registry: JSON such as
/// `{"metadata":"http://10.0.0.7:8080","owner":"scheduler-7","term":12}` under the key `leader` of the group
/// `election/NAME`.
///
/// The record is permanent, and worth only as much as its term: a reader shows it if the election's lease has that term as its
/// token, and to nobody otherwise. So it needs no renewal, and what a leader wrote late, or left behind, is seen by nobody.
struct LeaderRecord: Hashable, Codable, Sendable {
    let term: UInt64
    let owner: String
    /// Left out by a leader that has nothing to say.
    let metadata: String?

    static let key: LeaseName = "leader"

    static func group(of name: LeaseName) throws(CoordinationError) -> LeaseName {
        try LeaseName(prefix: "election/", name.rawValue, for: "the election \(name)")
    }
}

/// Where leaders write what they say of themselves.
struct LeaderRecords: Sendable {
    let engine: any RegistryEngine
    let group: LeaseName
    let calls: EngineCalls

    /// Writes a record unless one with a greater term is there, in however many steps that takes.
    ///
    /// - Returns: `false` if a later leader has written.
    func write(_ record: LeaderRecord, until deadline: MonotonicInstant) async throws(CoordinationError) -> Bool {
        let bytes = try RecordCodec.bytes(of: record)
        let (engine, group, calls) = (self.engine, self.group, self.calls)
        do throws(LeaseError) {
            return try await calls.retrying(until: deadline) { _ throws(LeaseError) in
                while true {
                    let present = try await calls.once { () throws(LeaseError) in
                        try await engine.snapshot(of: group)
                    }[LeaderRecord.key]
                    if let present, let other = Self.decode(present), other.term > record.term { return false }
                    // Whoever writes in between makes the condition fail, and the terms are compared again.
                    let write = RegistryWrite(
                        bytes, for: LeaderRecord.key, if: present.map { .version($0.version) } ?? .absent)
                    let answer = try await calls.once { () throws(LeaseError) in
                        try await engine.put(write, in: group)
                    }
                    if case .written = answer { return true }
                    if calls.clock.now >= deadline {
                        throw LeaseError(.unavailable, "the record of the leader was changed again and again")
                    }
                }
            }
        } catch {
            throw CoordinationError(error)
        }
    }

    /// Removes the record of a term, if it is still there. What cannot be removed is worth nothing without its lease.
    func remove(term: FencingToken) async {
        let (engine, group) = (self.engine, self.group)
        _ = try? await self.calls.once(isShielded: true) { () throws(LeaseError) in
            let present = try await engine.snapshot(of: group)[LeaderRecord.key]
            guard let present, Self.decode(present)?.term == term.rawValue else { return false }
            return try await engine.removeRecord(
                LeaderRecord.key, from: group, if: .version(present.version))
        }
    }

    static func decode(_ record: RegistryRecord) -> LeaderRecord? {
        try? RecordCodec.value(LeaderRecord.self, from: record.value)
    }
}
