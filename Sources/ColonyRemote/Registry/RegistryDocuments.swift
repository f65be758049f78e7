import ColonyCoordination
import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A record as the daemon tells it.
struct RecordDocument: Decodable {
    var key: String
    var version: UInt64
    var owner: String?
    var remaining_ms: Int64?
    var value: String?
    var value_base64: String?

    func record() throws(LeaseError) -> RegistryRecord {
        do {
            let bytes =
                self.value.map { Array($0.utf8) }
                ?? self.value_base64.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
            guard let bytes else { throw LeaseError(.unavailable, "it has no value") }
            return RegistryRecord(
                key: try LeaseName(self.key), value: bytes, version: RegistryRevision(rawValue: self.version),
                owner: try self.owner.map { try OwnerID($0) })
        } catch {
            throw LeaseError(.unavailable, "the daemon described a record that cannot be: \(error)")
        }
    }
}

struct WrittenRecordDocument: Decodable {
    var version: UInt64
}

struct RecordConflictDocument: Decodable {
    var record: RecordDocument?
}

struct GroupDocument: Decodable {
    var revision: UInt64
    var records: [RecordDocument]

    func snapshot() throws(LeaseError) -> RegistrySnapshot {
        var records: [RegistryRecord] = []
        records.reserveCapacity(self.records.count)
        for document in self.records { records.append(try document.record()) }
        return RegistrySnapshot(records: records, revision: RegistryRevision(rawValue: self.revision))
    }
}

struct GroupPageDocument: Decodable {
    struct Group: Decodable {
        var group: String
        var records: Int
    }

    var groups: [Group]
}

struct RenewRecordRequest: Encodable {
    var owner: String
    var ttl_ms: Int64
}

extension JSONText {
    /// A record to be written, as the daemon reads it.
    init(_ write: RegistryWrite) {
        self.init(capacity: 256 + write.value.count * 4 / 3)
        if let text = String(validating: write.value, as: UTF8.self) {
            self.write(#"{"value":"#)
            self.write(string: text)
        } else {
            self.write(#"{"value_base64":"#)
            self.write(string: Data(write.value).base64EncodedString())
        }
        if case .ephemeral(let owner, let duration) = write.lifetime {
            self.write(#","owner":"#)
            self.write(string: owner.rawValue)
            self.write(#","ttl_ms":"#)
            self.write(duration.clampedMilliseconds)
        }
        switch write.condition {
        case .always: break
        case .absent: self.write(#","if_absent":true"#)
        case .version(let version):
            self.write(#","if_version":"#)
            self.write(version.rawValue)
        case .owner(let owner):
            self.write(#","if_owner":"#)
            self.write(string: owner.rawValue)
        }
        self.write("}")
    }
}
