import ColonyRESP
import Testing

@Suite("Commands, as a server reads them")
struct CommandTests {
    private func commands(
        _ text: String, limits: RESPCommandParser.Limits = .init()
    ) throws(RESPError) -> [[String]] {
        var parser = RESPCommandParser(limits: limits)
        parser.feed(utf8(text))
        var result: [[String]] = []
        while let words = try parser.next() { result.append(words.map { String(decoding: $0, as: UTF8.self) }) }
        return result
    }

    @Test("arrays of bulk strings and typed lines may follow each other")
    func mixed() throws {
        let text = "*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n\r\n*0\r\n*-1\r\nSET  a\t\"x y\"\n*1\r\n$4\r\nPING\r\n"
        #expect(try self.commands(text) == [["GET", "a"], ["PING"], ["SET", "a", "x y"], ["PING"]])
    }

    @Test("what the encoder writes is read, wherever it is cut")
    func everySplit() throws {
        var bytes: [UInt8] = []
        RESPCommandEncoding.append(command: "SET", "key", "", to: &bytes)
        RESPCommandEncoding.append(command: [utf8("GET"), [0, 13, 10, 255]], to: &bytes)
        for cut in 0...bytes.count {
            var parser = RESPCommandParser()
            var words: [[[UInt8]]] = []
            for piece in [bytes[..<cut], bytes[cut...]] {
                parser.feed(Array(piece))
                while let command = try parser.next() { words.append(command) }
            }
            #expect(words == [[utf8("SET"), utf8("key"), []], [utf8("GET"), [0, 13, 10, 255]]])
        }
    }

    @Test("a key goes out behind its prefix")
    func prefix() throws {
        var bytes: [UInt8] = []
        RESPCommandEncoding.begin(2, &bytes)
        RESPCommandEncoding.append(word: "GET", to: &bytes)
        RESPCommandEncoding.append(word: "é", prefix: utf8("shop:"), to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "*2\r\n$3\r\nGET\r\n$7\r\nshop:é\r\n")
    }

    @Test("quotes and escapes are those of Redis")
    func quotes() throws {
        let lines: [(String, [String])] = [
            (#"a "b\n\x41\"" 'c\'d\n'"#, ["a", "b\nA\"", #"c'd\n"#]), (#""" ''"#, ["", ""]), ("  ", []),
            (#"a"b""#, ["ab"]), (#""\q\xZZ""#, ["qxZZ"]),
        ]
        for (line, words) in lines {
            #expect(try RESPCommandParser.split(utf8(line)).map { String(decoding: $0, as: UTF8.self) } == words)
        }
        for line in [#""a"#, "'a", #""a"b"#, "'a'b"] {
            #expect(throws: RESPError.self) { try RESPCommandParser.split(utf8(line)) }
        }
    }

    @Test(
        "what breaks the grammar or the limits is refused",
        arguments: [
            "*a\r\n", "*1048577\r\n", "*1\r\n:1\r\n", "*1\r\n$-1\r\n", "*1\r\n$536870913\r\n", "*1\r\n$1\r\nab\r\n",
            "*1\r\n\r\n", "*1\n", "GET \"a\r\n", String(repeating: "a", count: 70_000),
        ])
    func refused(text: String) {
        #expect(throws: RESPError.self) { try self.commands(text) }
    }

    @Test("the bytes of one command are bounded")
    func commandBytes() {
        var limits = RESPCommandParser.Limits()
        limits.commandBytes = 10
        #expect(throws: RESPError.self) { try self.commands("*2\r\n$6\r\nabcdef\r\n$6\r\n", limits: limits) }
    }
}
