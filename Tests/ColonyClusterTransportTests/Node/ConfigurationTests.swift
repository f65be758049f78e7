import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Testing

@Suite struct ClusterNodeConfigurationTests {
    private let keyring: ClusterKeyring
    private let settings: MembershipSettings

    init() throws {
        var generator = SeededGenerator(seed: 91)
        self.keyring = try ClusterKeyring(.random(using: &generator))
        self.settings = try MembershipSettings()
    }

    private func refusal(
        host: String = "127.0.0.1", port: Int = 0, advertisedHost: String? = nil, advertisedPort: Int? = nil,
        protection: ClusterProtection? = nil, metadata: Int = 0,
        leaveTimeout: Duration = .zero
    ) -> String? {
        do {
            _ = try ClusterNodeConfiguration(
                cluster: "orders", name: "a", host: host, port: port, advertisedHost: advertisedHost,
                advertisedPort: advertisedPort, protection: protection ?? .keyring(self.keyring),
                metadata: [UInt8](repeating: 0, count: metadata), membership: self.settings, leaveTimeout: leaveTimeout)
            return nil
        } catch {
            #expect(error.code == .invalidConfiguration)
            return error.message
        }
    }

    @Test("Settings that cannot work are refused with their value")
    func badSettingsAreRefused() {
        #expect(self.refusal() == nil)
        #expect(self.refusal(port: 65_536)?.contains("65536") == true)
        #expect(self.refusal(advertisedPort: 0)?.contains("0 is not possible") == true)
        #expect(self.refusal(metadata: 513)?.contains("513") == true)
        #expect(self.refusal(leaveTimeout: .seconds(61))?.contains("61.0 seconds") == true)
    }

    @Test("An address that stands for all of them needs another one that others can reach")
    func wildcardIsNotAdvertised() {
        for host in ["0.0.0.0", "::"] {
            #expect(self.refusal(host: host)?.contains("advertise one of them") == true)
            #expect(self.refusal(host: host, advertisedHost: "10.0.0.1") == nil)
        }
        #expect(self.refusal(advertisedHost: "0.0.0.0") != nil)
    }

    @Test("Without a key a node listens at loopback addresses only, unless it is said otherwise")
    func keyIsNeededOnNetworks() {
        for host in ["127.0.0.1", "127.1.2.3", "::1", "localhost"] {
            #expect(self.refusal(host: host, protection: ClusterProtection.unsealedOnLoopback) == nil)
        }
        for host in ["10.0.0.1", "127.0.0.1.example", "node.example"] {
            #expect(
                self.refusal(host: host, protection: ClusterProtection.unsealedOnLoopback)?
                    .contains("give it a key")
                    == true)
            #expect(self.refusal(host: host, protection: .unsealedOnAnyNetwork) == nil)
        }
    }

    @Test("Limits that cannot work are refused with their value")
    func badLimitsAreRefused() {
        let error = #expect(throws: ClusterError.self) { try ClusterLimits(exchangeBytes: 1_000) }
        #expect(error?.message.contains("1000 is not possible as the size of an exchange") == true)
        #expect(throws: ClusterError.self) { try ClusterLimits(connections: 0) }
        #expect(throws: Never.self) { try ClusterLimits() }
    }

    @Test("A node that cannot listen says where, and ends")
    func occupiedPortIsTold() async throws {
        try await Nodes.with { nodes in
            let first = try await nodes.start("a")
            let port = Int(try #require(first.address).port)
            let second = ClusterNode(
                try ClusterNodeConfiguration(
                    cluster: "orders", name: "b", port: port, protection: .keyring(self.keyring),
                    membership: self.settings), logger: Nodes.silent)
            let error = await #expect(throws: ClusterError.self) { try await second.run() }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("127.0.0.1:\(port)") == true)
            #expect(second.members.isEmpty)
            await second.leave(within: .seconds(1))
            for await _ in second.changes() {}
        }
    }
}
