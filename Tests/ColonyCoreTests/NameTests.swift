import ColonyCore
import Foundation
import Testing

@Suite("Names")
struct NameTests {
    @Test func `names are equal when their bytes are equal`() throws {
        let composed: LeaseName = "caf\u{E9}"
        let decomposed: LeaseName = "cafe\u{301}"
        #expect(composed.rawValue == decomposed.rawValue, "the strings are equal as strings")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, composed]).count == 2)
        #expect((decomposed < composed) && !(composed < decomposed))
        #expect(try LeaseName(utf8: [0x61]) == "a")
        #expect(try LeaseName(utf8: [0x61]).hashValue == LeaseName("a").hashValue)
    }

    @Test func `names are ordered by their bytes`() throws {
        let texts = ["", "a", "aa", "a/b", "A", "é", "e\u{301}", "日本", "👩‍👩‍👧", "~", "\u{10FFFD}"].dropFirst()
        let sorted = try texts.map { try LeaseName($0) }.sorted()
        #expect(sorted.map(\.rawValue) == texts.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
    }

    @Test(arguments: ["", "a\u{0}b", "\n", "tab\there", "\u{7F}", "\u{85}", "\u{9F}", "\r\n"])
    func `names without content or with control characters are refused, and the error quotes them`(text: String) {
        let error = #expect(throws: InvalidName.self) { try LeaseName(text) }
        #expect(throws: InvalidName.self) { try OwnerID(text) }
        #expect(throws: InvalidName.self) { try NodeID(text) }
        #expect(error?.role == "lock name")
        #expect(error?.quotedValue == NameRules.quoted(text))
        // What is shown has no control characters left.
        #expect(error?.description.unicodeScalars.contains { $0.properties.generalCategory == .control } == false)
    }

    @Test func `a name has up to 255 bytes`() throws {
        #expect(try LeaseName(String(repeating: "x", count: 255)).rawValue.utf8.count == 255)
        #expect(try LeaseName(String(repeating: "é", count: 127) + "x").rawValue.utf8.count == 255)
        let error = #expect(throws: InvalidName.self) { try LeaseName(String(repeating: "é", count: 128)) }
        #expect(error?.reason == "it has 256 bytes, and 255 are the most")
    }

    @Test func `errors name what the text was meant for`() {
        // A literal would go to the initialiser for literals, which does not throw.
        let empty = ""
        #expect(throws: InvalidName(role: "lock name", value: "", reason: "it is empty")) { try LeaseName(utf8: []) }
        #expect(throws: InvalidName(role: "owner", value: "", reason: "it is empty")) { try OwnerID(empty) }
        #expect(throws: InvalidName(role: "node name", value: "", reason: "it is empty")) { try NodeID(empty) }
        let error = #expect(throws: InvalidName.self) { try LeaseName(utf8: "a\nb".utf8) }
        #expect(error?.description == #""a\u{a}b" cannot be a lock name: it contains the control character U+000A"#)
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        for bytes: [UInt8] in [
            [0xFF], [0xC3], [0x61, 0x80], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF4, 0x90, 0x80, 0x80],
        ] {
            let error = #expect(throws: InvalidName.self) { try LeaseName(utf8: bytes) }
            #expect(error?.reason == "it is not UTF-8")
        }
    }

    @Test func `what is quoted is short and prints`() {
        #expect(NameRules.quoted(String(repeating: "x", count: 64)) == "\"" + String(repeating: "x", count: 64) + "\"")
        #expect(NameRules.quoted(String(repeating: "x", count: 65)) == "\"" + String(repeating: "x", count: 64) + "…\"")
        // One character of ten thousand code points.
        #expect(NameRules.quoted("a" + String(repeating: "\u{301}", count: 10_000)).utf8.count < 1_000)
        // These break lines or turn the direction of writing.
        #expect(NameRules.quoted("a\u{2028}b\u{202E}c") == #""a\u{2028}b\u{202e}c""#)
    }

    @Test func `every kind of name is compared by its bytes`() {
        func compare<Name: StoredName>(_ type: Name.Type) where Name.StringLiteralType == String {
            let (short, long): (Name, Name) = ("\u{E9}", "e\u{301}")
            #expect(short != long && long < short)
            #expect(Set([short, long, "\u{E9}"]).count == 2)
        }
        compare(LeaseName.self)
        compare(NodeID.self)
    }

    @Test func `names and owners survive JSON, and bad ones are refused there`() throws {
        struct Both: Codable, Equatable {
            var name: LeaseName
            var owner: OwnerID
            var node: NodeID
        }
        let both = Both(name: "orders/42", owner: .unique(), node: "n1")
        let data = try JSONEncoder().encode(both)
        #expect(try JSONDecoder().decode(Both.self, from: data) == both)
        for bad in [
            #"{"name":"","owner":"o","node":"n"}"#, #"{"name":"n","owner":"a\nb","node":"n"}"#,
            #"{"name":"n","owner":"o","node":"\u0000"}"#,
        ] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(Both.self, from: Data(bad.utf8)) }
        }
    }
}

@Suite("Owners")
struct OwnerTests {
    @Test func `a generated owner reads back as itself`() throws {
        for _ in 1...1_000 {
            let owner = OwnerID.unique()
            let read = try OwnerID(owner.rawValue)
            #expect(read == owner)
            #expect(read.hashValue == owner.hashValue)
            #expect(read.rawValue == owner.rawValue)
        }
    }

    @Test func `generated owners differ, from however many threads`() async {
        let owners = await withTaskGroup(of: [OwnerID].self) { group in
            for _ in 1...8 {
                group.addTask { (1...5_000).map { _ in OwnerID.unique() } }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(owners).count == 40_000)
        #expect(Set(owners.map(\.rawValue)).count == 40_000)
    }

    @Test func `another spelling of a generated owner is another owner`() throws {
        let owner = OwnerID.unique()
        let parts = owner.rawValue.split(separator: "-")
        for other in [
            owner.rawValue.uppercased(), "\(parts[0])-0\(parts[1])", "\(parts[0])-+\(parts[1])", " \(owner.rawValue)",
            "0\(owner.rawValue)", "\(owner.rawValue)-",
        ] where other != owner.rawValue {
            #expect(try OwnerID(other) != owner)
            #expect(try OwnerID(other).rawValue == other)
        }
    }

    @Test func `owners are equal when their bytes are equal`() throws {
        #expect(OwnerID("caf\u{E9}") != OwnerID("cafe\u{301}"))
        let text = "worker"
        #expect(try OwnerID(text) == "worker")
    }
}

@Suite("Tokens")
struct TokenTests {
    @Test func `a token reads what it prints, and nothing else`() {
        for value in [0, 1, 42, UInt64.max] {
            #expect(FencingToken(FencingToken(rawValue: value).description) == FencingToken(rawValue: value))
        }
        for text in ["", "-1", "+1", " 1", "1 ", "01", "0x1", "1.0", "18446744073709551616", "١"] {
            #expect(FencingToken(text) == nil, "\(text)")
        }
        #expect(FencingToken(rawValue: 2) > FencingToken(rawValue: 1))
    }

    @Test func `the first and the last duration of a lease are legal, and their neighbours are not`() throws {
        try LeaseLimits.check(.milliseconds(10))
        try LeaseLimits.check(.seconds(86_400))
        for duration: Duration in [.zero, .seconds(-1), .milliseconds(10) - .nanoseconds(1), .seconds(86_401)] {
            let error = #expect(throws: LeaseError.self) { try LeaseLimits.check(duration) }
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("\(duration)") == true)
        }
    }
}
