import Testing

/// TCCs that are begun over HTTP.
struct TransferRoutesTests {
    private static func branch(_ participant: TestParticipant, _ name: String) -> String {
        let url = participant.url
        return #"{"name":"\#(name)","try":"\#(url)/try-\#(name)","confirm":"\#(url)/confirm-\#(name)","#
            + #""cancel":"\#(url)/cancel-\#(name)","retry":{"initial_ms":1,"maximum_ms":5}}"#
    }

    private static func start(_ server: TestServer, _ branches: String..., more: String = "") async throws
        -> TestServer.Reply
    {
        try await server.post(
            "/v1/tcc",
            #"{"id":"t","name":"transfer","wait_ms":20000\#(more),"branches":[\#(branches.joined(separator: ","))]}"#)
    }

    @Test func `when all tries succeed all are confirmed`() async throws {
        let participant = try await TestParticipant.start()
        try await withServer { server in
            let reply = try await Self.start(
                server, Self.branch(participant, "debit"), Self.branch(participant, "credit"))
            #expect(reply.json["state"] as? String == "completed")
            #expect(Set(participant.paths.prefix(2)) == ["/try-debit", "/try-credit"])
            #expect(Set(participant.paths.suffix(2)) == ["/confirm-debit", "/confirm-credit"])
            let confirm = try #require(participant.all.first { $0.path == "/confirm-debit" })
            #expect(confirm.headers["colony-step"] == "debit")
            #expect(confirm.headers["colony-direction"] == "confirm")
            let seen = try await server.send(.GET, "/v1/sagas/t")
            #expect(seen.text.contains(#""kind":"tcc""#))
        }
    }

    @Test func `when one is refused each that was asked is cancelled and no other`() async throws {
        let participant = try await TestParticipant.start { $0.path == "/try-b" ? .status(409) : .status(200) }
        try await withServer { server in
            let reply = try await Self.start(
                server, Self.branch(participant, "a"), Self.branch(participant, "b"), Self.branch(participant, "c"),
                more: #","order":"sequential""#)
            #expect(reply.json["state"] as? String == "compensated")
            #expect(participant.paths == ["/try-a", "/try-b", "/cancel-b", "/cancel-a"])
            #expect(participant.all.last?.headers["colony-direction"] == "cancel")
        }
    }

    @Test(arguments: [
        (#""branches":[]"#, "a TCC needs a branch"),
        (#""branches":[{"name":"a","try":"http://h/","confirm":"http://h/"}]"#, "branches[0].cancel is missing"),
        (#""order":"both","branches":[]"#, "\"both\" is neither parallel nor sequential"),
        (
            #""branches":[{"name":"a","try":"http://h/","confirm":"http://h/","cancel":"http://h/"},{"name":"a","try":"http://h/","confirm":"http://h/","cancel":"http://h/"}]"#,
            "there are two branches \"a\""
        ),
    ])
    func `what cannot work is refused with its reason`(members: String, reason: String) async throws {
        try await withServer { server in
            let reply = try await server.post("/v1/tcc", #"{"name":"t",\#(members)}"#)
            #expect(reply.status == 400)
            #expect(reply.detail.contains(reason), "\(reply.detail)")
        }
    }
}
