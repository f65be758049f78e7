import ColonyCore
import ColonyProxy
import ColonyResilience
import ColonyTransactions
import Foundation
import NIOCore
import NIOSSL
import Synchronization
import Testing

@testable import ColonyServer

/// Whom the daemon calls, judged at the address that is connected to.
struct AddressRulesTests {
    private static let strict = AddressRules(allowsLoopback: false, allowed: [])

    private static func isAllowed(_ text: String, by rules: AddressRules = Self.strict) throws -> Bool {
        rules.defect(of: try SocketAddress(ipAddress: text, port: 80)) == nil
    }

    @Test(arguments: [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::",
        "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "fe80::1",
        "fd00::1", "fc00::1", "ff02::1", "2002:7f00:1::", "2001:0:1::1", "2001:db8::1",
    ])
    func `what is not of the public internet is not called`(address: String) throws {
        #expect(try !Self.isAllowed(address))
    }

    @Test(arguments: ["1.1.1.1", "100.63.255.255", "172.32.0.1", "::ffff:1.1.1.1", "2606:4700::1111", "2a00::1"])
    func `what everybody reaches is called`(address: String) throws {
        #expect(try Self.isAllowed(address))
    }

    @Test func `what the operator allows is called also as an address of the other version`() throws {
        let rules = AddressRules(
            allowsLoopback: false, allowed: [try AddressRange("10.0.0.0/9"), try AddressRange("fd00::/8")])
        #expect(try Self.isAllowed("10.127.0.1", by: rules))
        #expect(try !Self.isAllowed("10.128.0.1", by: rules))
        #expect(try Self.isAllowed("::ffff:10.1.1.1", by: rules))
        #expect(try Self.isAllowed("fdff::1", by: rules))
        #expect(try !Self.isAllowed("127.0.0.1", by: rules))
        #expect(try AddressRange("0.0.0.0/0").contains([1, 2, 3, 4]))
        #expect(try AddressRange("10.0.0.7").contains([10, 0, 0, 7]))
        #expect(try AddressRange("10.0.0.0/9").description == "10.0.0.0/9")
        for text in ["10.0.0.0/33", "10.0.0/8", "here", "10.0.0.0/", "10.0.0.0/-1", ""] {
            #expect(throws: AddressRange.Defect.self) { try AddressRange(text) }
        }
    }

    @Test func `loopback is called only while the daemon listens on loopback`() async throws {
        let participant = try await TestParticipant.start()
        try await withServer { configuration in
            configuration.host = "0.0.0.0"
            configuration.isInsecure = true
        } _: { server in
            let refused = try await server.saga("s", participant.step("a"))
            #expect(refused.status == 400)
            #expect(refused.detail.contains("127.0.0.1 is this host itself"), "\(refused.detail)")
            // A name is judged when it is called.
            let named = participant.step("a").replacing("127.0.0.1", with: "localhost")
            _ = try await server.post("/v1/sagas", #"{"id":"t","name":"test","steps":[\#(named)]}"#)
            // Another call would be refused as well, so a person is told.
            try await server.reaches("stuck", "t")
            let seen = try await server.send(.GET, "/v1/sagas/t")
            #expect(seen.text.contains("\\\"localhost\\\" may not be called"))
            #expect(participant.all.isEmpty)
        }
        let allowed = try AddressRange("127.0.0.0/8")
        try await withServer { configuration in
            configuration.host = "0.0.0.0"
            configuration.isInsecure = true
            configuration.transactions.allow = [allowed]
        } _: { server in
            let reply = try await server.saga("s", participant.step("a"))
            #expect(reply.json["state"] as? String == "completed")
        }
    }

    @Test func `a name that turns to a forbidden address later is not called then`() async throws {
        let participant = try await TestParticipant.start()
        let answers = Mutex(0)
        let lookup = HostLookup { host in
            let count = answers.withLock { count in
                count += 1
                return count
            }
            let address = count == 1 ? "127.0.0.1" : "169.254.169.254"
            return (try? SocketAddress(ipAddress: address, port: 0)).map { .success([$0]) }
                ?? .failure(HostLookupFailure(host))
        }
        let client = ParticipantClient(
            rules: AddressRules(allowsLoopback: true, allowed: []), keys: [],
            tls: try NIOSSLContext(configuration: .makeClientConfiguration()), gate: try Bulkhead(4), names: lookup,
            clock: HostClock(), wallClock: SystemWallClock())
        let address = try CallAddress("http://rebound.example:\(participant.port)/a")
        let call = RawCall(
            transaction: "t", step: "a", direction: .action, attempt: 1,
            deadline: HostClock().now.advanced(by: .seconds(30)), values: [], frame: 0, place: 1)
        #expect(try await client.call(address, [], call, as: "action").isEmpty)
        #expect(participant.all.first?.headers["host"] == "rebound.example:\(participant.port)")
        let error = await #expect(throws: TransactionError.self) {
            try await client.call(address, [], call, as: "action")
        }
        #expect(error?.code == .invalidDefinition)
        // Which address it is, is nobody's business.
        #expect(error?.message.contains("\"rebound.example\" may not be called") == true)
        #expect(error?.message.contains("169.254") == false)
        #expect(participant.all.count == 1)
    }

    @Test(arguments: [
        ("http://h", "h", 80, "/"), ("https://h/a?b=c", "h", 443, "/a?b=c"), ("http://h?q", "h", 80, "/?q"),
        ("HTTP://h:8080/", "h", 8_080, "/"), ("http://[::1]:9/x", "::1", 9, "/x"),
        ("http://[2a00::1]/", "2a00::1", 80, "/"),
    ])
    func `a URL is taken apart`(text: String, host: String, port: Int, target: String) throws {
        let address = try CallAddress(text)
        #expect((address.host, address.port, address.target) == (host, port, target))
    }

    @Test(arguments: [
        "", "h/", "file:///etc/passwd", "http:/h", "http://", "http:///a", "http://h:0/", "http://h:65536/",
        "http://h:+1/",
        "http://h:/", "http://u@h/", "http://h/#x", "http://h/a b", "http://h/\r\nX: y", "http://h\\@g/",
        "http://[::1/",
        "http://[h]/", "http://[::1]x/", "http://hé/", "http://h/\u{7F}",
    ])
    func `what two readers could understand differently is no URL`(text: String) {
        #expect(throws: CallAddress.Defect.self) { try CallAddress(text) }
    }
}
