import ColonyProxy

extension FramingCorpus {
    private static func options(_ count: Int) -> String {
        (0..<count).map { "o\($0)" }.joined(separator: ",")
    }

    static let fieldLines: [FramingCase] = [
        line("whitespace around a value", "RFC 9112 5.1", "A: \t b \t", .reads(.none)),
        line("no whitespace", "RFC 9112 5.1", "A:b", .reads(.none)),
        line("an empty value", "RFC 9110 5.5", "A:", .reads(.none)),
        line("a value of whitespace", "RFC 9110 5.5", "A: \t ", .reads(.none)),
        line("a colon in a value", "RFC 9110 5.5", "A: b:c", .reads(.none)),
        line("a tabulator in a value", "RFC 9110 5.5", "A: b\tc", .reads(.none)),
        line("bytes above 127 in a value", "RFC 9110 5.5", "A: \u{E9}\u{80}\u{FF}", .reads(.none)),
        line("each byte of a token in a name", "RFC 9110 5.6.2", "!#$%&'*+-.^_`|~09azAZ: b", .reads(.none)),
        line("a space before the colon", "RFC 9112 5.1", "A : b", .refuses(.whitespaceBeforeColon)),
        line("a tabulator before the colon", "RFC 9112 5.1", "A\t: b", .refuses(.whitespaceBeforeColon)),
        line("a space in a name", "RFC 9110 5.1", "A B: c", .refuses(.whitespaceBeforeColon)),
        line("no colon", "RFC 9112 5", "A", .refuses(.invalidFieldName)),
        line("no name", "RFC 9110 5.1", ": b", .refuses(.invalidFieldName)),
        line("a bracket in a name", "RFC 9110 5.1", "A(: b", .refuses(.invalidFieldName)),
        line("a quote in a name", "RFC 9110 5.1", "\"A\": b", .refuses(.invalidFieldName)),
        line("a NUL in a name", "RFC 9110 5.1", "A\u{0}: b", .refuses(.invalidFieldName)),
        line("a byte above 127 in a name", "RFC 9110 5.1", "\u{C4}: b", .refuses(.invalidFieldName)),
        line("a NUL in a value", "RFC 9110 5.5", "A: b\u{0}c", .refuses(.controlInValue)),
        line("a vertical tabulator in a value", "RFC 9110 5.5", "A: b\u{B}c", .refuses(.controlInValue)),
        line("a DEL in a value", "RFC 9110 5.5", "A: b\u{7F}", .refuses(.controlInValue)),
        line("an escape in a value", "RFC 9110 5.5", "A: \u{1B}[2J", .refuses(.controlInValue)),
        line("a bare carriage return in a value", "RFC 9112 2.2", "A: b\rC: d", .refuses(.bareCarriageReturn)),
        line("a bare line feed in a value", "RFC 9112 2.2", "A: b\nC: d", .refuses(.bareLineFeed)),
        line("a bare line feed behind a name", "RFC 9112 2.2", "A\nB: c", .refuses(.bareLineFeed)),
        line("a folded value", "RFC 9112 5.2", "A: b\r\n c", .refuses(.foldedField)),
        line("a value folded with a tabulator", "RFC 9112 5.2", "A: b\r\n\tc", .refuses(.foldedField)),
        FramingCase(
            "whitespace before the first field", "RFC 9112 2.2", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            .refuses(.foldedField)),
        FramingCase(
            "a head that ends with line feeds", "RFC 9112 2.2", "GET / HTTP/1.1\r\nHost: a\r\n\n",
            .refuses(.bareLineFeed)),
        FramingCase(
            "a head that ends with a carriage return", "RFC 9112 2.2", "GET / HTTP/1.1\r\nHost: a\r\n\rX",
            .refuses(.bareCarriageReturn)),
        FramingCase("as many fields as there may be", "RFC 9110 5.4", fields(100), .reads(.none)),
        FramingCase("too many fields", "RFC 6585 5", fields(101), .refuses(.tooManyFields)),
        FramingCase(
            "a head at its limit", "RFC 9110 5.4", sized(300), .reads(.none), limits: HeadLimits(maximumHeadBytes: 300)),
        FramingCase(
            "a head over its limit", "RFC 6585 5", sized(301), .refuses(.headTooLarge),
            limits: HeadLimits(maximumHeadBytes: 300)),
        FramingCase("a head of more than 32 KiB", "RFC 6585 5", sized(33_000), .refuses(.headTooLarge)),
        FramingCase("half a field", "RFC 9112 5", "GET / HTTP/1.1\r\nHost: a\r\nA: b", .waits),
        FramingCase("half a bad field", "RFC 9112 5", "GET / HTTP/1.1\r\nHost: a\r\nA (b", .waits),
        line("options of Connection, some of them empty", "RFC 9110 5.6.1", "Connection: a, , b,", .reads(.none)),
        line(
            "too many options of Connection", "RFC 9110 7.6.1", "Connection: \(options(17))",
            .refuses(.tooManyConnectionOptions)),
    ]

    static let hosts: [FramingCase] = [
        FramingCase("no Host", "RFC 9112 3.2", "GET / HTTP/1.1\r\n\r\n", .refuses(.missingHost)),
        FramingCase("an empty Host", "RFC 9112 3.2", "GET / HTTP/1.1\r\nHost:\r\n\r\n", .reads(.none)),
        FramingCase(
            "two Hosts", "RFC 9112 3.2", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .refuses(.repeatedHost)),
        FramingCase(
            "the same Host twice", "RFC 9112 3.2", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
            .refuses(.repeatedHost)),
        FramingCase(
            "two Hosts in HTTP/1.0", "RFC 9112 3.2", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            .refuses(.repeatedHost)),
        host("a name with a port", "a.example:8080", .reads(.none)),
        host("an empty port", "a.example:", .reads(.none)),
        host("an address", "127.0.0.1:80", .reads(.none)),
        host("an address of IP version 6", "[::1]:80", .reads(.none)),
        host("an underscore", "my_service", .reads(.none)),
        host("a percent-encoded byte", "a%2Db", .reads(.none)),
        host("a port that is too large", "a:65536", .refuses(.invalidHost)),
        host("a port of letters", "a:b", .refuses(.invalidHost)),
        host("a port with a sign", "a:+80", .refuses(.invalidHost)),
        host("two ports", "a:80:80", .refuses(.invalidHost)),
        host("a path", "a/b", .refuses(.invalidHost)),
        host("a backslash", "a\\b", .refuses(.invalidHost)),
        host("a user", "u@a", .refuses(.invalidHost)),
        host("a space", "a b", .refuses(.invalidHost)),
        host("a list", "a,b", .refuses(.invalidHost)),
        host("a question mark", "a?b", .refuses(.invalidHost)),
        host("a fragment", "a#b", .refuses(.invalidHost)),
        host("a byte above 127", "\u{E9}", .refuses(.invalidHost)),
        host("half a percent-encoding", "a%2", .refuses(.invalidHost)),
        host("an open bracket", "[::1", .refuses(.invalidHost)),
        host("letters in brackets", "[a.example]", .refuses(.invalidHost)),
        host("something behind the bracket", "[::1]a", .refuses(.invalidHost)),
        host("only a port", ":80", .refuses(.invalidHost)),
    ]

    private static func host(_ name: String, _ value: String, _ answer: FramingCase.Answer) -> FramingCase {
        FramingCase("Host with \(name)", "RFC 9112 3.2", "GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n", answer)
    }

    private static func line(
        _ name: String, _ rule: String, _ line: String, _ answer: FramingCase.Answer
    ) -> FramingCase {
        FramingCase(name, rule, "GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\nZ: z\r\n\r\n", answer)
    }

    private static func fields(_ count: Int) -> String {
        let lines = (1..<count).map { "F\($0): v\r\n" }.joined()
        return "GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n"
    }

    private static func sized(_ count: Int) -> String {
        let around = "GET / HTTP/1.1\r\nHost: a\r\nA: \r\n\r\n"
        let padding = String(repeating: "x", count: count - around.unicodeScalars.count)
        return "GET / HTTP/1.1\r\nHost: a\r\nA: \(padding)\r\n\r\n"
    }
}
