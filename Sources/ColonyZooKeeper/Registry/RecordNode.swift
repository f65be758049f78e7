#if ZooKeeper
import ColonyCoordination
import ColonyCore

/// What is written into the node of a record: a line with a version and the owner, and then the value.
///
/// The version is zero in the node that was made by a write, whose own number is the version, and stands there in one that was
/// taken over from another session. The owner is empty for a permanent record.
struct RecordNode: Equatable, Sendable {
    let owner: OwnerID?
    let value: [UInt8]
    let version: UInt64

    private static let mark: [UInt8] = Array("colony/1 ".utf8)

    init(owner: OwnerID?, value: [UInt8], version: UInt64 = 0) {
        self.owner = owner
        self.value = value
        self.version = version
    }

    /// Reads the data of a node; what others have written is a permanent record with all of it as its value.
    init(_ bytes: [UInt8]) {
        guard bytes.starts(with: Self.mark), let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            self.init(owner: nil, value: bytes)
            return
        }
        let words = String(decoding: bytes[Self.mark.count..<end], as: UTF8.self)
            .split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(
            owner: words.count > 1 ? try? OwnerID(String(words[1])) : nil, value: Array(bytes[(end + 1)...]),
            version: words.first.flatMap { UInt64($0) } ?? 0)
    }

    var bytes: [UInt8] {
        Self.mark + Array("\(self.version) \(self.owner?.rawValue ?? "")".utf8) + [UInt8(ascii: "\n")] + self.value
    }
}

/// The ephemeral records that this engine has written and keeps alive, as a value.
struct LocalRecords {
    struct Entry {
        let group: LeaseName
        let key: LeaseName
        let owner: OwnerID
        let version: RegistryRevision
        let session: ObjectIdentifier
        var expiry: MonotonicInstant
        var alarm: UInt64
    }

    /// By the paths of their nodes.
    private(set) var entries: [String: Entry] = [:]

    subscript(path: String) -> Entry? { self.entries[path] }

    mutating func put(_ entry: Entry, at path: String) { self.entries[path] = entry }

    mutating func remove(_ path: String) -> Entry? { self.entries.removeValue(forKey: path) }

    /// - Returns: The alarms that need not ring any more.
    mutating func removeAll(of session: ObjectIdentifier) -> [UInt64] {
        let gone = self.entries.filter { $0.value.session == session }
        for path in gone.keys { self.entries[path] = nil }
        return gone.values.map(\.alarm)
    }
}
#endif
