#if Etcd
internal import ColonyCore
internal import FoundationEssentials

/// Where things lie in etcd: `PREFIX NAME / CONTENDER`.
///
/// This is the layout of etcd's own concurrency package, by which `etcdctl lock NAME` and any client built on that package
/// contend: whoever has the key with the lowest revision of creation under `NAME/` holds the name. Those clients end their keys
/// with the number of their lease. Here a key ends with its owner, percent-encoded, because then a repeated request finds what a
/// lost answer has left, from whichever client.
///
/// A slash in the last part is encoded, so that what lies deeper, which belongs to a name such as `orders/42`, is told apart from
/// the contenders for `orders`.
struct EtcdKeys: Sendable {
    let prefix: String

    private static let slash = UInt8(ascii: "/")

    /// What is read to see whether a member answers.
    var probe: Data { Data((self.prefix + "/").utf8) }

    /// What the keys of all contenders for `name` begin with.
    func folder(_ name: LeaseName) -> Data { Data("\(self.prefix)\(name.rawValue)/".utf8) }

    /// The key of `owner` in the folder of a name.
    func key(_ folder: Data, _ owner: OwnerID) -> Data { folder + Data(Self.encoded(owner.rawValue)) }

    /// What comes after every key in the folder.
    func end(_ folder: Data) -> Data { Self.end(ofPrefix: folder) }

    /// Whether `key` is that of a contender for the name of `folder`, and not of a deeper name.
    func isContender(_ key: Data, in folder: Data) -> Bool {
        key.count > folder.count && !key.dropFirst(folder.count).contains(Self.slash)
    }

    /// The name and the last part of a key, unless it is none of a contender.
    func parts(of key: Data) -> (name: LeaseName, contender: String)? {
        let bytes = key.dropFirst(self.prefix.utf8.count)
        guard let slash = bytes.lastIndex(of: Self.slash), slash > bytes.startIndex,
            let name = try? LeaseName(utf8: bytes[..<slash])
        else { return nil }
        let contender = bytes[bytes.index(after: slash)...]
        return contender.isEmpty ? nil : (name, String(decoding: contender, as: UTF8.self))
    }

    /// What stands between the parts of keys that are none of locks. No name and no owner has it, so that nothing meets.
    private static let separator = "\u{1}"

    /// What the keys of all who hold or claim permits of `name` begin with.
    func permitFolder(_ name: LeaseName) -> Data {
        Data((self.prefix + [Self.separator, "permits", name.rawValue, ""].joined(separator: Self.separator)).utf8)
    }

    /// The key of what `owner` holds of permits.
    func holdKey(_ folder: Data, _ owner: OwnerID) -> Data { folder + Data("held\(Self.separator)\(owner)".utf8) }

    /// The key of the place of `owner` among those who ask for permits.
    func claimKey(_ folder: Data, _ owner: OwnerID) -> Data { folder + Data("claim\(Self.separator)\(owner)".utf8) }

    /// What `text` begins all keys of names with.
    func start(ofNamesWith text: String) -> Data { Data((self.prefix + text).utf8) }

    /// The first key that does not begin with `prefix`.
    static func end(ofPrefix prefix: Data) -> Data {
        var end = prefix
        while let last = end.last {
            if last < 0xFF {
                end[end.index(before: end.endIndex)] = last + 1
                return end
            }
            end.removeLast()
        }
        // To the end of all keys.
        return Data([0])
    }

    private static func encoded(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case Self.slash: result += Array("%2F".utf8)
            case UInt8(ascii: "%"): result += Array("%25".utf8)
            default: result.append(byte)
            }
        }
        return result
    }
}
#endif
