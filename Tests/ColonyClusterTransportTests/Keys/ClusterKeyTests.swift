import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct ClusterKeyTests {
    private let text = "000102030405060708090a0b0c0d0e0f"

    @Test("A key is read from hexadecimal digits and from base 64")
    func bothSpellingsAreOneKey() throws {
        let key = try ClusterKey(bytes: Array(0..<16))
        #expect(try ClusterKey(self.text) == key)
        #expect(try ClusterKey(self.text.uppercased()) == key)
        #expect(try ClusterKey("AAECAwQFBgcICQoLDA0ODw==") == key)
    }

    @Test("Keys of AES-128, AES-192, and AES-256 are taken, and no others", arguments: 0...64)
    func lengthsAreThoseOfAES(count: Int) throws {
        let bytes = (0..<count).map(UInt8.init)
        if [16, 24, 32].contains(count) {
            #expect(throws: Never.self) { try ClusterKey(bytes: bytes) }
        } else {
            let error = #expect(throws: ClusterError.self) { try ClusterKey(bytes: bytes) }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("not \(count)") == true)
        }
    }

    @Test("A key that can be guessed is refused")
    func zeroesAreNoKey() {
        #expect(throws: ClusterError.self) { try ClusterKey(bytes: [UInt8](repeating: 0, count: 32)) }
    }

    @Test("Neither a description, nor a dump, nor an error shows a key")
    func keyIsNotShown() throws {
        let key = try ClusterKey(self.text)
        let ring = try ClusterKeyring(key)
        var dumped = ""
        dump(key, to: &dumped)
        dump(ring, to: &dumped)
        for shown in [key.description, key.debugDescription, "\(ring)", "\(key)", "\([key])", dumped] {
            #expect(!shown.contains(self.text))
            #expect(!shown.contains("[0, 1, 2"))
            #expect(!shown.contains("AAECAw"))
        }
        #expect("\(ring)".contains(key.identifier))
        let secret = "not-a-key-but-a-secret-all-the-same"
        let error = #expect(throws: ClusterError.self) { try ClusterKey(secret) }
        #expect(error?.description.contains(secret) == false)
    }

    @Test("Keys that are drawn differ, and so do their identifiers")
    func drawnKeysDiffer() {
        var generator = SeededGenerator(seed: 11)
        let keys = (0..<100).map { _ in ClusterKey.random(using: &generator) }
        #expect(Set(keys).count == 100)
        #expect(Set(keys.map(\.identifier)).count == 100)
    }

    // MARK: Keyrings

    @Test("A key is replaced in three steps")
    func keyIsReplaced() throws {
        var generator = SeededGenerator(seed: 12)
        let old = ClusterKey.random(using: &generator)
        let new = ClusterKey.random(using: &generator)
        let ring = try ClusterKeyring(old)
        #expect(throws: ClusterError.self) { try ring.use(new) }
        #expect(throws: ClusterError.self) { try ring.remove(old) }
        try ring.add(new)
        try ring.add(new)
        #expect(ring.keys == [old, new])
        try ring.use(new)
        #expect(ring.keys == [new, old])
        try ring.remove(old)
        try ring.remove(old)
        #expect(ring.keys == [new])
    }

    @Test("A keyring has a limit")
    func keyringIsBounded() throws {
        var generator = SeededGenerator(seed: 13)
        let ring = try ClusterKeyring(.random(using: &generator))
        for _ in 1..<ClusterKeyring.mostKeys { try ring.add(.random(using: &generator)) }
        let error = #expect(throws: ClusterError.self) { try ring.add(.random(using: &generator)) }
        #expect(error?.code == .overloaded)
        let keys = (0...ClusterKeyring.mostKeys).map { _ in ClusterKey.random(using: &generator) }
        #expect(throws: ClusterError.self) { try ClusterKeyring(keys[0], others: keys) }
    }

    @Test("A file has the key that seals in its first line, and older ones after it")
    func fileIsRead() throws {
        let file = try KeyFileOnDisk("# rotated in May\n\n \(self.text) \r\nEBESExQVFhcYGRobHB0eHw==\n")
        defer { file.remove() }
        let ring = try ClusterKeyring(file: file.path)
        #expect(ring.keys == [try ClusterKey(bytes: Array(0..<16)), try ClusterKey(bytes: Array(16..<32))])
        try file.write("EBESExQVFhcYGRobHB0eHw==")
        try ring.reload(file: file.path)
        #expect(ring.keys == [try ClusterKey(bytes: Array(16..<32))])
        try file.write("nonsense")
        #expect(throws: ClusterError.self) { try ring.reload(file: file.path) }
        #expect(ring.keys.count == 1)
    }

    @Test(
        "A file without a key says where, and shows nothing of itself",
        arguments: [
            ("", "holds no key"), ("# only this\n", "holds no key"), ("\n\nabcdefgh1234\n", "line 3"),
            (String(repeating: "#", count: 70_000), "longer than"),
        ])
    func badFileIsRefused(content: String, said: String) throws {
        let file = try KeyFileOnDisk(content)
        defer { file.remove() }
        let error = #expect(throws: ClusterError.self) { try ClusterKeyring(file: file.path) }
        #expect(error?.message.contains(said) == true)
        #expect(error?.message.contains("abcdefgh1234") == false)
    }

    @Test("A file that is not there is named")
    func missingFileIsNamed() {
        let error = #expect(throws: ClusterError.self) { try ClusterKeyring(file: "/nowhere/cluster.key") }
        #expect(error?.message.contains("\"/nowhere/cluster.key\" cannot be read: no such file") == true)
    }
}

/// A file that is gone after the test.
private struct KeyFileOnDisk {
    let path: String

    init(_ content: String) throws {
        self.path = FileManager.default.temporaryDirectory.appendingPathComponent("cluster-key-\(UUID())").path
        try self.write(content)
    }

    func write(_ content: String) throws {
        try Data(content.utf8).write(to: URL(fileURLWithPath: self.path))
    }

    func remove() { try? FileManager.default.removeItem(atPath: self.path) }
}
