import ColonyRESP
import Testing

@Suite("The examples of the specification")
struct SpecificationTests {
    static let vectors: [(String, RESPValue)] = [
        ("+OK\r\n", .simpleString(utf8("OK"))),
        ("+hello world\r\n", .simpleString(utf8("hello world"))),
        ("-Error message\r\n", .simpleError(utf8("Error message"))),
        ("-WRONGTYPE Operation against a key\r\n", .simpleError(utf8("WRONGTYPE Operation against a key"))),
        (":0\r\n", .integer(0)), (":1000\r\n", .integer(1000)), (":+7\r\n", .integer(7)), (":-42\r\n", .integer(-42)),
        (":9223372036854775807\r\n", .integer(.max)), (":-9223372036854775808\r\n", .integer(.min)),
        ("$5\r\nhello\r\n", .bulk("hello")), ("$0\r\n\r\n", .bulk("")), ("$4\r\na\r\nb\r\n", .bulk("a\r\nb")),
        ("$-1\r\n", .null), ("*-1\r\n", .nullArray), ("_\r\n", .null),
        ("*0\r\n", .array([])),
        ("*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n", .array([.bulk("hello"), .bulk("world")])),
        ("*3\r\n:1\r\n:2\r\n:3\r\n", .array([.integer(1), .integer(2), .integer(3)])),
        (
            "*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*2\r\n+Hello\r\n-World\r\n",
            .array([
                .array([.integer(1), .integer(2), .integer(3)]),
                .array([.simpleString(utf8("Hello")), .simpleError(utf8("World"))]),
            ])
        ),
        ("*3\r\n$5\r\nhello\r\n$-1\r\n$5\r\nworld\r\n", .array([.bulk("hello"), .null, .bulk("world")])),
        ("#t\r\n", .boolean(true)), ("#f\r\n", .boolean(false)),
        (",1.23\r\n", .double(1.23)), (",10\r\n", .double(10)), (",-0.5e-3\r\n", .double(-0.0005)),
        (",inf\r\n", .double(.infinity)), (",-inf\r\n", .double(-.infinity)),
        (
            "(3492890328409238509324850943850943825024385\r\n",
            .bigNumber(utf8("3492890328409238509324850943850943825024385"))
        ),
        ("!21\r\nSYNTAX invalid syntax\r\n", .blobError(utf8("SYNTAX invalid syntax"))),
        ("=15\r\ntxt:Some string\r\n", .verbatimString(.plain, utf8("Some string"))),
        (
            "%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n",
            .map([
                RESPPair(.simpleString(utf8("first")), .integer(1)),
                RESPPair(.simpleString(utf8("second")), .integer(2)),
            ])
        ),
        (
            "~5\r\n+orange\r\n+apple\r\n#t\r\n:100\r\n:999\r\n",
            .set([
                .simpleString(utf8("orange")), .simpleString(utf8("apple")), .boolean(true), .integer(100),
                .integer(999),
            ])
        ),
        (
            ">4\r\n+pubsub\r\n+message\r\n+somechannel\r\n+this is the message\r\n",
            .push([
                .simpleString(utf8("pubsub")), .simpleString(utf8("message")), .simpleString(utf8("somechannel")),
                .simpleString(utf8("this is the message")),
            ])
        ),
        (
            "|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.1923\r\n$1\r\nb\r\n,0.0012\r\n*2\r\n:2039123\r\n:9543892\r\n",
            .attributed(
                [
                    RESPPair(
                        .simpleString(utf8("key-popularity")),
                        .map([RESPPair(.bulk("a"), .double(0.1923)), RESPPair(.bulk("b"), .double(0.0012))]))
                ], .array([.integer(2_039_123), .integer(9_543_892)]))
        ),
        (
            "*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n",
            .array([
                .integer(1), .integer(2),
                .attributed([RESPPair(.simpleString(utf8("ttl")), .integer(3600))], .integer(3)),
            ])
        ),
        ("$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;1\r\nd\r\n;0\r\n", .bulk("Hello word")),
        ("$?\r\n;0\r\n", .bulk("")),
        ("*?\r\n:1\r\n:2\r\n:3\r\n.\r\n", .array([.integer(1), .integer(2), .integer(3)])),
        (
            "%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
            .map([RESPPair(.simpleString(utf8("a")), .integer(1)), RESPPair(.simpleString(utf8("b")), .integer(2))])
        ),
        ("~?\r\n*?\r\n.\r\n.\r\n", .set([.array([])])),
    ]

    @Test("each is read as the specification says", arguments: Self.vectors)
    func vector(text: String, value: RESPValue) throws {
        #expect(try parsed(text) == [value])
    }

    @Test("each is read alike, wherever the bytes are cut", arguments: Self.vectors)
    func everySplit(text: String, value: RESPValue) throws {
        let bytes = utf8(text)
        for cut in 0...bytes.count {
            var parser = RESPParser()
            parser.feed(Array(bytes[..<cut]))
            var values = try drained(&parser)
            #expect(cut == bytes.count || values.isEmpty)
            parser.feed(Array(bytes[cut...]))
            values += try drained(&parser)
            #expect(values == [value])
            #expect(parser.isBetweenValues)
        }
        var parser = RESPParser()
        var values: [RESPValue] = []
        for byte in bytes {
            parser.feed([byte])
            values += try drained(&parser)
        }
        #expect(values == [value])
    }

    @Test("what is not a number is read and written")
    func notANumber() throws {
        guard case .double(let number)? = try parsed(",nan\r\n").first else {
            Issue.record("no double was read")
            return
        }
        #expect(number.isNaN)
        #expect(encoded(.double(.nan), .three) == ",nan\r\n")
        #expect(encoded(.double(.nan), .two) == "$3\r\nnan\r\n")
    }

    @Test("version 2 is told in its own words, as Redis does")
    func downgrades() {
        let one = RESPValue.integer(1)
        let expected: [(RESPValue, String)] = [
            (.null, "$-1\r\n"), (.nullArray, "*-1\r\n"), (.boolean(true), ":1\r\n"), (.boolean(false), ":0\r\n"),
            (.double(1.5), "$3\r\n1.5\r\n"), (.double(10), "$2\r\n10\r\n"), (.double(.infinity), "$3\r\ninf\r\n"),
            (.bigNumber(utf8("123")), "$3\r\n123\r\n"), (.verbatimString(.plain, utf8("a")), "$1\r\na\r\n"),
            (.blobError(utf8("ERR a\r\nb")), "-ERR a  b\r\n"),
            (.map([RESPPair(one, .null)]), "*2\r\n:1\r\n$-1\r\n"), (.set([one]), "*1\r\n:1\r\n"),
            (.push([one]), "*1\r\n:1\r\n"), (.attributed([RESPPair(one, one)], .boolean(true)), ":1\r\n"),
        ]
        for (value, text) in expected { #expect(encoded(value, .two) == text) }
    }

    @Test("what is streamed in pieces is read as a whole")
    func streamedEncoding() throws {
        var encoder = RESPEncoder()
        encoder.beginStreamed(.array)
        encoder.beginStreamedString()
        encoder.appendChunk(utf8("ab"))
        encoder.appendChunk([])
        encoder.appendChunk(utf8("c"))
        encoder.endStreamedString()
        encoder.encode(.integer(1))
        encoder.endStreamed()
        #expect(try parsed(encoder.bytes) == [.array([.bulk("abc"), .integer(1)])])
    }

    @Test("a line end inside of an error cannot pass for the next answer")
    func noInjection() throws {
        #expect(try parsed(encoded(.simpleError(utf8("ERR \r\n+OK")), .three)) == [.simpleError(utf8("ERR   +OK"))])
    }
}
