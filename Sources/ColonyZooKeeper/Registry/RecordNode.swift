#if ZooKeeper
import ColonyCoordination
package import ColonyCore

/// What is written into the node of a record: `colony/1 VERSION NANOSECONDS OWNER` in a line, and then the value.
///
/// The version is zero in a node whose data was written with its record, by the transaction whose number is the version; it
/// stands there where the data was written again for another reason. The nanoseconds are the duration of the latest write or renewal
/// that was written down. The owner is empty for a permanent record.
package struct RecordNode: Equatable, Sendable {
    package let owner: OwnerID?
    package var duration: Duration
    package let value: [UInt8]
    package var version: UInt64

    private static let mark: [UInt8] = Array("colony/1 ".utf8)

    package init(owner: OwnerID?, duration: Duration, value: [UInt8], version: UInt64 = 0) {
        self.owner = owner
        self.duration = duration
        self.value = value
        self.version = version
    }

    /// Reads the data of a node; what others have written is a permanent record with all of it as its value.
    package init(_ bytes: [UInt8]) {
        guard bytes.starts(with: Self.mark), let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            self.init(owner: nil, duration: .zero, value: bytes)
            return
        }
        let words = String(decoding: bytes[Self.mark.count..<end], as: UTF8.self)
            .split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        self.init(
            owner: words.count > 2 ? try? OwnerID(String(words[2])) : nil,
            duration: words.count > 1 ? .nanoseconds(Int64(words[1]) ?? 0) : .zero, value: Array(bytes[(end + 1)...]),
            version: words.first.flatMap { UInt64($0) } ?? 0)
    }

    package var bytes: [UInt8] {
        let head = "\(self.version) \(self.duration.clampedNanoseconds) \(self.owner?.rawValue ?? "")\n"
        return Self.mark + Array(head.utf8) + self.value
    }
}
#endif
