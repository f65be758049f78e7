import ColonyCore
import Foundation
import NIOCore
import Testing

@testable import ColonyServer

@Suite("The JSON reader")
struct JSONReaderTests {
    private struct Value: Equatable {
        var text: String?
        var number: UInt64?
        var flag: Bool?
        var list: [Int64]?
    }

    private static let members: [StaticString] = ["text", "number", "flag", "list"]

    private func read(_ text: String) throws(JSONDefect) -> Value { try self.read(Array(text.utf8)) }

    private func read(_ bytes: [UInt8]) throws(JSONDefect) -> Value {
        let result = bytes.withUnsafeBytes { raw -> Result<Value, JSONDefect> in
            var value = Value()
            var reader = JSONReader(raw)
            do throws(JSONDefect) {
                try reader.readDocument(Self.members) { reader, index throws(JSONDefect) in
                    switch index {
                    case 0: value.text = try reader.readString()
                    case 1: value.number = try reader.readUnsigned()
                    case 2: value.flag = try reader.readBool()
                    default:
                        var list: [Int64] = []
                        try reader.readArray(atMost: 5) { reader throws(JSONDefect) in
                            list.append(try reader.readSigned())
                        }
                        value.list = list
                    }
                }
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    @Test("Objects are read with their strings, numbers, flags, and lists")
    func values() throws {
        #expect(try self.read("{}") == Value())
        #expect(
            try self.read(" { \"text\" : \"a\" , \"number\" : 7 ,\n\t\"flag\":true,\"list\":[ 1 , -2 ] }\r\n")
                == Value(text: "a", number: 7, flag: true, list: [1, -2]))
        #expect(try self.read(#"{"number":18446744073709551615}"#).number == .max)
        #expect(try self.read(#"{"list":[]}"#).list == [])
        #expect(try self.read(#"{"n\u0075mber":1}"#).number == 1, "names may have escapes")
    }

    @Test("Numbers without a fraction are whole, however they are written")
    func wholeNumbers() throws {
        #expect(try self.read(#"{"number":1e3}"#).number == 1_000)
        #expect(try self.read(#"{"number":5.0}"#).number == 5)
        #expect(try self.read(#"{"number":-0}"#).number == 0)
        #expect(throws: JSONDefect.self) { try self.read(#"{"number":5.5}"#) }
        #expect(throws: JSONDefect.self) { try self.read(#"{"number":1e300}"#) }
    }

    @Test("Escapes stand for what the RFC says, and half a surrogate pair for nothing")
    func escapes() throws {
        #expect(try self.read(#"{"text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#).text == "\"\\/\u{8}\u{C}\n\r\té😀")
        for text in [
            #"{"text":"\ud83d"}"#, #"{"text":"\ude00"}"#, #"{"text":"\x"}"#, #"{"text":"\u12"}"#, #"{"text":"\"#,
        ] {
            #expect(throws: JSONDefect.self) { try self.read(text) }
        }
    }

    @Test("Errors name the member by its path")
    func paths() {
        #expect(throws: JSONDefect.wrongType(path: "list[1]", expected: "a whole number", found: #"{"a": [1]}"#)) {
            try self.read(#"{"list":[1,{"a": [1]}]}"#)
        }
        #expect(throws: JSONDefect.outOfRange(path: "list", reason: "it has more than 5 elements")) {
            try self.read(#"{"list":[1,2,3,4,5,6]}"#)
        }
        #expect(throws: JSONDefect.unknownMember(path: "nmber", name: "nmber", nearest: "number")) {
            try self.read(#"{"nmber":1}"#)
        }
        #expect(throws: JSONDefect.duplicateMember(path: "flag")) { try self.read(#"{"flag":true,"flag":true}"#) }
    }

    @Test("Deep nesting is refused and does not exhaust the stack")
    func depth() {
        #expect(throws: JSONDefect.self) {
            try self.read(#"{"text":"# + String(repeating: "[", count: 100_000))
        }
    }

    /// A mutation must never crash the reader; and whatever the reader accepts, Foundation accepts with the same
    /// values.
    @Test(
        "A thousand seeds of mutated texts are refused or understood as Foundation understands them", arguments: 0..<20)
    func fuzz(block: Int) throws {
        for seed in 0..<50 {
            var generator = SplitMix(seed: UInt64(block * 50 + seed))
            for _ in 0..<100 {
                var bytes = Array(Self.samples.randomElement(using: &generator)!.utf8)
                for _ in 0..<Int.random(in: 0...4, using: &generator) { Self.mutate(&bytes, &generator) }
                guard let value = try? self.read(bytes) else { continue }
                let parsed = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
                let other = try #require(parsed, "seed \(block * 50 + seed): \(String(decoding: bytes, as: UTF8.self))")
                #expect(value.text == other["text"] as? String)
                #expect(value.flag == other["flag"] as? Bool)
                #expect(value.list?.count == (other["list"] as? [Any])?.count)
                #expect((value.number == nil) == (other["number"] == nil))
            }
        }
    }

    private static let samples = [
        #"{"text":"abc","number":12,"flag":true,"list":[1,2,3]}"#, #"{"text":"\u00e9\n","list":[-1]}"#, "{}",
        #"{"number":1e2,"flag":false}"#, #"{ "text" : "é😀\ud83d\ude00" }"#,
    ]

    private static func mutate(_ bytes: inout [UInt8], _ generator: inout SplitMix) {
        let alphabet = Array(#"{}[]",:\u0123456789eE+-.truefalsn "#.utf8) + [0, 0xFF, 0xC3, 0x1F]
        let byte = alphabet.randomElement(using: &generator)!
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.insert(byte, at: Int.random(in: 0...bytes.count, using: &generator))
        case 1 where !bytes.isEmpty: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &generator))
        case 2 where !bytes.isEmpty: bytes[Int.random(in: 0..<bytes.count, using: &generator)] = byte
        default: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        private var state: UInt64
        init(seed: UInt64) { self.state = seed }
        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var z = self.state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    @Test("What is written can be read back")
    func writing() throws {
        for text in ["", "plain", "q\"b\\n\n\r\t\u{0}\u{1F}", "é😀", String(repeating: "x", count: 1_000)] {
            var buffer = ByteBuffer()
            buffer.writeJSON(#"{"text":"#)
            buffer.writeJSON(string: text)
            buffer.writeJSON("}")
            #expect(try self.read(Array(buffer.readableBytesView)).text == text)
        }
    }

    @Test("The nearest word is found for slips and for names cut short, and not for anything else")
    func nearest() {
        let words = ["ttl_ms", "wait_ms", "owner", "queue"]
        #expect(EditDistance.nearest(to: "onwer", among: words) == "owner")
        #expect(EditDistance.nearest(to: "TTL_MS", among: words) == "ttl_ms")
        #expect(EditDistance.nearest(to: "wait", among: words) == "wait_ms")
        #expect(EditDistance.nearest(to: "nothing", among: words) == nil)
        #expect(EditDistance.between("kitten", "sitting") == 3)
        #expect(EditDistance.between("", "abc") == 3)
    }
}
