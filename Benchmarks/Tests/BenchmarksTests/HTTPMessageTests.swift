import ColonyWorkloads
import Testing

@testable import colony_benchmarks

@Suite("The load reads answers as they arrive")
struct HTTPMessageTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("an answer is read when all of it is there, and no sooner")
    func pieces() throws {
        let whole = bytes("HTTP/1.1 200 OK\r\nServer: x\r\ncontent-Length: 14\r\n\r\n{\"token\": 1234}")
        for count in 0..<(whole.count - 1) {
            #expect(try HTTPMessage.answer(in: Array(whole.prefix(count))) == nil)
        }
        let answer = try #require(try HTTPMessage.answer(in: whole))
        #expect(answer.status == 200)
        #expect(try HTTPMessage.token(in: whole, answer) == 1234)
    }

    @Test("an answer without a length, or without a token, is an error and not a wait")
    func broken() throws {
        #expect(throws: WorkloadError.self) {
            try HTTPMessage.answer(in: bytes("HTTP/1.1 200 OK\r\n\r\n"))
        }
        let bare = bytes("HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}")
        let answer = try #require(try HTTPMessage.answer(in: bare))
        #expect(throws: WorkloadError.self) { try HTTPMessage.token(in: bare, answer) }
    }

    @Test("a request says how long its body is")
    func request() {
        let text = String(decoding: HTTPMessage.post("/v1/x", "{}"), as: UTF8.self)
        #expect(text.hasPrefix("POST /v1/x HTTP/1.1\r\n"))
        #expect(text.hasSuffix("Content-Length: 2\r\n\r\n{}"))
    }
}
