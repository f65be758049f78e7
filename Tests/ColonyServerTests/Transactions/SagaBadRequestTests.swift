import Testing

/// Bodies of `POST /v1/sagas` that cannot work.
struct SagaBadRequestTests {
    private static let a = #"{"name":"a","action":"http://h/","compensation":"http://h/"}"#

    @Test(arguments: [
        (#"[]"#, "a saga needs a step"),
        (#"[{"name":"a"}]"#, #"steps[0].action is missing: the step "a" has nothing to call"#),
        (#"[{"action":"http://h/"}]"#, "steps[0].name is missing"),
        (#"[{"name":"","action":"http://h/"}]"#, "steps[0].name is refused"),
        (#"[\#(a),\#(a)]"#, #"steps[1].name is refused: there are two steps "a""#),
        (#"[{"name":"a","action":"http://h/"},{"name":"b","action":"http://h/"}]"#, #"the step "b" comes after "a""#),
        (
            #"[{"name":"a","action":"http://h/"},{"name":"b","action":"http://h/","compensation":"http://h/"}]"#,
            #"the step "b" comes after "a", from which on nothing is undone"#
        ),
        (
            #"[{"name":"a","action":"http://h/","retryable":true},{"name":"b","action":"http://h/","read":true}]"#,
            #"the step "b" comes after "a""#
        ),
        (
            #"[{"name":"a","action":"http://h/","compensation":"http://h/","read":true}]"#,
            #"the step "a" only reads, and has a compensation"#
        ),
        (
            #"[{"name":"a","action":"http://h/","compensation":"http://h/","retryable":true}]"#,
            #"the step "a" is retryable and has a compensation"#
        ),
        (#"[{"parallel":[[{"name":"a","action":"http://h/"}]]}]"#, #"the step "a" has no compensation, and others"#),
        (#"[{"parallel":[[]]}]"#, "each branch needs a step"),
        (#"[{"name":"a","parallel":[[\#(a)]]}]"#, "beside them there is name"),
        (
            #"[{"name":"a","action":"http://h/","acton":"x"}]"#,
            #"the field "steps[0].acton" is not known; did you mean action?"#
        ),
        (#"[{"name":"a","action":"ftp://h/"}]"#, #"the step "a" cannot call "ftp://h/" as its action: only http://"#),
        (#"[{"name":"a","action":"http://u:p@h/"}]"#, "a user or a password cannot stand in it"),
        (#"[{"name":"a","action":"http://10.1.2.3/"}]"#, "10.1.2.3 is not an address of the public internet"),
        (#"[{"name":"a","action":"http://h/","timeout_ms":0}]"#, "steps[0].timeout_ms is refused: 0"),
        (#"[{"name":"a","action":"http://h/","retry":{"attempts":0}}]"#, "steps[0].retry.attempts is refused: 0"),
        (
            #"[{"name":"a","action":"http://h/","retry":{"initial_ms":9,"maximum_ms":3}}]"#,
            #"the step "a" waits at least initial_ms 9 and at most maximum_ms 3"#
        ),
        ("7", "steps must be an array"),
    ])
    func `what cannot work is refused with the step and the value`(steps: String, reason: String) async throws {
        try await withServer { server in
            let reply = try await server.post("/v1/sagas", #"{"name":"n","steps":\#(steps)}"#)
            #expect(reply.status == 400)
            #expect(reply.detail.contains(reason), "\(reply.detail)")
        }
    }

    @Test func `steps that nest too deep and documents that are too large are refused`() async throws {
        try await withServer { server in
            let deep = String(repeating: #"{"parallel":[["#, count: 20) + Self.a + String(repeating: "]]}", count: 20)
            let reply = try await server.post("/v1/sagas", #"{"name":"n","steps":[\#(deep)]}"#)
            #expect(reply.status == 400)
            #expect(reply.detail.contains("nest more than 8 deep"), "\(reply.detail)")
            let payload = String(repeating: "x", count: 1 << 20)
            let large = try await server.post(
                "/v1/sagas", #"{"name":"n","payload":"\#(payload)","steps":[\#(Self.a)]}"#)
            #expect((large.status, large.code) == (413, "body_too_large"))
            let unnamed = try await server.post("/v1/sagas", #"{"steps":[\#(Self.a)]}"#)
            #expect(unnamed.detail == "name is missing")
        }
    }
}
