import ColonyCore
import ColonyTransactions
import Foundation
import Testing

@testable import ColonyServer

/// What participants answer that is not as it should be: only a plain yes or no is taken for one.
struct ParticipantTests {
    @Test func `timeoutIsNotFailure: what fails or does not answer is called again with the same key and never undone`()
        async throws
    {
        let participant = try await TestParticipant.start { call in
            switch (call.path, call.count) {
            case ("/a", 1): .status(500, "oh", type: "text/plain")
            case ("/a", 2): .silence
            case ("/a", 3): .status(404)
            case ("/a", 4): .bytes("this is no HTTP\r\n\r\n", thenCloses: true)
            case ("/a", 5): .bytes("", thenCloses: true)
            default: .status(200)
            }
        }
        try await withServer { server in
            let reply = try await server.saga("s", participant.step("a", #","timeout_ms":2000"#))
            #expect(reply.json["state"] as? String == "completed")
            #expect(participant.paths == Array(repeating: "/a", count: 6))
            #expect(Set(participant.all.map { $0.headers["idempotency-key"] }) == ["s:a:action"])
            #expect(participant.all.map { $0.headers["colony-attempt"] } == ["1", "2", "3", "4", "5", "6"])
            let entries = try await server.send(.GET, "/v1/sagas/s")
            #expect(entries.text.contains("it answered 500: oh"))
            #expect(entries.text.contains("there was no answer within"))
        }
    }

    @Test func `what is refused after a call without an answer is undone, because that call may still be under way`()
        async throws
    {
        let participant = try await TestParticipant.start { call in
            switch (call.path, call.count) {
            case ("/a", 1): .silence
            case ("/a", _), ("/b", _): .status(409)
            default: .status(200)
            }
        }
        try await withServer { server in
            let late = try await server.saga("s", participant.step("a", #","timeout_ms":2000"#))
            #expect(late.json["state"] as? String == "compensated")
            #expect(participant.paths == ["/a", "/a", "/una"])
            // Who says no at once has done nothing.
            let plain = try await server.saga("t", participant.step("b"))
            #expect(plain.json["state"] as? String == "compensated")
            #expect(participant.paths == ["/a", "/a", "/una", "/b"])
        }
    }

    @Test func `a redirect is not followed`() async throws {
        let other = try await TestParticipant.start()
        let url = other.url
        let participant = try await TestParticipant.start { call in
            call.count == 1 ? .status(307, headers: ["Location: \(url)/elsewhere"]) : .status(200)
        }
        try await withServer { server in
            let reply = try await server.saga("s", participant.step("a"))
            #expect(reply.json["state"] as? String == "completed")
            #expect(participant.paths == ["/a", "/a"])
            #expect(other.all.isEmpty)
            let entries = try await server.send(.GET, "/v1/sagas/s")
            #expect(entries.text.contains("it answered 307 and sends elsewhere"))
        }
    }

    @Test func `a yes with rubbish is a yes without an output`() async throws {
        let participant = try await TestParticipant.start { _ in .status(200, "{rubbish") }
        try await withServer { server in
            let reply = try await server.saga("s", participant.step("a"))
            #expect(reply.json["state"] as? String == "completed")
            let seen = try await server.send(.GET, "/v1/sagas/s")
            #expect(!seen.text.contains("output"))
        }
    }

    @Test func `a yes with an endless body is a yes, and the connection is closed`() async throws {
        let participant = try await TestParticipant.start { _ in
            .bytes(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n["
                    + String(repeating: "1,", count: 100_000), thenCloses: false)
        }
        try await withServer { server in
            let reply = try await server.saga("s", participant.step("a"))
            #expect(reply.json["state"] as? String == "completed")
            #expect(participant.paths == ["/a"])
        }
    }

    @Test func `an answer that breaks in the middle is none`() async throws {
        let participant = try await TestParticipant.start { call in
            call.count == 1
                ? .bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":", thenCloses: true)
                : call.count == 2
                    ? .bytes("HTTP/1.1 409 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nno", thenCloses: true)
                    : .status(200)
        }
        try await withServer { server in
            let reply = try await server.saga("s", participant.step("a"))
            #expect(reply.json["state"] as? String == "completed")
            #expect(participant.paths == ["/a", "/a", "/a"])
        }
    }

    @Test func `a participant that wants to be left alone is, for as long as it says`() async throws {
        let participant = try await TestParticipant.start { call in
            call.count == 1 ? .status(503, headers: ["Retry-After: 1"]) : .status(200)
        }
        let clock = HostClock()
        try await withServer { server in
            let start = clock.now
            let reply = try await server.saga("s", participant.step("a"))
            #expect(reply.json["state"] as? String == "completed")
            #expect(start.duration(to: clock.now) >= .seconds(1))
        }
        var answer = ParticipantAnswer(status: 429, retryAfter: "999999999", body: [], isCut: false)
        #expect(throws: UnknownOutcome("it answered 429", retryAfter: .seconds(3_600))) { try answer.output() }
        answer.retryAfter = "soon"
        #expect(throws: UnknownOutcome("it answered 429")) { try answer.output() }
    }

    @Test func `a reason cannot rewrite the terminal of who reads it`() throws {
        let answer = ParticipantAnswer(
            status: 409, contentType: "text/plain", body: Array("no\u{1B}[2J\r\nmore".utf8), isCut: false)
        #expect(throws: Refusal("no [2J  more")) { try answer.output() }
        let bare = ParticipantAnswer(status: 409, body: [], isCut: false)
        #expect(throws: Refusal("it answered 409")) { try bare.output() }
    }

    @Test func `attempts that are used up hand the saga to a person`() async throws {
        let participant = try await TestParticipant.start { _ in .status(500) }
        try await withServer { server in
            _ = try await server.post(
                "/v1/sagas",
                #"{"id":"s","name":"test","steps":[{"name":"a","action":"\#(participant.url)/a","retry":{"initial_ms":1,"attempts":2}}]}"#
            )
            try await server.reaches("stuck", "s")
            #expect(participant.paths == ["/a", "/a"])
            let seen = try await server.send(.GET, "/v1/sagas/s")
            #expect(seen.text.contains(#""trouble":{"step":"a","direction":"action","reason":"it has failed 2 times"#))
        }
    }

    @Test func `calls are signed with each key, and what somebody else makes of them is refused`() async throws {
        let participant = try await TestParticipant.start()
        let (old, new) = (
            try SigningKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            try SigningKey("whsec_" + Data(repeating: 7, count: 32).base64EncodedString())
        )
        try await withServer { configuration in
            configuration.transactions.signingKeys = [new, old]
        } _: { server in
            _ = try await server.saga("v1.2 ü", participant.step("a"), more: #","payload":{"sum":1}"#)
            let call = try #require(participant.all.first)
            #expect(call.headers["idempotency-key"] == "v1%2E2%20%C3%BC:a:action")
            #expect(call.headers["colony-transaction"] == "v1.2%20%C3%BC")
            let signature = try CallSignature(
                id: call.headers["webhook-id"], timestamp: call.headers["webhook-timestamp"],
                signatures: call.headers["webhook-signature"])
            #expect(signature.id == call.headers["idempotency-key"])
            #expect(signature.signatures.split(separator: " ").count == 2)
            try signature.verify(call.body.utf8, with: [old])
            try signature.verify(call.body.utf8, with: [new])
            #expect(throws: CallSignatureError.self) {
                try signature.verify(#"{"sum":1000}"#.utf8, with: [old, new])
            }
        }
    }
}
