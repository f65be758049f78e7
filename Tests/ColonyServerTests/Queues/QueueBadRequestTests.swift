import ColonyCore
import ColonyQueues
import ColonyServer
import Testing

/// What is refused, with which code, and that nothing is stored then.
@Suite("Bad requests to queues", .timeLimit(.minutes(1)))
struct QueueBadRequestTests {
    /// A body, the code that it is answered with, and a part of the reason.
    struct Refusal: Sendable, CustomStringConvertible {
        var path = "messages"
        var body: String
        var code = "invalid_request"
        var reason: String

        var description: String { "\(self.path): \(self.body.prefix(80))" }
    }

    private static let long = String(repeating: "x", count: 300)

    static let refusals: [Refusal] = [
        Refusal(body: "{}", reason: "messages is missing"),
        Refusal(body: #"{"messages":[{}]}"#, reason: "messages[0].body is missing"),
        Refusal(body: #"{"messages":[{"body":"a","body_base64":"YQ=="}]}"#, reason: "both a body and a body_base64"),
        Refusal(body: #"{"messages":[{"body_base64":"Y"}]}"#, reason: "not base 64"),
        Refusal(body: #"{"messages":[{"body":5}]}"#, reason: "messages[0].body must be a string"),
        Refusal(body: #"{"messages":[{"body":"a"},{"body":"b","priority":10}]}"#, reason: "messages[1].priority"),
        Refusal(body: #"{"messages":[{"body":"a","priority":-1}]}"#, reason: "-1 is not from 0 to 9"),
        Refusal(body: #"{"messages":[{"body":"a","delay_ms":-1}]}"#, reason: "delay_ms"),
        Refusal(body: #"{"messages":[{"body":"a","delay_ms":3153600000001}]}"#, reason: "3153600000001"),
        Refusal(body: #"{"messages":[{"body":"a","delay_ms":9223372036854775808}]}"#, reason: "whole number"),
        Refusal(body: #"{"messages":[{"body":"a","delay_ms":1,"at":"2030-01-01T00:00:00Z"}]}"#, reason: "both"),
        Refusal(body: #"{"messages":[{"body":"a","at":"2030-02-30T00:00:00Z"}]}"#, reason: "no time"),
        Refusal(body: #"{"messages":[{"body":"a","at":"tomorrow"}]}"#, reason: "tomorrow"),
        Refusal(body: #"{"messages":[{"body":"a","key":""}]}"#, reason: "cannot be a key"),
        Refusal(body: #"{"messages":[{"body":"a","key":"\#(long)"}]}"#, reason: "cannot be a key"),
        Refusal(body: #"{"messages":[{"body":"a","key":"\u0000"}]}"#, reason: "cannot be a key"),
        Refusal(body: #"{"messages":[{"body":"a","dedup_id":""}]}"#, reason: "deduplication identifier"),
        Refusal(body: #"{"messages":[{"body":"a","headers":{"a\u0007b":"1"}}]}"#, reason: "cannot be a header name"),
        Refusal(body: #"{"messages":[{"body":"a","headers":{"a":1}}]}"#, reason: "messages[0].headers.a"),
        Refusal(body: #"{"messages":[{"body":"a","headers":{"a":"1","a":"2"}}]}"#, reason: "appears twice"),
        Refusal(
            body: #"{"messages":[{"body":"a","headers":{"a":"\#(String(repeating: "y", count: 16 << 10))"}}]}"#,
            code: "message_too_large", reason: "headers"),
        Refusal(
            body: #"{"messages":[{"body":"\#(String(repeating: "z", count: (1 << 20) + 1))"}]}"#,
            code: "message_too_large", reason: "messages[0] is refused: a body has at most 1048576 bytes"),
        Refusal(body: #"{"messages":[{"body":"a","bodi":"b"}]}"#, code: "unknown_field", reason: "did you mean body?"),
        Refusal(body: #"{"messages":[{"body":"a"}],"wait_ms":60001}"#, reason: "wait_ms"),
        Refusal(body: #"{"messages":[{"body":"a"#, code: "invalid_json", reason: "does not end"),
        Refusal(path: "receive", body: #"{"max":0}"#, reason: "max"),
        Refusal(path: "receive", body: #"{"max":1001}"#, reason: "1001 is not from 1 to 1000"),
        Refusal(path: "receive", body: #"{"lease_ms":9}"#, reason: "lease_ms"),
        Refusal(path: "receive", body: #"{"lease_ms":86400001}"#, reason: "lease_ms"),
        Refusal(path: "receive", body: #"{"wait_ms":60001}"#, reason: "wait_ms"),
        Refusal(path: "settle", body: #"{"ack":["7"]}"#, reason: "no receipt"),
        Refusal(path: "settle", body: #"{"ack":["01-1-0000000000000000"]}"#, reason: "no receipt"),
        Refusal(path: "settle", body: #"{"ack":["1-1-000000000000000G"]}"#, reason: "no receipt"),
        Refusal(path: "settle", body: #"{"reject":[{"delay_ms":1}]}"#, reason: "reject[0].receipt is missing"),
        Refusal(
            path: "settle", body: #"{"reject":[{"receipt":"1-1-0000000000000000","delay_ms":1,"dead_letter":true}]}"#,
            reason: "dead_letter is true"),
        Refusal(
            path: "settle", body: #"{"extend":[{"receipt":"1-1-0000000000000000"}]}"#, reason: "lease_ms is missing"),
        Refusal(path: "dead/redrive", body: "{}", reason: "ids or all"),
        Refusal(path: "dead/redrive", body: #"{"ids":[1],"all":true}"#, reason: "both ids and all"),
        Refusal(path: "dead/redrive", body: #"{"all":false}"#, reason: "only be true"),
        Refusal(path: "dead/redrive", body: #"{"all":true,"per_second":0}"#, reason: "per_second"),
        Refusal(path: "dead/redrive", body: #"{"all":true,"to":""}"#, code: "invalid_name", reason: "to is refused"),
        Refusal(path: "dead/drop", body: #"{"all":true,"to":"q"}"#, code: "unknown_field", reason: "to"),
        Refusal(path: "cancel", body: #"{"ids":[0]}"#, reason: "0 is not from 1"),
    ]

    @Test(arguments: Self.refusals)
    func `a body that cannot be right is refused with its place and the reason`(refusal: Refusal) async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let reply = try await server.post("/v1/queues/q/\(refusal.path)", refusal.body)
            #expect(reply.code == refusal.code)
            #expect(reply.status == (refusal.code == "message_too_large" ? 413 : 400))
            #expect(reply.detail.contains(refusal.reason), "\(reply.detail)")
            #expect(try await server.send(.GET, "/v1/queues/q").numbers("statistics")["count"] == 0)
        }
    }

    @Test(arguments: [
        (#"{"capacity":0}"#, "capacity"), (#"{"overflow":"drop"}"#, "drop"), (#"{"order":"fifo"}"#, "per_key"),
        (#"{"delivery_limit":1001}"#, "1001"), (#"{"lease_ms":1}"#, "lease_ms"), (#"{"retention_ms":0}"#, "retention_ms"),
        (#"{"deduplication_window_ms":2592000001}"#, "deduplication_window_ms"),
        (#"{"backoff":{"initial_ms":0}}"#, "backoff.initial_ms"), (#"{"dead_letter_queue":"q"}"#, "its own"),
        (#"{"capacity":9223372036854775808}"#, "capacity"),
    ])
    func `settings that cannot work are refused`(body: String, reason: String) async throws {
        try await withServer { server in
            let reply = try await server.send(.PUT, "/v1/queues/q", body)
            #expect(reply.status == 400)
            #expect(reply.detail.contains(reason), "\(reply.detail)")
            #expect(try await server.send(.GET, "/v1/queues/q").code == "unknown_queue")
        }
    }

    @Test func `bytes that are no UTF-8 are refused in bodies and headers`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            for (start, end) in [
                (#"{"messages":[{"body":""#, #""}]}"#), (#"{"messages":[{"body":"a","headers":{"h":""#, #""}}]}"#),
                (#"{"messages":[{"body":"a","headers":{""#, #"":"v"}}]}"#),
            ] {
                let bytes = Array(start.utf8) + [0xC3, 0x28] + Array(end.utf8)
                let reply = try await server.send(
                    .POST, "/v1/queues/q/messages", bytes: bytes, headers: ["Content-Type": "application/json"])
                #expect(reply.code == "invalid_json")
            }
            #expect(try await server.send(.GET, "/v1/queues/q").numbers("statistics")["count"] == 0)
        }
    }

    @Test func `a body that is longer than the limit is refused, and so are too many messages`() async throws {
        try await withServer {
            $0.queues.requestBytes = 4_096
            $0.limits.batch = 2
        } _: { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            let long = #"{"messages":[{"body":"\#(String(repeating: "x", count: 4_096))"}]}"#
            let reply = try await server.post("/v1/queues/q/messages", long)
            #expect(reply.status == 413)
            #expect(reply.code == "body_too_large")
            #expect(reply.detail.contains("4096"))
            let many = try await server.post(
                "/v1/queues/q/messages", #"{"messages":[{"body":"1"},{"body":"2"},{"body":"3"}]}"#)
            #expect(many.detail == "messages is refused: it has more than 2 elements")
            let receipt = #""1-1-0000000000000000""#
            let split = try await server.post(
                "/v1/queues/q/settle", #"{"ack":[\#(receipt),\#(receipt)],"hand_back":[\#(receipt)]}"#)
            #expect(split.detail.contains("3 receipts"))
        }
    }

    @Test func `a queue that is not there is unknown to every route`() async throws {
        try await withServer { server in
            for (method, path, body) in [
                (.GET, "", nil), (.DELETE, "", nil), (.POST, "/messages", #"{"messages":[{"body":"a"}]}"#),
                (.GET, "/messages", nil), (.DELETE, "/messages", nil), (.DELETE, "/messages/7", nil),
                (.POST, "/cancel", #"{"ids":[7]}"#), (.POST, "/receive", "{}"), (.POST, "/receive", #"{"lease_ms":1000}"#),
                (.POST, "/settle", #"{"ack":["1-1-0000000000000000"]}"#), (.GET, "/dead", nil),
                (.POST, "/dead/redrive", #"{"all":true}"#), (.POST, "/dead/drop", #"{"ids":[1]}"#),
                (.POST, "/pause", nil), (.POST, "/resume", nil), (.GET, "/changes", nil),
                (.GET, "/changes?wait_ms=1000", nil),
            ] as [(TestServer.Verb, String, String?)] {
                let reply = try await server.send(method, "/v1/queues/nobody\(path)", body)
                #expect(reply.status == 404, "\(method) \(path)")
                #expect(reply.code == "unknown_queue", "\(method) \(path)")
            }
        }
    }

    @Test func `names, numbers, and paths that cannot be are refused`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, "/v1/queues/q")
            #expect(try await server.send(.GET, "/v1/queues/%07").code == "invalid_name")
            // By hand, because the client does not let such a path pass.
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send("GET /v1/queues/%FF HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("it is refused") { connection.text.contains(#""code":"invalid_name""#) }
            #expect(try await server.send(.GET, "/v1/queues/").code == "invalid_name")
            #expect(try await server.send(.DELETE, "/v1/queues/q/messages/0").code == "invalid_request")
            #expect(try await server.send(.DELETE, "/v1/queues/q/messages/+1").code == "invalid_request")
            #expect(try await server.send(.DELETE, "/v1/queues/q/messages/99999999999999999999").code == "invalid_request")
            #expect(try await server.send(.GET, "/v1/queues/q/nothing").code == "not_found")
            #expect(try await server.send(.GET, "/v1/queuesandmore").code == "not_found")
            let method = try await server.send(.GET, "/v1/queues/q/receive")
            #expect(method.code == "method_not_allowed")
            #expect(method.headers["allow"] == "POST")
            #expect(try await server.send(.GET, "/v1/queues/q/messages?limit=0").code == "invalid_request")
            #expect(try await server.send(.GET, "/v1/queues/q/messages?limi=1").code == "unknown_field")
            #expect(try await server.send(.GET, "/v1/queues/q/changes?since=-1").code == "invalid_request")
        }
    }

    @Test func `a daemon without a store of queues offers none`() async throws {
        try await withServer(queues: nil) { server in
            let reply = try await server.send(.PUT, "/v1/queues/q")
            #expect(reply.status == 501)
            #expect(reply.code == "not_offered")
        }
    }
}
