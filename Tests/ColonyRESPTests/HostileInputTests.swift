import ColonyRESP
import Testing

@Suite("A parser and peers that it does not trust")
struct HostileInputTests {
    @Test(
        "what breaks the grammar is refused",
        arguments: [
            "hello\r\n", "\r\n", ":\r\n", ":1a\r\n", ":9223372036854775808\r\n", ":-9223372036854775809\r\n",
            ":--1\r\n",
            "$-2\r\n", "$a\r\n", "$\r\n", "$3\r\nabcd\r\n", "$3\r\nabc\rX", "*-2\r\n", "*x\r\n", "#x\r\n", "#\r\n",
            "#tt\r\n", "_x\r\n", ",\r\n", ",1.\r\n", ",.5\r\n", ",0x10\r\n", ",infinity\r\n", ",1e\r\n", ",1 \r\n",
            "(\r\n", "(12a\r\n", "(-\r\n", "=2\r\nab\r\n", "=4\r\nabcd\r\n", "%-1\r\n", "~-1\r\n", ">-1\r\n", "|-1\r\n",
            ">?\r\n", "|?\r\n", ".\r\n", "*1\r\n.\r\n", "%?\r\n+a\r\n.\r\n", "*?\r\n|1\r\n+a\r\n+b\r\n.\r\n",
            "$?\r\n+a\r\n", "$?\r\n;-1\r\n", "+OK\n",
        ])
    func malformed(text: String) {
        let error = #expect(throws: RESPError.self) { try parsed(text) }
        #expect(error?.code == .malformed)
    }

    @Test("promised lengths reserve nothing, and those beyond the limits are refused")
    func hostileLengths() throws {
        for text in ["*16777216\r\n", "%8388608\r\n", "~16777216\r\n", "$536870912\r\n", "$?\r\n;536870912\r\n"] {
            #expect(try parsed(text).isEmpty)
        }
        for text in [
            "*16777217\r\n", "%8388609\r\n", "$536870913\r\n", "!9223372036854775807\r\n", "*9223372036854775807\r\n",
            "$?\r\n;1\r\na\r\n;536870912\r\n",
        ] {
            let error = #expect(throws: RESPError.self) { try parsed(text) }
            #expect(error?.code == .tooLong, "\(text)")
        }
        var limits = RESPLimits()
        limits.stringBytes = .max
        limits.elements = .max
        #expect(try parsed(utf8("*9223372036854775807\r\n$9223372036854775807\r\nab"), limits).isEmpty)
    }

    @Test("depth is bounded for every aggregate, and attributes in a row count as depth")
    func depth() throws {
        for opener in ["*1\r\n", "~1\r\n", ">1\r\n", "%1\r\n", "|1\r\n", "*?\r\n", "|0\r\n"] {
            let text = String(repeating: opener, count: 65)
            let error = #expect(throws: RESPError.self) { try parsed(text) }
            #expect(error?.code == .tooDeep, "\(opener)")
        }
        let deep = String(repeating: "*1\r\n", count: 64) + ":1\r\n"
        #expect(try parsed(deep).count == 1)
    }

    @Test("a line that does not end is refused at the limit")
    func endlessLine() {
        var parser = RESPParser()
        parser.feed(utf8("+"))
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 4096)
        let error = #expect(throws: RESPError.self) {
            for _ in 0..<17 {
                parser.feed(piece)
                _ = try parser.next()
            }
        }
        #expect(error?.code == .tooLong)
        #expect(error?.excerpt.count == 64)
    }

    @Test("a value of many small parts is refused at the limit of its bytes")
    func valueBytes() {
        var limits = RESPLimits()
        limits.valueBytes = 1000
        var bytes = utf8("*?\r\n")
        for _ in 0..<300 { bytes += utf8(":1\r\n") }
        let error = #expect(throws: RESPError.self) { try parsed(bytes, limits) }
        #expect(error?.code == .tooLong)
    }

    @Test("after an error the parser says the same again")
    func sticky() {
        var parser = RESPParser()
        parser.feed(utf8("hello\r\n+OK\r\n"))
        let first = #expect(throws: RESPError.self) { try parser.next() }
        let second = #expect(throws: RESPError.self) { try parser.next() }
        #expect(first == second)
        #expect(first?.excerpt == "hello")
    }

    @Test("mutated streams never trap, and every cut gives the same values or the same kind of error")
    func mutations() {
        for seed in 0..<3000 as Range<UInt64> {
            var generator = ValueGenerator(seed: seed)
            var encoder = RESPEncoder(version: .three)
            for _ in 0..<3 { encoder.encode(generator.value()) }
            var bytes = encoder.bytes
            var chance = Seeded(seed ^ 0xF00D)
            for _ in 0..<Int.random(in: 1...6, using: &chance) where !bytes.isEmpty {
                let index = Int.random(in: bytes.indices, using: &chance)
                switch Int.random(in: 0..<5, using: &chance) {
                case 0: bytes[index] = .random(in: 0...255, using: &chance)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(utf8("*$%~>|:,#_;.?0123456789-\r\n").randomElement(using: &chance) ?? 0, at: index)
                case 3: bytes.removeSubrange(index...)
                default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
                }
            }
            let whole = Self.outcome(bytes, cuttingAt: [])
            let cuts = (0..<5).map { _ in Int.random(in: 0...bytes.count, using: &chance) }.sorted()
            let pieces = Self.outcome(bytes, cuttingAt: cuts)
            #expect(whole.values == pieces.values, "seed \(seed)")
            #expect((whole.error == nil) == (pieces.error == nil), "seed \(seed)")

            var commands = RESPCommandParser()
            commands.feed(bytes)
            do { while try commands.next() != nil {} } catch { #expect(!error.reason.isEmpty) }
        }
    }

    private static func outcome(_ bytes: [UInt8], cuttingAt cuts: [Int]) -> (values: [String], error: RESPError.Code?) {
        var parser = RESPParser()
        var values: [String] = []
        var start = 0
        do {
            for cut in cuts + [bytes.count] {
                parser.feed(Array(bytes[start..<cut]))
                start = cut
                // Texts, because what is not a number does not equal itself.
                while let value = try parser.next() { values.append("\(value)") }
            }
        } catch {
            return (values, error.code)
        }
        return (values, nil)
    }
}

@Suite("Values there and back")
struct RoundTripTests {
    @Test("every value of version 3 comes back as it was, wherever the bytes are cut")
    func versionThree() throws {
        for seed in 0..<2000 as Range<UInt64> {
            var generator = ValueGenerator(seed: seed)
            let values = (0..<4).map { _ in generator.value() }
            var encoder = RESPEncoder(version: .three)
            for value in values { encoder.encode(value) }
            #expect(try parsed(encoder.bytes) == values, "seed \(seed)")
            var parser = RESPParser()
            var read: [RESPValue] = []
            var rest = encoder.bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...9, using: &generator.chance))
                rest = rest.dropFirst(piece.count)
                parser.feed(Array(piece))
                read += try drained(&parser)
            }
            #expect(read == values, "seed \(seed)")
        }
    }

    @Test("every value that version 2 knows comes back as it was")
    func versionTwo() throws {
        for seed in 0..<500 as Range<UInt64> {
            var generator = ValueGenerator(seed: seed)
            let value = generator.value(isPlain: true)
            var encoder = RESPEncoder(version: .two)
            encoder.encode(value)
            #expect(try parsed(encoder.bytes) == [value], "seed \(seed)")
        }
    }

    @Test("a large string in small pieces is read in linear time")
    func largeStringInPieces() throws {
        // Quadratic work on 16 MiB in pieces of 1 KiB would touch 128 GiB, which no deadline of a test run allows.
        let count = 16 << 20
        var parser = RESPParser()
        parser.feed(utf8("*2\r\n$\(count)\r\n"))
        let piece = [UInt8](repeating: 7, count: 1024)
        for _ in 0..<(count / piece.count) {
            #expect(try parser.next() == nil)
            parser.feed(piece)
        }
        parser.feed(utf8("\r\n:1\r\n"))
        let value = try parser.next()
        #expect(value?.elements?.first?.bytes?.count == count)
        #expect(parser.unreadBytes == 0)
    }
}
