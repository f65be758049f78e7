import ColonyMemcached
import Testing

@Suite("Answers of memcached are taken apart")
struct MetaParserTests {
    private static let stream =
        "VA 5 c123 t-1 O0\r\nab\r\nc\r\nVA 0 c7 t59 O12\r\n\r\nHD O3\r\nHD\r\nEN\r\nNS O4\r\nEX c0\r\nNF O5\r\n"
        + "SERVER_ERROR object too large for cache\r\nCLIENT_ERROR bad data chunk\r\nERROR\r\n"
        + "ERROR Too many open connections\r\nMN\r\n"

    private static let replies: [MetaReply] = [
        MetaReply(kind: .value(Array("ab\r\nc".utf8)), flags: Self.flags("c123", "t-1", "O0")),
        MetaReply(kind: .value([]), flags: Self.flags("c7", "t59", "O12")),
        MetaReply(kind: .done, flags: Self.flags("O3")), MetaReply(kind: .done), MetaReply(kind: .miss),
        MetaReply(kind: .notStored, flags: Self.flags("O4")), MetaReply(kind: .exists, flags: Self.flags("c0")),
        MetaReply(kind: .notFound, flags: Self.flags("O5")),
        MetaReply(kind: .serverError("object too large for cache")), MetaReply(kind: .clientError("bad data chunk")),
        MetaReply(kind: .unknownCommand("")), MetaReply(kind: .unknownCommand("Too many open connections")),
        MetaReply(kind: .fence),
    ]

    private static func flags(_ words: String...) -> [MetaReply.Flag] {
        words.map { MetaReply.Flag(letter: Array($0.utf8)[0], token: Array($0.utf8.dropFirst())) }
    }

    private static func all(_ parser: inout MetaParser) throws -> [MetaReply] {
        var replies: [MetaReply] = []
        while let reply = try parser.next() { replies.append(reply) }
        return replies
    }

    @Test func `the stream may be cut in two anywhere`() throws {
        let bytes = Array(Self.stream.utf8)
        for cut in 0...bytes.count {
            var parser = MetaParser()
            parser.append(bytes[..<cut])
            var replies = try Self.all(&parser)
            parser.append(bytes[cut...])
            replies += try Self.all(&parser)
            #expect(replies == Self.replies, "cut at \(cut)")
        }
    }

    @Test func `the stream may come byte by byte`() throws {
        var parser = MetaParser()
        var replies: [MetaReply] = []
        for byte in Self.stream.utf8 {
            parser.append(CollectionOfOne(byte))
            replies += try Self.all(&parser)
        }
        #expect(replies == Self.replies)
    }

    @Test func `flags say what was found`() {
        #expect(Self.replies[0].opaque == 0)
        #expect(Self.replies[0].casToken == 123)
        #expect(Self.replies[0].secondsLeft == nil)
        #expect(Self.replies[1].secondsLeft == 59)
        #expect(MetaReply(kind: .done, flags: Self.flags("c18446744073709551615")).casToken == .max)
        #expect(MetaReply(kind: .done, flags: Self.flags("c18446744073709551616")).casToken == nil)
        #expect(MetaReply(kind: .done, flags: Self.flags("cx")).casToken == nil)
    }

    @Test(arguments: [
        "-ERR unknown command 'mg'\r\n", "HTTP/1.1 400 Bad Request\r\n", "\r\n", "HD\n", "VA\r\n", "VA x\r\n",
        "VA -1\r\n", "VA 99999999999999999999\r\n", "VA 1073741825\r\n", "VA 1\r\nabc\r\n", "va 1\r\na\r\n",
        "STORED\r\n", String(repeating: "x", count: 2_100),
    ])
    func `what memcached cannot have said ends the conversation`(text: String) throws {
        var parser = MetaParser()
        parser.append(Array(text.utf8))
        #expect(throws: MetaParser.Nonsense.self) { try Self.all(&parser) }
        parser.append(Array("MN\r\n".utf8))
        #expect(throws: MetaParser.Nonsense.self) { try Self.all(&parser) }
    }

    @Test func `a message shows no control characters`() throws {
        var parser = MetaParser()
        parser.append(Array("\u{1B}[2Jboo\u{7F}\r\n".utf8))
        let nonsense = try #require(throws: MetaParser.Nonsense.self) { try parser.next() }
        #expect(nonsense.line == "\u{FFFD}[2Jboo\u{FFFD}")
    }

    @Test func `no bytes whatever stop the program`() {
        var generator = Seeded(state: 42)
        let whole = Array(Self.stream.utf8)
        let words = [
            "VA ", "HD", "EN", " ", "\r\n", "\n", "\r", "9", "1073741824", "SERVER_ERROR", "ERROR", "MN", "O", "c",
        ]
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes = (0..<Int.random(in: 0..<64, using: &generator)).map { _ in generator.byte() }
            case 1:
                bytes = whole
                for _ in 0..<4 { bytes[Int.random(in: bytes.indices, using: &generator)] = generator.byte() }
            default:
                for _ in 0..<12 {
                    bytes += Array(words[Int.random(in: words.indices, using: &generator)].utf8)
                }
            }
            let cut = Int.random(in: 0...bytes.count, using: &generator)
            // Whole and in two parts must give the same answers and the same end.
            var parser = MetaParser()
            parser.append(bytes)
            let (atOnce, endAtOnce) = Self.drained(&parser)
            parser = MetaParser()
            parser.append(bytes[..<cut])
            var (inParts, endInParts) = Self.drained(&parser)
            if !endInParts {
                parser.append(bytes[cut...])
                let rest = Self.drained(&parser)
                inParts += rest.replies
                endInParts = rest.hasFailed
            }
            #expect(atOnce == inParts && endAtOnce == endInParts, "\(bytes) cut at \(cut)")
        }
    }

    private static func drained(_ parser: inout MetaParser) -> (replies: [MetaReply], hasFailed: Bool) {
        var replies: [MetaReply] = []
        do {
            while let reply = try parser.next() { replies.append(reply) }
            return (replies, false)
        } catch {
            return (replies, true)
        }
    }
}

/// Random numbers that come again.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: self.next()) }
}
