#if Postgres
public import ColonyCoordination
public import ColonyCore

extension PostgresLeaseEngine: RegistryEngine {
    /// One statement under a lock of the group's row; the records of one group are therefore written one after the other.
    public func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try write.check()
        var owner: OwnerID?
        var nanoseconds: String?
        if case .ephemeral(let holder, let duration) = write.lifetime {
            owner = holder
            nanoseconds = String(duration.clampedNanoseconds)
        }
        let condition = Self.columns(write.condition)
        let answer = try await self.query(
            self.statements.put,
            [
                group.rawValue, write.key.rawValue, PostgresBytes.text(write.value), owner?.rawValue, nanoseconds,
                String(RegistryLimits.records), condition.kind, condition.version, condition.owner,
            ])
        guard let row = answer.rows.first, row.count == 4 else {
            throw LeaseError(LeaseRows.malformed, at: self.options.description)
        }
        if row[0] == "full" {
            throw LeaseError(
                .invalidRequest, "the group \(group) has \(RegistryLimits.records) records, which is the most")
        }
        return try await self.reporting { () throws(PostgresFailure) in
            if row[0] == "written" {
                let version = try LeaseRows.revision(row, 1)
                return .written(RegistryRecord(key: write.key, value: write.value, version: version, owner: owner))
            }
            if row[1] == nil { return .conflict(nil) }
            return .conflict(
                try Self.record(write.key, [write.key.rawValue, row[1], row[2], row[3]]))
        }
    }

    /// One statement, without a lock of the group.
    public func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try LeaseLimits.check(duration)
        let answer = try await self.query(
            self.statements.renewRecord,
            [group.rawValue, key.rawValue, owner.rawValue, String(duration.clampedNanoseconds)])
        return !answer.rows.isEmpty
    }

    /// One statement under a lock of the group's row, unless there is no record.
    @discardableResult
    public func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        let columns = Self.columns(condition)
        let answer = try await self.query(
            self.statements.remove,
            [group.rawValue, key.rawValue, columns.kind, columns.version, columns.owner])
        return answer.rows.first?.first == "t"
    }

    /// One statement, which reads without a lock unless a record has run out.
    public func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        let answer = try await self.query(self.statements.snapshot, [group.rawValue])
        return try await self.reporting { () throws(PostgresFailure) in
            guard let head = answer.rows.first else { throw LeaseRows.malformed }
            var records: [RegistryRecord] = []
            for row in answer.rows.dropFirst() {
                records.append(try Self.record(try LeaseRows.name(row, 0), row))
            }
            return RegistrySnapshot(records: records, revision: try LeaseRows.revision(head, 1))
        }
    }

    /// Waits for a notification, for the end of a record, and looks every five seconds in any case.
    @discardableResult
    public func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        let identity = self.desk.identity
        let known = String(revision.rawValue)
        return try await self.watch(
            "#\(group.rawValue)", upTo: limit, what: "a change of \(group)",
            end: (self.statements.unwatchGroup, [group.rawValue, identity]),
            look: (self.statements.watchGroup, [group.rawValue, identity])
        ) { row in row.first != known }
    }

    private static func record(_ key: LeaseName, _ row: [String?]) throws(PostgresFailure) -> RegistryRecord {
        guard row.count == 4, let value = PostgresBytes.bytes(row[2]) else { throw LeaseRows.malformed }
        let owner = row[3] == nil ? nil : try LeaseRows.owner(row, 3)
        return RegistryRecord(key: key, value: value, version: try LeaseRows.revision(row, 1), owner: owner)
    }

    private static func columns(_ condition: RegistryCondition) -> (kind: String, version: String?, owner: String?) {
        switch condition {
        case .always: ("always", nil, nil)
        case .absent: ("absent", nil, nil)
        case .version(let version): ("version", String(Int64(bitPattern: version.rawValue)), nil)
        case .owner(let owner): ("owner", nil, owner.rawValue)
        }
    }
}

/// Bytes in the form that PostgreSQL reads and writes: `\x` and two hexadecimal digits for each.
enum PostgresBytes {
    static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text = Array("\\x".utf8)
        text.reserveCapacity(2 + 2 * bytes.count)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: `nil` if the text has another form.
    static func bytes(_ text: String?) -> [UInt8]? {
        guard let text, text.hasPrefix("\\x") else { return nil }
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        var bytes: [UInt8] = []
        var digits = text.utf8.dropFirst(2).makeIterator()
        while let high = digits.next() {
            guard let low = digits.next(), let first = value(high), let second = value(low) else { return nil }
            bytes.append(first << 4 | second)
        }
        return bytes
    }
}
#endif
