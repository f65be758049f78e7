import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import Foundation
import Synchronization
import Testing

/// Elections whose nodes know each other by certificates.
@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: TestAuthority.isAvailable)) struct ElectionCertificateTests {
    private let authority: TestAuthority

    init() throws {
        self.authority = try TestAuthority()
    }

    @Test("Nodes with certificates of one authority elect a leader, and another one when it ends without a word")
    func failOver() async throws {
        let set = try VoterSet(voters: ["a", "b", "c"])
        var certificates: [NodeID: NodeCertificates] = [:]
        for id in set.voters { certificates[id] = try self.authority.issue("\(id)", for: id) }
        let log = Log()
        let fleet = try ElectionFleet(certificates: certificates, logger: log.logger)
        try await fleet.start(set.voters, of: set)
        let leader = try await fleet.leader()
        try await eventually("answers of all") { leader.standing.members.allSatisfy { $0.answers == true } }
        try await fleet.kill(leader.configuration.node)
        let next = try await fleet.leader()
        #expect(next.configuration.node != leader.configuration.node)
        #expect(log.warnings.isEmpty, "\(log.warnings)")
    }

    @Test(
        "A node whose certificate is of another authority, has expired, or has another name, and one without TLS, are refused and counted",
        arguments: ["another authority", "expired", "another name", "no TLS"])
    func strangersAreRefused(mistake: String) async throws {
        let set = try VoterSet(voters: ["a", "b", "c"])
        let log = Log()
        let fleet = try ElectionFleet(
            certificates: ["a": self.authority.issue("a", for: "a")], logger: log.logger)
        try await fleet.start(["a"], of: set)
        let node = try fleet["a"]
        let address = try MemberAddress(host: "127.0.0.1", port: try #require(node.port))
        let certificates: NodeCertificates? =
            switch mistake {
            case "another authority": try TestAuthority().issue("b", for: "b", trusting: self.authority)
            case "expired": try self.authority.issue("b", for: "b", days: -1)
            case "another name": try self.authority.issue("b", for: "c")
            default: nil
            }
        let strangers = try ElectionFleet(
            certificates: certificates.map { ["b": $0] } ?? [:], protection: .unsealedOnLoopback)
        let stranger = try strangers.node("b", of: set, knowing: ["a": address])
        try await strangers.start(stranger)
        // It is asked by neither: who dials it looks at its certificate as well.
        try await node.setAddress(MemberAddress(host: "127.0.0.1", port: try #require(stranger.port)), of: "b")
        try await eventually("refusals: \(node.statistics)") {
            node.statistics.refusals[.wrongCertificate] ?? 0 > 3
        }
        #expect(node.statistics.packetsReceived == 0 && fleet.leaders.isEmpty && strangers.leaders.isEmpty)
        #expect(stranger.statistics.packetsReceived == 0)
        #expect(log.warnings.count == 1 && log.warnings[0].contains("wrongCertificate"), "\(log.warnings)")
    }

    @Test("A certificate that was renewed is shown from the next connection on")
    func renewal() async throws {
        let set = try VoterSet(voters: ["a", "b"])
        let expired = try self.authority.issue("b", for: "b", days: -1)
        let fleet = try ElectionFleet(certificates: ["a": self.authority.issue("a", for: "a"), "b": expired])
        try await fleet.start(set.voters, of: set)
        let node = try fleet["a"]
        try await eventually("a refusal") { node.statistics.refusals[.wrongCertificate] ?? 0 > 0 }
        #expect(fleet.leaders.isEmpty)
        _ = try self.authority.issue("b", for: "b")
        try expired.reload()
        _ = try await fleet.leader()
    }

    @Test("Files that are none are refused with their names, and members, who send datagrams, need a key")
    func files() throws {
        let good = try self.authority.issue("a", for: "a")
        let other = try self.authority.issue("b", for: "b")
        func refusal(chain: String? = nil, key: String? = nil, authorities: String? = nil) -> String? {
            do {
                _ = try NodeCertificates(
                    chainFile: chain ?? good.chainFile, keyFile: key ?? good.keyFile,
                    authoritiesFile: authorities ?? good.authoritiesFile)
                return nil
            } catch {
                #expect(error.code == .invalidConfiguration)
                return error.message
            }
        }
        #expect(refusal() == nil)
        #expect(refusal(chain: "/nowhere/a.pem")?.contains("certificate file \"/nowhere/a.pem\"") == true)
        #expect(refusal(key: good.chainFile)?.contains("key file \"\(good.chainFile)\"") == true)
        #expect(refusal(key: other.keyFile)?.contains("does not belong") == true)
        #expect(refusal(authorities: good.keyFile)?.contains("file of authorities") == true)
        let error = #expect(throws: ClusterError.self) {
            try ClusterNodeConfiguration(
                cluster: "orders", name: "a", protection: .certificates(good), membership: try MembershipSettings())
        }
        #expect(error?.message.contains("give the cluster a key") == true)
    }
}
