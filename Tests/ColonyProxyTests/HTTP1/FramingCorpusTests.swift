import ColonyProxy
import NIOCore
import Testing

@Suite("Framing of HTTP/1.1")
struct FramingCorpusTests {
    @Test("every message of the corpus gets the answer that the rules demand", arguments: FramingCorpus.all)
    func answers(_ item: FramingCase) throws {
        let events = item.events(in: try GuardedMemory(capacity: item.bytes.count))
        #expect(FramingCase.answer(events) == item.answer, "\(events)")
    }

    @Test("a message is read alike however its bytes are cut", arguments: FramingCorpus.all)
    func cuts(_ item: FramingCase) throws {
        let memory = try GuardedMemory(capacity: item.bytes.count)
        let whole = item.events(in: memory)
        let bytewise = item.events(cutAt: Array(item.bytes.indices), in: memory)
        #expect(bytewise == whole)
        // Long ones are long because of one run of bytes: some cuts in it stand for all.
        let count = item.bytes.count
        for cut in 0...count where count < 1_000 || cut < 100 || count - cut < 100 || cut % 509 == 0 {
            let halves = item.events(cutAt: [cut], in: memory)
            if halves != whole { Issue.record("cut at \(cut): \(halves), whole: \(whole)") }
        }
    }

    /// The framing half of the pitfall: nothing whose end two readers could see in two places gets through, and what
    /// belongs to one connection does not reach the next.
    @Test func framingIsStrict() throws {
        let refused = FramingCorpus.all.filter { item in
            switch item.answer {
            case .refuses, .breaks: true
            case .reads, .waits: false
            }
        }
        #expect(refused.count > 100)
        for item in refused {
            let events = item.events(in: try GuardedMemory(capacity: item.bytes.count))
            #expect(events.last?.isRefusal == true, "\(item.testDescription): \(events)")
            #expect(FramingCase.answer(events) == item.answer)
        }
        let lines = [
            "Connection: close, X-Mine, Content-Length, Host, X-Forwarded-For", "Keep-Alive: timeout=5",
            "Proxy-Connection: keep-alive", "TE: gzip, trailers", "Upgrade: h2c", "HTTP2-Settings: AAMA",
            "X-Mine: 1", "X-Forwarded-For: 1.2.3.4", "X_Forwarded_For: 6.6.6.6", "Transfer_Encoding: chunked",
            "Content-Length: 005",
        ]
        let written = try Rewriting.request(
            "POST /a HTTP/1.1\r\nHost: a\r\n\(lines.joined(separator: "\r\n"))\r\n\r\n")
        #expect(
            written == "POST /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: 5\r\n"
                + "TE: trailers\r\nConnection: TE\r\n\r\n")
    }

    @Test("a head that comes byte by byte costs no more than its bytes")
    func slowHeads() throws {
        // One line of a megabyte: looking at each byte again for each that comes would take hours.
        let limits = HeadLimits(maximumHeadBytes: 1 << 20)
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nA: ".utf8) + Array(repeating: UInt8(ascii: "x"), count: 1 << 20)
        var parser = RequestHeadParser(limits: limits)
        bytes.withUnsafeBytes { bytes in
            for count in 1..<(1 << 20)
            where parser.parse(UnsafeRawBufferPointer(rebasing: bytes[..<count])) != .needMore {
                Issue.record("refused at \(count)")
                return
            }
            let outcome = parser.parse(UnsafeRawBufferPointer(rebasing: bytes[..<(1 << 20)]))
            #expect(outcome == .failed(.headTooLarge))
            let again = parser.parse(bytes)
            #expect(again == .failed(.headTooLarge))
        }
    }
}

/// Heads as they go out.
enum Rewriting {
    struct NotWhole: Error {
        let outcome: HeadOutcome
    }

    static func request(
        _ text: String, protecting names: [String] = [], _ change: (inout RequestRewrite) -> Void = { _ in }
    ) throws -> String {
        var parser = RequestHeadParser(protectedNames: names.map { Array($0.utf8) })
        var rewrite = RequestRewrite()
        change(&rewrite)
        var buffer = ByteBuffer()
        let outcome = Array(text.utf8).withUnsafeBytes { bytes in
            let outcome = parser.parse(bytes)
            if case .complete = outcome { parser.write(bytes, to: &buffer, rewrite: rewrite) }
            return outcome
        }
        guard case .complete = outcome else { throw NotWhole(outcome: outcome) }
        HeadEnd.write(to: &buffer)
        return String(buffer: buffer)
    }

    static func response(
        _ text: String, answering method: RequestMethod = .get, _ change: (inout ResponseRewrite) -> Void = { _ in }
    ) throws -> String {
        var parser = ResponseHeadParser()
        var rewrite = ResponseRewrite()
        change(&rewrite)
        var buffer = ByteBuffer()
        let outcome = Array(text.utf8).withUnsafeBytes { bytes in
            let outcome = parser.parse(bytes, answering: method)
            if case .complete = outcome { parser.write(bytes, to: &buffer, rewrite: rewrite) }
            return outcome
        }
        guard case .complete = outcome else { throw NotWhole(outcome: outcome) }
        HeadEnd.write(to: &buffer)
        return String(buffer: buffer)
    }
}
