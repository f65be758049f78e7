#if ZooKeeper
package import ColonyCore

/// A child of the node of a lock: somebody who holds it or waits for it, as its name says.
///
/// Names are those of Apache Curator, `_c_<UUID>-lock-<ten digits>`; those of kazoo, `<hexadecimal>__lock__<ten digits>`,
/// are understood as well. The digits are given by the ensemble and decide the order. In the UUID of a node of Colony the
/// first half is a digest of the owner, so that an owner finds its nodes by the list of names alone, and the second half is
/// drawn for each node, so that a node whose making went unanswered is recognised.
package struct Contender: Hashable, Sendable {
    /// The name without the path.
    package let name: String
    /// The place in the order, as the ensemble counts.
    package let sequence: Int64
    /// The digits of the place as they are written.
    package let digits: String
    /// The UUID without its dashes, in lower case; empty in the names of others.
    package let guid: String

    private static let curatorMark = "_c_"
    private static let patterns = ["-lock-", "__lock__"]

    /// Reads a name; `nil` for children that are no contenders, such as those of kazoo's read locks.
    package init?(_ name: String) {
        guard let pattern = Self.patterns.first(where: { name.contains($0) }),
            let mark = name.ranges(of: pattern).last
        else { return nil }
        let digits = name[mark.upperBound...]
        guard digits.utf8.count >= 10, let sequence = Int64(digits) else { return nil }
        self.name = name
        self.sequence = sequence
        self.digits = String(digits)
        let front = name[..<mark.lowerBound]
        if front.hasPrefix(Self.curatorMark) {
            let guid = front.dropFirst(Self.curatorMark.count).filter { $0 != "-" }.lowercased()
            self.guid = guid.utf8.count == 32 ? guid : ""
        } else {
            self.guid = ""
        }
    }

    /// Those who stand at a lock, the holder first.
    package static func sorted(_ names: [String]) -> [Contender] {
        names.compactMap { Contender($0) }.sorted {
            $0.sequence == $1.sequence ? $0.name < $1.name : $0.sequence < $1.sequence
        }
    }

    /// Whether the node may belong to the owner; its data says so for certain.
    package func mayBelong(to owner: OwnerID) -> Bool { self.guid.hasPrefix(Self.digest(of: owner)) }

    // MARK: Making names

    /// A UUID, without dashes, that no other node has.
    package static func makeGUID(for owner: OwnerID, random: UInt64) -> String {
        self.digest(of: owner) + NameRules.hexadecimal(random, digits: 16).lowercased()
    }

    /// What a node's name begins with; the ensemble adds ten digits.
    package static func prefix(guid: String) -> String {
        var text = self.curatorMark
        for (index, digit) in guid.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text + "-lock-"
    }

    /// FNV-1a, 64 bits: stable among hosts and versions. Two owners may share a digest; data decides.
    private static func digest(of owner: OwnerID) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in owner.rawValue.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return NameRules.hexadecimal(hash, digits: 16).lowercased()
    }
}

/// How names of locks become names of nodes, and back.
///
/// Letters, digits, `-`, `_`, `~`, and `.` stand for themselves; every other byte is written as `%` and two hexadecimal
/// digits in upper case. Names that ZooKeeper gives a meaning to, `.`, `..`, and `zookeeper`, have their first byte written
/// so. The same name always becomes the same node, so that clients in other languages can make its path.
package enum NodeNaming {
    package static func node(for name: String) -> String {
        let isReserved = name == "." || name == ".." || name == "zookeeper"
        var text = ""
        for (index, byte) in name.utf8.enumerated() {
            if self.isPlain(byte), !(isReserved && index == 0) {
                text.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                text += "%" + NameRules.hexadecimal(byte, digits: 2)
            }
        }
        return text
    }

    /// The name that the node stands for; `nil` for nodes that ``node(for:)`` never makes.
    package static func name(of node: String) -> String? {
        var bytes: [UInt8] = []
        var iterator = node.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard
                let high = iterator.next().flatMap({ Character(UnicodeScalar($0)).hexDigitValue }),
                let low = iterator.next().flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { return nil }
            bytes.append(UInt8(high * 16 + low))
        }
        guard let name = String(validating: bytes, as: UTF8.self), self.node(for: name) == node else { return nil }
        return name
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
#endif
