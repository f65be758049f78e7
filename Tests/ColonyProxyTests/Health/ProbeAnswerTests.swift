import ColonyBalancing
import ColonyProxy
import ColonySimulation
import Testing

@Suite("Answers to HTTP probes")
struct ProbeAnswerTests {
    /// Reads an answer in pieces of so many bytes, and then the end of the connection.
    private static func verdict(
        _ bytes: [UInt8], _ http: HealthCheck.HTTP, pieces: Int = .max
    ) -> ProbeVerdict {
        var answer = ProbeAnswer(http)
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            if let verdict = piece.withUnsafeBytes({ answer.read($0) }) { return verdict }
            rest = rest.dropFirst(piece.count)
        }
        return answer.end()
    }

    private static let plain = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 12\r\n\r\nall is well\n"
    private static let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n6\r\nall is\r\n5;name=\"value\"\r\n well\r\n0\r\n\r\n"

    @Test(
        "the body is looked through however it is framed and cut",
        arguments: [
            plain, chunked, "HTTP/1.0 200\r\n\r\nall is well", "HTTP/1.1 200 OK\r\n\r\n-- all is well --",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n" + plain,
        ])
    func goodAnswers(text: String) throws {
        let http = try HealthCheck.HTTP(expectedBody: "is well")
        for pieces in [1, 2, 3, 7, .max] {
            #expect(
                Self.verdict(Array(text.utf8), http, pieces: pieces)
                    == .good("the status is 200, and the body has what is expected"))
        }
    }

    @Test("without an expected body the verdict comes with the head, and the body is not waited for")
    func headIsEnough() throws {
        let head = Array("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n".utf8)
        var answer = ProbeAnswer(try HealthCheck.HTTP())
        let early = Array(head.dropLast()).withUnsafeBytes { answer.read($0) }
        #expect(early == nil)
        let last = Array(head.suffix(1)).withUnsafeBytes { answer.read($0) }
        #expect(last == .good("the status is 204"))
        let unexpected = Self.verdict(Array("HTTP/1.1 503 Busy\r\n\r\n".utf8), try HealthCheck.HTTP())
        #expect(unexpected == .bad("the status is 503"))
        let expected = try HealthCheck.HTTP(expectedStatuses: [200...200, 500...503])
        #expect(Self.verdict(Array("HTTP/1.1 503 Busy\r\n\r\n".utf8), expected) == .good("the status is 503"))
    }

    @Test(
        "what is framed wrongly, ends too early, or lacks what is expected is a failure with a reason",
        arguments: [
            ("", "without an answer"),
            ("HTTP/1.1 200 OK\r\nA: b\r\n", "before the answer was whole"),
            ("HTTP/2 200\r\n\r\n", "not HTTP/1"),
            ("HTTP/1.1  200 OK\r\n\r\n", "not HTTP/1"),
            ("HTTP/1.1 2000\r\n\r\n", "not HTTP/1"),
            ("HTTP/1.1 099 X\r\n\r\n", "the status 99 is none"),
            ("HTTP/1.1 101 Switching\r\n\r\n", "the status is 101"),
            ("SSH-2.0-OpenSSH_9\r\n", "not HTTP/1"),
            ("HTTP/1.1 200 OK\nA: b\n\n", "does not end as HTTP demands"),
            ("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "is folded"),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "has no name"),
            ("HTTP/1.1 200 OK\r\n: b\r\n\r\n", "has no name"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "a bad length, or two"),
            ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", "a bad length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "a bad length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n", "a bad length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "a length and chunks"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "another transfer coding"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "the size of a chunk"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "the size of a chunk"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "the size of a chunk"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "longer than it says"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwell\r\n", "longer than it says"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "does not have \"is well\""),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "before the answer was whole"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "before the answer was whole"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "does not have \"is well\""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nis wel", "before the answer was whole"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "does not have \"is well\""),
            ("HTTP/1.1 204 OK\r\n\r\n", "the status is 204, but the body does not have"),
            ("HTTP/1.1 200 OK\r\n\r\nis we", "does not have \"is well\""),
        ])
    func badAnswers(text: String, reason: String) throws {
        let http = try HealthCheck.HTTP(expectedBody: "is well")
        for pieces in [1, 5, .max] {
            guard case .bad(let found) = Self.verdict(Array(text.utf8), http, pieces: pieces) else {
                Issue.record("\(text) was taken")
                continue
            }
            #expect(found.contains(reason), "\(found) for \(text)")
        }
    }

    @Test("no more than 64 KiB of a head or of a body are read")
    func sizesAreBounded() throws {
        let http = try HealthCheck.HTTP(expectedBody: "end")
        let endlessLine = Array("HTTP/1.1 200 OK\r\nA: ".utf8) + Array(repeating: 0x61, count: 70_000)
        #expect(Self.verdict(endlessLine, http, pieces: 1_000) == .bad("the head of the answer is too long"))
        let manyFields = Array("HTTP/1.1 200 OK\r\n".utf8) + Array(String(repeating: "A: b\r\n", count: 12_000).utf8)
        #expect(Self.verdict(manyFields, http, pieces: 1_000) == .bad("the head of the answer is too long"))
        let manyHeads = Array(String(repeating: "HTTP/1.1 100 X\r\n\r\n", count: 5_000).utf8)
        #expect(Self.verdict(manyHeads, http, pieces: 1_000) == .bad("the head of the answer is too long"))
        let head = Array("HTTP/1.1 200 OK\r\n\r\n".utf8)
        let inTime = head + Array(repeating: 0x61, count: 65_533) + Array("end".utf8)
        #expect(
            Self.verdict(inTime, http, pieces: 1_000) == .good("the status is 200, and the body has what is expected"))
        let tooLate = head + Array(repeating: 0x61, count: 65_534) + Array("end".utf8)
        #expect(
            Self.verdict(tooLate, http, pieces: 1_000)
                == .bad("the status is 200, but the first 65536 bytes of the body do not have \"end\""))
    }

    @Test("20,000 damaged answers are read without harm, and however they are cut the verdict is the same")
    func damagedAnswers() throws {
        var chance = SeededGenerator(seed: 11)
        let http = try HealthCheck.HTTP(expectedBody: "is well")
        var good = 0
        for round in 0..<20_000 {
            var bytes = Array((round % 2 == 0 ? Self.plain : Self.chunked).utf8)
            for _ in 0..<Int.random(in: 0...3, using: &chance) {
                let place = Int.random(in: 0..<bytes.count, using: &chance)
                switch Int.random(in: 0..<4, using: &chance) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &chance)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert([0x0D, 0x0A, 0x20, 0x30, 0x3A][place % 5], at: place)
                default: bytes.swapAt(place, bytes.count - 1)
                }
            }
            let whole = Self.verdict(bytes, http)
            if case .good = whole { good += 1 }
            let pieces = Int.random(in: 1...9, using: &chance)
            let cut = Self.verdict(bytes, http, pieces: pieces)
            if whole != cut { Issue.record("\(whole) and \(cut) in pieces of \(pieces): \(bytes)") }
        }
        #expect((4_000..<19_000).contains(good))
    }
}
