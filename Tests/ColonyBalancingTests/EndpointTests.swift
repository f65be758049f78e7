import ColonyBalancing
import Testing

@Suite("Endpoints")
struct EndpointTests {
    @Test(
        "addresses are read as they are written",
        arguments: ["127.0.0.1:80", "[::1]:8080", "service.internal:65535", "unix:/run/service.sock"])
    func addressesAreRead(text: String) throws {
        #expect(try EndpointAddress(text).description == text)
    }

    @Test(
        "what is no address is quoted in the error",
        arguments: [
            "", "host", "host:", "host:0", "host:65536", "::1:80", "a b:80", "unix:relative", "unix:", "http://host:80",
        ])
    func badAddressesAreQuoted(text: String) {
        let error = #expect(throws: BalancingError.self) { try EndpointAddress(text) }
        #expect(error?.code == .invalidAddress)
        #expect(error?.message.contains("\"\(text)\"") == true)
    }

    @Test("an endpoint is called like its address unless it has a name")
    func namesComeFromAddresses() throws {
        #expect(try Endpoint("127.0.0.1:80").name == "127.0.0.1:80")
        #expect(try Endpoint("127.0.0.1:80", name: "one").name == "one")
    }

    @Test("weights and priorities have ranges", arguments: [-1, 0, 1_001, .max])
    func rangesAreChecked(value: Int) {
        let weight = #expect(throws: BalancingError.self) { try Endpoint("h:80", weight: value) }
        #expect(weight?.code == .invalidWeight)
        #expect(weight?.message.contains("\(value)") == true)
        let priority = #expect(throws: BalancingError.self) { try Endpoint("h:80", priority: value == 0 ? 16 : value) }
        #expect(priority?.code == .invalidPriority)
    }
}
