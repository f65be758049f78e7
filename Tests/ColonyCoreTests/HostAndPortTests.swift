import ColonyCore
import Testing

@Suite struct HostAndPortTests {
    @Test(
        arguments: [
            ("localhost", "localhost", nil), ("a.example:7000", "a.example", 7_000), ("10.0.0.1:1", "10.0.0.1", 1),
            ("[::1]", "::1", nil), ("[fe80::2]:65535", "fe80::2", 65_535),
        ] as [(String, String, Int?)])
    func `what users write is read`(text: String, host: String, port: Int?) throws {
        let address = try #require(HostAndPort(text))
        #expect(address.host == host && address.port == port)
    }

    @Test(arguments: [
        "", ":80", "[]", "[]:80", "[::1", "[::1]80", "[::1]:", "::1", "::1:6379", "a:", "a:0", "a:65536", "a:+1",
        "a:-1",
        "a: 1", "a:1x", "a b", "a/b:1", "[a]b]:1", "a:1:2", "a:99999999999999999999",
    ])
    func `other forms are refused`(text: String) {
        #expect(HostAndPort(text) == nil)
    }

    @Test func `an address with colons is shown in brackets`() {
        #expect(HostAndPort.text(host: "::1", port: 80) == "[::1]:80")
        #expect(HostAndPort.text(host: "a", port: 80) == "a:80")
    }
}
