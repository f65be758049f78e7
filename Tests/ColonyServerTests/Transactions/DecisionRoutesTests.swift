import Foundation
import Synchronization
import Testing

@testable import ColonyServer

/// What people decide about transactions, and who may.
struct DecisionRoutesTests {
    private final class Flag: Sendable {
        private let value: Mutex<Bool>
        init(_ value: Bool) { self.value = Mutex(value) }
        var isSet: Bool { self.value.withLock { $0 } }
        func set() { self.value.withLock { $0 = true } }
    }

    /// Refuses compensations, and a step, until it is mended.
    private static func participant(_ flag: Flag) async throws -> TestParticipant {
        try await TestParticipant.start { call in
            ["/no", "/una"].contains(call.path) && !flag.isSet ? .status(409, "no", type: "text/plain") : .status(200)
        }
    }

    @Test func `a retry goes on where it stopped, and the journal tells who decided and why`() async throws {
        let flag = Flag(false)
        let participant = try await Self.participant(flag)
        try await withServer { server in
            let early = try await server.saga("s", participant.step("a"))
            #expect(early.status == 200)
            let over = try await server.send(.POST, "/v1/sagas/s/retry")
            #expect((over.status, over.code) == (409, "not_stuck"))
            _ = try await server.saga("t", participant.forward("go"), participant.forward("no", #","retryable":true"#))
            try await server.reaches("stuck", "t")
            flag.set()
            let reply = try await server.post("/v1/sagas/t/retry", #"{"by":"ann","note":"their disk is mended"}"#)
            #expect(reply.status == 200)
            #expect(
                reply.text.contains(
                    #""event":"intervened","decision":"retry","by":"ann","note":"their disk is mended""#))
            try await server.reaches("completed", "t")
            #expect(participant.paths == ["/a", "/go", "/no", "/no"])
        }
    }

    @Test func `a step is skipped with what it would have given, and a stuck saga is turned back or closed`()
        async throws
    {
        let participant = try await Self.participant(Flag(false))
        try await withServer { server in
            let retryable = #","retryable":true"#
            _ = try await server.saga(
                "s", participant.forward("no", retryable), participant.forward("b", retryable + #","outputs":true"#))
            try await server.reaches("stuck", "s")
            #expect(try await server.post("/v1/sagas/s/turn-back", "{}").status == 409)
            let skipped = try await server.post("/v1/sagas/s/skip", #"{"output":{"by": "hand"}}"#)
            #expect(skipped.text.contains(#""decision":"skip","by":"operator""#))
            try await server.reaches("completed", "s")
            #expect(participant.all.last?.body == #"{"payload":null,"outputs":{"no":{"by": "hand"}}}"#)

            // The compensation is refused, so a person closes it.
            _ = try await server.saga("t", participant.step("a"), participant.forward("no"))
            try await server.reaches("stuck", "t")
            // Not that the request is wrong: it does not fit where the saga stands.
            let cancelled = try await server.post("/v1/sagas/t/cancel", "{}")
            #expect((cancelled.status, cancelled.code) == (409, "decision_not_possible"))
            let turned = try await server.post("/v1/sagas/t/turn-back", "{}")
            #expect((turned.status, turned.code) == (409, "decision_not_possible"))
            #expect(try await server.post("/v1/sagas/t/resolve", "{}").detail == "state is missing")
            #expect(try await server.post("/v1/sagas/t/resolve", #"{"state":"stuck"}"#).status == 400)
            let closed = try await server.post("/v1/sagas/t/resolve", #"{"state":"compensated","note":"by hand"}"#)
            #expect(closed.json["state"] as? String == "compensated")
            #expect(try await server.post("/v1/sagas/none/retry", "{}").code == "unknown_transaction")
        }
    }

    @Test func `compensateOnCancelAndTimeout: a saga that is cancelled is undone, and one that has ended is not`()
        async throws
    {
        let participant = try await TestParticipant.start { $0.path == "/b" ? .status(500) : .status(200) }
        try await withServer { server in
            _ = try await server.post(
                "/v1/sagas",
                #"{"id":"s","name":"test","steps":[\#(participant.step("a")),\#(participant.step("b"))]}"#)
            try await eventually("b is called") { participant.paths.contains("/b") }
            let reply = try await server.post("/v1/sagas/s/cancel", #"{"by":"ann","note":"changed my mind"}"#)
            #expect(reply.status == 200)
            #expect(reply.json["cancel_requested"] as? Bool == true)
            try await server.reaches("compensated", "s")
            #expect(participant.paths.suffix(2) == ["/unb", "/una"])
            #expect((try await server.send(.GET, "/v1/sagas/s")).text.contains("ann cancelled it: changed my mind"))
            let late = try await server.post("/v1/sagas/s/cancel", "{}")
            #expect((late.status, late.code) == (409, "transaction_ended"))

            let slow = try await server.saga(
                "t", participant.step("a"), participant.step("b"), more: #","timeout_ms":50"#)
            #expect(slow.json["state"] as? String == "compensated")
            #expect((try await server.send(.GET, "/v1/sagas/t")).text.contains(#""cause":"timed_out""#))
        }
    }

    @Test func `tokens begin, look, and decide as far as their scopes and prefixes go`() async throws {
        let participant = try await Self.participant(Flag(false))
        try await withServer { configuration in
            configuration.tokens = [
                AccessToken(name: "writer", token: "w", scopes: [.write], prefixes: ["te"]),
                AccessToken(name: "other", token: "o", scopes: [.admin], prefixes: ["other"]),
                AccessToken(name: "ann", token: "a", scopes: [.admin]),
                AccessToken(name: "reader", token: "r", scopes: [.read]),
            ]
        } _: { server in
            func post(_ token: String, _ path: String, _ body: String) async throws -> TestServer.Reply {
                try await server.send(.POST, path, body, headers: ["Authorization": "Bearer \(token)"])
            }
            func get(_ token: String, _ path: String) async throws -> TestServer.Reply {
                try await server.send(.GET, path, headers: ["Authorization": "Bearer \(token)"])
            }
            let saga =
                #"{"id":"s","name":"test","wait_ms":20000,"steps":[\#(participant.forward("no", #","retryable":true"#))]}"#
            #expect(try await server.post("/v1/sagas", saga).code == "unauthorized")
            #expect(try await post("r", "/v1/sagas", saga).code == "forbidden")
            #expect(try await post("o", "/v1/sagas", saga).code == "forbidden")
            #expect(try await post("w", "/v1/sagas", saga).json["state"] as? String == "stuck")
            #expect(try await get("r", "/v1/sagas/s").status == 200)
            #expect(try await get("o", "/v1/sagas/s").code == "forbidden")
            #expect(try await get("o", "/v1/sagas").text.contains(#""transactions":[]"#))
            #expect(try await get("w", "/v1/sagas").text.contains(#""id":"s""#))
            #expect(try await post("w", "/v1/sagas/s/skip", "{}").code == "forbidden")
            #expect(try await post("o", "/v1/sagas/s/skip", "{}").code == "forbidden")
            let skipped = try await post("a", "/v1/sagas/s/skip", #"{"by":"somebody else"}"#)
            #expect(skipped.text.contains(#""decision":"skip","by":"ann""#))
        }
    }

    @Test func `the metrics and the events tell of transactions`() async throws {
        let participant = try await Self.participant(Flag(false))
        try await withServer { server in
            _ = try await server.saga("s", participant.step("a"))
            _ = try await server.saga("t", participant.forward("no", #","retryable":true"#))
            try await server.reaches("stuck", "t")
            let text = try await server.send(.GET, "/metrics").text
            for line in [
                #"colony_transactions{state="completed"} 1"#, #"colony_transactions{state="stuck"} 1"#,
                #"colony_transactions_ended_total{outcome="completed"} 1"#, "colony_transactions_begun_total 2",
                #"colony_transactions_ended_total{outcome="stuck"} 1"#, "colony_transaction_calls_total 2",
            ] {
                #expect(text.contains("\(line)\n"), "\(line)")
            }
            #expect(text.contains(#"colony_transaction_oldest_age_seconds{state="stuck"} "#))
        }
    }
}
