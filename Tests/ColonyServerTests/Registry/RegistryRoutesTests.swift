import ColonyCoordination
import ColonyCore
import ColonyServer
import Testing

@Suite("The routes of the registry")
struct RegistryRoutesTests {
    private static let path = "/v1/registry/service%2Forders/records/orders-1"

    private func put(_ server: TestServer, _ body: String) async throws -> TestServer.Reply {
        try await server.send(.PUT, Self.path, body)
    }

    @Test("A record is written, read, renewed, listed, and removed")
    func life() async throws {
        try await withServer { server in
            let written = try await self.put(server, #"{"value":"10.0.0.7","owner":"o","ttl_ms":60000}"#)
            #expect(written.status == 200)
            #expect(written.json["group"] as? String == "service/orders")
            #expect(written.json["owner"] as? String == "o")
            let version = try #require(written.integer("version"))
            let read = try await server.send(.GET, Self.path)
            #expect(read.json["value"] as? String == "10.0.0.7")
            #expect((1...60_000).contains(try #require(read.integer("remaining_ms"))))
            #expect(read.integer("version") == version)
            let renewed = try await server.post("\(Self.path)/renew", #"{"owner":"o","ttl_ms":90000}"#)
            #expect(renewed.text == #"{"renewed":true}"#)
            #expect(try await server.post("\(Self.path)/renew", #"{"owner":"p","ttl_ms":90000}"#).code == "lost")
            let group = try await server.send(.GET, "/v1/registry/service%2Forders")
            #expect((group.json["records"] as? [[String: Any]])?.map { $0["key"] as? String } == ["orders-1"])
            let list = try await server.send(.GET, "/v1/registry?prefix=service/")
            #expect(list.text == #"{"groups":[{"group":"service/orders","records":1}]}"#)
            #expect(try await server.send(.DELETE, "\(Self.path)?if_version=\(version + 1)").code == "not_found")
            #expect(try await server.send(.DELETE, "\(Self.path)?if_owner=o").text == #"{"removed":true}"#)
            #expect(try await server.send(.DELETE, Self.path).code == "not_found")
            #expect(try await server.send(.GET, Self.path).status == 404)
            #expect(try await server.send(.GET, "/v1/registry").text == #"{"groups":[]}"#)
        }
    }

    @Test("A condition that does not hold is answered with the record that is there")
    func conflicts() async throws {
        try await withServer { server in
            let written = try await self.put(server, #"{"value":"a","if_absent":true}"#)
            let version = try #require(written.integer("version"))
            let refused = try await self.put(server, #"{"value":"b","if_absent":true}"#)
            #expect(refused.status == 409)
            #expect(refused.code == "record_conflict")
            let record = try #require(refused.json["record"] as? [String: Any])
            #expect(record["value"] as? String == "a")
            #expect(record["version"] as? Int == version)
            #expect(try await self.put(server, #"{"value":"b","if_version":\#(version)}"#).status == 200)
            #expect(try await self.put(server, #"{"value":"c","if_version":\#(version)}"#).status == 409)
            #expect(try await self.put(server, #"{"value":"c","if_owner":"o"}"#).status == 409)
            _ = try await server.send(.DELETE, Self.path)
            let gone = try await self.put(server, #"{"value":"c","if_version":\#(version)}"#)
            #expect(gone.code == "record_conflict")
            #expect(gone.json["record"] == nil)
            #expect(gone.detail == "there is no record \"orders-1\" of \"service/orders\"")
        }
    }

    @Test("A change ends a wait at once, and none is missed")
    func changes() async throws {
        try await withServer { server in
            let group = "/v1/registry/service%2Forders"
            _ = try await self.put(server, #"{"value":"a"}"#)
            let revision = try #require(try await server.send(.GET, group).integer("revision"))
            #expect(try await server.send(.GET, "\(group)/changes?since=\(revision)").text == #"{"changed":false}"#)
            async let wait = server.send(.GET, "\(group)/changes?since=\(revision)&wait_ms=30000")
            try await eventually("it waits") {
                try await server.send(.GET, "/metrics").text.contains("\ncolony_registry_waiters 1\n")
            }
            _ = try await self.put(server, #"{"value":"b"}"#)
            #expect(try await wait.text == #"{"changed":true}"#)
            let late = try await server.send(.GET, "\(group)/changes?since=\(revision)&wait_ms=30000")
            #expect(late.text == #"{"changed":true}"#)
            let short = try #require(try await server.send(.GET, group).integer("revision"))
            let silent = try await server.send(.GET, "\(group)/changes?since=\(short)&wait_ms=20")
            #expect(silent.text == #"{"changed":false}"#)
        }
    }

    @Test("Bytes that are no text go through in base 64, and nothing is changed on the way")
    func bytes() async throws {
        try await withServer { server in
            #expect(try await self.put(server, #"{"value_base64":"/wAB"}"#).status == 200)
            #expect(try await server.send(.GET, Self.path).json["value_base64"] as? String == "/wAB")
            #expect(try await self.put(server, #"{"value":"a\u0000\n\"é"}"#).status == 200)
            #expect(try await server.send(.GET, Self.path).json["value"] as? String == "a\0\n\"é")
            let large = String(repeating: "\\u0001", count: RegistryLimits.value)
            #expect(try await self.put(server, #"{"value":"\#(large)"}"#).status == 200)
            let tooLarge = try await self.put(
                server, #"{"value":"\#(String(repeating: "x", count: RegistryLimits.value + 1))"}"#)
            #expect(tooLarge.status == 400)
            #expect(tooLarge.detail == "value is refused: it has 65537 bytes, and 65536 are the most")
        }
    }

    @Test(
        "What is wrong in a request is quoted",
        arguments: [
            (#"{}"#, "value is missing"), (#"{"value":"a","value_base64":""}"#, "both a value and a value_base64"),
            (#"{"value":"a","ttl_ms":1000}"#, "ttl_ms is given without an owner"),
            (#"{"value":"a","owner":"o"}"#, "owner is given without a ttl_ms"),
            (#"{"value":"a","if_absent":false,"if_version":1}"#, "one condition is possible"),
            (#"{"value":"a","if_version":-1}"#, "if_version must be a whole number from 0"),
        ])
    func badRequests(body: String, words: String) async throws {
        try await withServer { server in
            let reply = try await self.put(server, body)
            #expect(reply.status == 400)
            #expect(reply.code == "invalid_request")
            #expect(reply.detail.contains(words), "\(reply.detail)")
            #expect(try await server.send(.DELETE, "\(Self.path)?if_version=1&if_owner=o").status == 400)
        }
    }

    @Test("A token is for the groups of its prefixes")
    func access() async throws {
        let worker = AccessToken(name: "worker", token: "w", scopes: [.write], prefixes: ["service/orders"])
        try await withServer {
            $0.tokens = [worker]
        } _: { server in
            let headers = ["Authorization": "Bearer w"]
            #expect(try await server.send(.PUT, Self.path, #"{"value":"a"}"#, headers: headers).status == 200)
            let other = "/v1/registry/service%2Fmail/records/a"
            #expect(try await server.send(.PUT, other, #"{"value":"a"}"#, headers: headers).code == "forbidden")
            #expect(try await server.send(.GET, "/v1/registry/service%2Fmail", headers: headers).status == 403)
            let list = try await server.send(.GET, "/v1/registry", headers: headers)
            #expect(list.text == #"{"groups":[{"group":"service/orders","records":1}]}"#)
        }
    }
}
